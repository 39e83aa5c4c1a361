"""The whole round trip of docs/finetuning.md: recordings to rows, a LoRA of the small voice, a bundle, other speech."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from original import Original
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.contract import SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.cli import main
from sparktts_onnx.export.verify.graphs import open_session
from sparktts_onnx.runtime.language.language_model import LanguageModel

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "pretrained_models" / "Spark-TTS-mini"
VOICE = CHECKPOINT / "voices" / "clara.json"
PROMPT = ROOT / "example" / "prompt_audio.wav"
TEXT = "Good morning, the kettle is on."
STEPS = 12


@dataclass(frozen=True)
class Trained:
    """A finetune as a training run leaves it."""

    adapter: Path
    merged: Path
    row: dict[str, Any]
    losses: list[float]
    logits: NDArray[np.float32]
    """Of PEFT's merged model after the last id of the row that was trained on, without its last ids."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the small voice itself."""
    torch.set_num_threads(1)
    if "SPEECH_BUNDLES" in os.environ:
        return Path(os.environ["SPEECH_BUNDLES"]) / "fp32"
    target = tmp_path_factory.mktemp("base") / "onnx"
    assert main(["convert", "--model-dir", str(CHECKPOINT), "--output-dir", str(target), "--skip-verification"]) == 0
    return target


def tokens(folder: Path, bundle: Path) -> dict[str, Any]:
    """The row of one recording."""
    folder.mkdir()
    wav, rate = soundfile.read(PROMPT)
    soundfile.write(folder / "0.wav", wav[: 3 * rate], rate)
    (folder / "0.txt").write_text("The wooden bridge over the river was built by soldiers.", encoding="utf-8")
    assert main(["tokens", str(folder), "--output", str(folder / "rows.jsonl"), "--model", str(bundle)]) == 0
    row: dict[str, Any] = json.loads((folder / "rows.jsonl").read_text(encoding="utf-8"))
    return row


def train(line: str, folder: Path) -> tuple[list[float], NDArray[np.float32]]:
    """A few steps on one line, as PEFT and transformers do it; adapter and merged model are saved."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT / "LLM")
    base = AutoModelForCausalLM.from_pretrained(CHECKPOINT / "LLM", dtype=torch.float32)
    projections = [f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")]
    config = peft.LoraConfig(r=8, lora_alpha=16, target_modules=projections, use_rslora=True, task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    optimizer = torch.optim.AdamW((values for values in model.parameters() if values.requires_grad), lr=5e-3)
    ids = tokenizer(line, return_tensors="pt").input_ids
    losses = []
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.save_pretrained(folder / "adapter")
    tokenizer.save_pretrained(folder / "adapter")
    merged = model.eval().merge_and_unload()
    merged.save_pretrained(folder / "merged", max_shard_size="5MB")
    with torch.no_grad():
        return losses, merged(ids[:, :-9]).logits[0, -1].numpy()


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("finetuning")
    row = tokens(folder / "clips", base)
    losses, logits = train(row["text"], folder)
    return Trained(folder / "adapter", folder / "merged", row, losses, logits)


def converted(target: Path, *finetune: str | Path) -> Path:
    given = ["--model-dir", CHECKPOINT, "--output-dir", target, "--graphs", ",".join(SPEAKING_GRAPHS), *finetune]
    assert main(["convert", "--skip-verification", *map(str, given)]) == 0
    return target


def spoken(bundle: Path) -> NDArray[np.float32]:
    with SparkTTSONNX(bundle, device="cpu") as tts:
        voice = tts.load_voice(VOICE)
        return tts.inference(TEXT, voice=voice, temperature=0, retries=0, check_words=False)[0]


def test_rows_hold_what_the_original_hears(trained: Trained) -> None:
    file = trained.adapter.parent / "clips" / "0.wav"
    semantic, speaker = Original(CHECKPOINT).tokens(file)
    assert f"<|start_global_token|>{speaker}<|end_global_token|>" in trained.row["text"]
    assert f"<|start_semantic_token|>{semantic}<|end_semantic_token|><|im_end|>" in trained.row["text"]


def test_a_finetune_is_heard_as_an_adapter_and_as_a_model_alone(base: Path, trained: Trained, tmp_path: Path) -> None:
    assert trained.losses[-1] < 0.9 * trained.losses[0]
    adapted = converted(tmp_path / "adapted", "--lora", trained.adapter)
    alone = converted(tmp_path / "alone", "--language-model", trained.merged)
    layout = read_manifest(adapted).language_model
    ids = AutoTokenizer.from_pretrained(CHECKPOINT / "LLM")(trained.row["text"]).input_ids[:-9]
    rows = slice(layout.head_first_id, layout.head_first_id + layout.head_rows)
    for bundle in (adapted, alone):
        logits = LanguageModel(open_session(bundle / "language_model.onnx"), layout).prefill(0, ids)
        np.testing.assert_allclose(logits, trained.logits[rows], atol=1e-4 * float(trained.logits.std()))
    before, ours = spoken(base), spoken(adapted)
    np.testing.assert_allclose(ours, spoken(alone), atol=1e-3 * np.abs(ours).max())
    assert len(ours) != len(before) or np.abs(ours - before).max() > 0.1 * np.abs(before).max()

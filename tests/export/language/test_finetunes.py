"""Finetunes as people have them: adapters of PEFT and language models alone, with the codec of another checkpoint."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from sparktts_onnx.bundle.contract import MANIFEST_NAME, TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import IdRange, read_manifest
from sparktts_onnx.cli import main
from sparktts_onnx.errors import CheckpointError, MissingDependencyError
from sparktts_onnx.export.checkpoint.checkpoint import PUBLISHED, open_checkpoint
from sparktts_onnx.export.checkpoint.weights import SAFETENSORS_NAME
from sparktts_onnx.export.language import lora as lora_module
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.lora import merge_adapter
from sparktts_onnx.export.language.weights import read_reference
from sparktts_onnx.export.verify.graphs import open_session
from sparktts_onnx.runtime.language.language_model import LanguageModel

PROJECTIONS = [f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")]
ADAPTER = "adapter_model.safetensors"
IDS = list(range(300, 340))


def lora(**options: Any) -> peft.LoraConfig:
    return peft.LoraConfig(
        **{"r": 4, "lora_alpha": 8, "target_modules": PROJECTIONS, "task_type": "CAUSAL_LM", **options}
    )


KINDS = {
    "LoRA": lora(),
    "rsLoRA": lora(use_rslora=True, lora_alpha=3),
    "DoRA": lora(use_dora=True),
    "ranks of their own": lora(
        rank_pattern={"layers.1.*q_proj": 2}, alpha_pattern={"down_proj": 30}, target_modules="all-linear"
    ),
    "biases": lora(bias="lora_only"),
    "a head of its own": lora(modules_to_save=["lm_head"]),
    "embedding and head": lora(modules_to_save=["embed_tokens", "lm_head"]),
    "an embedding that is adapted": lora(target_modules=["q_proj", "embed_tokens"]),
    "some tokens": lora(trainable_token_indices=[301, 333]),
    "LoHa": peft.LoHaConfig(r=2, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"),
    "OFT": peft.OFTConfig(r=0, oft_block_size=8, target_modules=["q_proj"], task_type="CAUSAL_LM"),
}
TIED_BY_PEFT = ("an embedding that is adapted",)
"""PEFT's merge changes the one tensor that embedding and head share, though training adapted the embedding alone."""


def base_model(checkpoint: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(checkpoint / "LLM", dtype=torch.float32, attn_implementation="eager")


def logits(model: Any) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = model.eval()(torch.tensor([IDS])).logits[0].numpy()
    return found


def train(checkpoint: Path, config: peft.PeftConfig, folder: Path, *, more_rows: int = 0) -> np.ndarray:
    """Save an adapter all of whose values are moved, as training would; the logits that it was trained to give."""
    torch.manual_seed(0)
    base = base_model(checkpoint)
    base.resize_token_embeddings(base.config.vocab_size + more_rows)
    model = peft.get_peft_model(base, config)
    for name, values in model.named_parameters():
        if values.requires_grad:
            values.data += 0.1 * torch.randn_like(values) * (0.1 if "norm" in name else 1)
    model.save_pretrained(folder)
    return logits(model)


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / expected.std())


@pytest.fixture
def adapter(tiny_folder: Path, tmp_path: Path) -> Path:
    """A plain adapter that a test may damage."""
    train(tiny_folder, KINDS["LoRA"], tmp_path / "my-adapter")
    return tmp_path / "my-adapter"


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_adapter_gives_what_was_trained(tiny_folder: Path, tmp_path: Path, kind: str) -> None:
    trained = train(tiny_folder, KINDS[kind], tmp_path / "adapter")
    assert deviation(logits(base_model(tiny_folder)), trained) > 0.05
    merge_adapter(tiny_folder / "LLM", tmp_path / "adapter", tmp_path / "merged")
    ours = logits(read_reference(tmp_path / "merged"))
    assert deviation(ours, trained) < 2e-4
    theirs = peft.PeftModel.from_pretrained(base_model(tiny_folder), tmp_path / "adapter").merge_and_unload()
    assert (deviation(ours, logits(theirs)) < 2e-4) == (kind not in TIED_BY_PEFT)


@pytest.mark.parametrize("rows", [40, -1])
@pytest.mark.parametrize("kind", ["LoRA", "a head of its own", "embedding and head"])
def test_an_embedding_that_training_resized_is_taken(tiny_folder: Path, tmp_path: Path, kind: str, rows: int) -> None:
    trained = train(tiny_folder, KINDS[kind], tmp_path / "adapter", more_rows=rows)
    merge_adapter(tiny_folder / "LLM", tmp_path / "adapter", tmp_path / "merged")
    ours = logits(read_reference(tmp_path / "merged"))
    assert ours.shape == trained.shape == (len(IDS), read_decoder_config(tiny_folder / "LLM").vocab_size + rows)
    assert deviation(ours, trained) < 2e-4


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("base_model.model.", "base_model.model._orig_mod."),
        lambda name: "_orig_mod." + name,
        lambda name: name.replace(".self_attn.", "._orig_mod.self_attn."),
        lambda name: name.removeprefix("base_model.model."),
    ],
    ids=["compiled model", "compiled adapter", "compiled layers", "no prefix"],
)
def test_names_of_wrappers_do_not_matter(
    tiny_folder: Path, adapter: Path, tmp_path: Path, rename: Callable[[str], str]
) -> None:
    merge_adapter(tiny_folder / "LLM", adapter, tmp_path / "before")
    save_file({rename(name): values for name, values in load_file(adapter / ADAPTER).items()}, adapter / ADAPTER)
    merge_adapter(tiny_folder / "LLM", adapter, tmp_path / "after")
    before, after = (load_file(tmp_path / name / SAFETENSORS_NAME) for name in ("before", "after"))
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def set_config(adapter: Path, **values: Any) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def change_tensors(adapter: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    save_file(change(load_file(adapter / ADAPTER)), adapter / ADAPTER)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda it: (it / "adapter_config.json").unlink(), "there is no adapter in .* --language-model"),
    "no weights": (lambda it: (it / ADAPTER).unlink(), "has no weights: expected adapter_model.safetensors"),
    "a pointer": (lambda it: (it / ADAPTER).write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "cut off": (lambda it: (it / ADAPTER).write_bytes((it / ADAPTER).read_bytes()[:999]), "cannot be merged"),
    "not JSON": (lambda it: (it / "adapter_config.json").write_text("{"), "adapter_config.json cannot be read"),
    "unknown kind": (lambda it: set_config(it, peft_type="MAGIC"), "cannot be merged"),
    "prompts": (lambda it: set_config(it, peft_type="PROMPT_TUNING", num_virtual_tokens=3), "cannot be merged"),
    "other modules": (lambda it: set_config(it, target_modules=["wqkv"]), "cannot be merged.*wqkv"),
    "other rank": (lambda it: set_config(it, r=5), "cannot be merged.*size mismatch"),
    "more layers": (
        lambda it: change_tensors(
            it, lambda all_: {**all_, "base_model.model.model.layers.9.mlp.up_proj.lora_A.weight": torch.ones(4, 64)}
        ),
        r"has a tensor too many: .*layers\.9",
    ),
    "fewer tensors": (
        lambda it: change_tensors(it, lambda all_: {name: all_[name] for name in all_ if "up_proj" not in name}),
        "lacks the tensor: .*up_proj",
    ),
    "not a number": (
        lambda it: change_tensors(it, lambda all_: {name: values * float("nan") for name, values in all_.items()}),
        "cannot be merged.*NaN",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_adapter_that_cannot_be_merged_is_one_message(
    tiny_folder: Path, adapter: Path, tmp_path: Path, fault: str
) -> None:
    damage, message = FAULTS[fault]
    damage(adapter)
    with pytest.raises(CheckpointError, match=message) as error:
        merge_adapter(tiny_folder / "LLM", adapter, tmp_path / "merged")
    assert "\n" not in str(error.value) and len(str(error.value)) < 800
    assert not (tmp_path / "merged").exists()


def test_a_full_disk_is_one_message(
    tiny_folder: Path,
    adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(lora_module, "save_file", full)
    given = ["--model-dir", tiny_folder, "--lora", adapter, "--output-dir", tmp_path / "out" / "onnx"]
    assert main(["convert", *map(str, given)]) == 1
    assert "error: the merged language model cannot be written to " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_peft_the_extra_is_named(
    tiny_folder: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependencyError, match=r"sparktts-onnx\[convert,cpu,lora\]"):
        merge_adapter(tiny_folder / "LLM", adapter, tmp_path / "merged")


def as_transformers_4(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    (folder / "config.json").write_text(json.dumps(config))


def finetune(checkpoint: Path, folder: Path, *, padding: int = 0, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """A language model alone, moved a little from a checkpoint's and saved by transformers; its logits."""
    torch.manual_seed(1)
    model = base_model(checkpoint)
    model.resize_token_embeddings(model.config.vocab_size + padding)
    for values in model.parameters():
        values.data += 0.02 * torch.randn_like(values)
    model.to(dtype).save_pretrained(folder, max_shard_size="200KB")
    return logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"))


def convert(checkpoint: Path, target: Path, *options: str | Path) -> LanguageModel:
    given = ["--model-dir", checkpoint, "--output-dir", target, "--graphs", "language_model", "--head", "full"]
    assert main(["convert", *map(str, [*given, "--skip-verification", *options])]) == 0
    return LanguageModel(open_session(target / "language_model.onnx"), read_manifest(target).language_model)


@pytest.mark.parametrize("change", [lambda folder: None, as_transformers_4], ids=["transformers 5", "transformers 4"])
def test_a_language_model_alone_is_converted_with_the_codec(
    tiny_folder: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """In shards of bfloat16, with rows that the tokenizer does not have, and no tokenizer."""
    expected = finetune(tiny_folder, tmp_path / "mine", padding=64, dtype=torch.bfloat16)
    change(tmp_path / "mine")
    found = convert(tiny_folder, tmp_path / "onnx", "--language-model", tmp_path / "mine").prefill(0, IDS)
    assert deviation(found, expected[-1]) < 2e-4
    manifest = read_manifest(tmp_path / "onnx")
    assert manifest.source == f"{tiny_folder.name} + mine" and manifest.licence == PUBLISHED


def test_an_adapter_is_merged_into_the_language_model_that_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(tiny_folder, whole, ignore=shutil.ignore_patterns("onnx"))
    shutil.rmtree(whole / "LLM")
    finetune(tiny_folder, whole / "LLM")
    expected = train(whole, KINDS["DoRA"], tmp_path / "mine")
    shutil.copy(tiny_folder / "LLM" / TOKENIZER_NAME, tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("---\nlicense: mit\n---\n")
    model = convert(tiny_folder, tmp_path / "onnx", "--language-model", whole, "--lora", tmp_path / "mine")
    assert deviation(model.prefill(0, IDS), expected[-1]) < 2e-4
    manifest = read_manifest(tmp_path / "onnx")
    assert manifest.source == f"{tiny_folder.name} + whole + mine" and manifest.licence == f"{PUBLISHED}; mit"
    assert not list(tmp_path.glob(".*"))


def test_an_adapter_beside_whole_weights_is_told(
    tiny_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "whole"))
    open_checkpoint(tiny_folder, language_model=whole)
    assert not caplog.messages
    train(tiny_folder, KINDS["LoRA"], whole)
    open_checkpoint(tiny_folder, language_model=whole)
    assert "to merge it, name the folder with --lora" in caplog.text
    caplog.clear()
    open_checkpoint(tiny_folder, language_model=whole, adapter=whole)
    assert not caplog.messages


def rename_token(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (("<|start_content|>", "<|end_content|>"), "do not agree on start_content: "),
        (("<|bicodec_semantic_", "<|other_"), r"has no tokens <\|bicodec_semantic_0\|>"),
    ],
)
def test_a_tokenizer_of_another_model_is_refused(
    tiny_folder: Path, tmp_path: Path, swap: tuple[str, str], message: str
) -> None:
    shutil.copy(tiny_folder / "LLM" / TOKENIZER_NAME, tmp_path)
    old, new = swap
    for pair in ((old, "<|none|>"), (new, old), ("<|none|>", new)):
        rename_token(tmp_path / TOKENIZER_NAME, *pair)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tiny_folder, adapter=tmp_path)


@pytest.mark.parametrize(("file", "option"), [("config.json", "--language-model"), ("adapter_config.json", "--lora")])
def test_a_finetune_in_the_checkpoint_s_place_is_one_message(tmp_path: Path, file: str, option: str) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(CheckpointError, match=f"name this folder with {option}"):
        open_checkpoint(tmp_path)


def test_the_finetune_s_tokenizer_is_used(tiny_folder: Path, tmp_path: Path) -> None:
    """It may have more tokens; the codec's checkpoint then needs none, and no language model."""
    finetune(tiny_folder, tmp_path / "mine")
    codec = Path(shutil.copytree(tiny_folder, tmp_path / "codec", ignore=shutil.ignore_patterns("onnx", "LLM")))
    spec = json.loads((tiny_folder / "LLM" / TOKENIZER_NAME).read_text())
    spec["added_tokens"].append({**spec["added_tokens"][-1], "content": "<|mood_0|>", "id": 6140})
    (tmp_path / "mine" / TOKENIZER_NAME).write_text(json.dumps(spec))
    for folder in (codec, tiny_folder):
        opened = open_checkpoint(folder, language_model=tmp_path / "mine")
        assert opened.tokenizer_folder == tmp_path / "mine" and IdRange(6140, 1) in opened.token_ids.attributes


@pytest.mark.parametrize("published", [True, False])
def test_tokens_that_no_text_can_stand_for_are_named(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], published: bool
) -> None:
    """Of a checkpoint that was trained as a whole, only its own tokenizer is known."""
    checkpoint = Path(shutil.copytree(tiny_folder, tmp_path / "codec", ignore=shutil.ignore_patterns("onnx")))
    mine = Path(shutil.copytree(tiny_folder / "LLM", tmp_path / "mine"))
    spec = json.loads((tiny_folder / "LLM" / TOKENIZER_NAME).read_text())
    names = ["<laugh>", "[sigh]", "<tool_call>", "<|mood_0|>", "<|wink|>"]
    spec["added_tokens"] += [{**spec["added_tokens"][-1], "content": content, "id": 6136} for content in names]
    ((mine if published else checkpoint / "LLM") / TOKENIZER_NAME).write_text(json.dumps(spec))
    options = ["--language-model", str(mine)] if published else []
    given = ["--model-dir", str(checkpoint), *options, "--graphs", "language_model", "--skip-verification"]
    assert main(["convert", *given, "--output-dir", str(tmp_path / "out")]) == 0
    told = "<laugh>, [sigh]" + (", <|wink|>" if published else "")
    assert f"read as plain text by a bundle: {told}\n" in capsys.readouterr().err
    assert main(["convert", "--model-dir", str(tiny_folder), *given[-3:], "--output-dir", str(tmp_path / "other")]) == 0
    assert "plain text" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda it: (it / "adapter_config.json").write_text("{}"), "holds a LoRA adapter.* --lora"),
        (lambda it: (it / "model.gguf").write_text(""), "there is no language model in .* save_pretrained"),
        (lambda it: (it / "config.json").write_text('{"model_type": "llama"}'), "model_type is 'llama'"),
        (
            lambda it: (it / "config.json").write_text('{"model_type": "qwen2", "quantization_config": {"a": 1}}'),
            "quantized",
        ),
    ],
)
def test_a_folder_without_a_language_model_is_one_message(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path)
    assert main(["convert", "--model-dir", str(tiny_folder), "--language-model", str(tmp_path)]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert re.search(message, error[0])


def test_a_finetune_s_bundle_goes_into_its_folder(tiny_folder: Path, adapter: Path) -> None:
    given = [
        "--model-dir",
        str(tiny_folder),
        "--lora",
        str(adapter),
        "--graphs",
        "language_model",
        "--skip-verification",
    ]
    assert main(["convert", *given]) == 0
    assert (adapter / "onnx" / MANIFEST_NAME).is_file()


@pytest.mark.parametrize("option", ["--language-model", "--lora"])
def test_a_folder_that_is_not_there_is_one_message(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["convert", "--model-dir", str(tiny_folder), option, "nowhere"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no folder nowhere; ") and error.count("\n") == 1

"""Every golden array: what the original answers, our modules and our graphs answer too.

pytest tests/export/test_golden.py                                              # the tiny sizes
pytest tests/export/test_golden.py --golden-full NPZ --checkpoint FOLDER        # the published sizes
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from original import detokenized, tokenized

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import Manifest, read_manifest
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint, open_checkpoint
from sparktts_onnx.export.codec.references import References
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.options import ConversionOptions
from sparktts_onnx.export.verify.end_to_end import run_graph
from sparktts_onnx.export.verify.graphs import wrong_tokens
from sparktts_onnx.export.verify.language_model import GraphRunner
from sparktts_onnx.runtime.language.prompting import Prompter

DATA = Path(__file__).parents[1] / "data"
TOLERANCE = 1e-3
PROMPTS = ("clone", "clone_with_transcript", "create_voice")
Arrays = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Arrays:
    path = request.config.getoption("--golden-full", default=None) or DATA / "golden_tiny.npz"
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def checkpoint(request: pytest.FixtureRequest, tiny: Checkpoint) -> Checkpoint:
    folder = request.config.getoption("--checkpoint", default=None)
    return open_checkpoint(folder) if folder else tiny


@pytest.fixture(scope="module")
def bundle(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("golden") / "onnx"
    convert(ConversionOptions(checkpoint.folder, target, head="full", verify=False))
    return target


@pytest.fixture(scope="module")
def manifest(bundle: Path) -> Manifest:
    return read_manifest(bundle)


def close(found: NDArray[Any], expected: NDArray[Any]) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


# Graph, the golden arrays it is given, the golden array it answers with.
STAGES = [
    ("encoder", ["features"], "z"),
    ("encoder", ["rand_features:transposed"], "rand_features_z"),
    ("quantizer_detokenize", ["semantic_tokens"], "z_q"),
    ("speaker_detokenize", ["global_tokens"], "d_vector"),
    ("speaker_detokenize", ["rand_global"], "rand_d_vector"),
    ("prenet", ["z_q", "d_vector"], "prenet_out"),
    ("prenet", ["rand_z_q", "rand_d_vector"], "rand_prenet_out"),
    ("postnet", ["prenet_out"], "postnet_out"),
    ("decoder", ["prenet_out", "d_vector"], "wav_out"),
    ("decoder", ["rand_prenet_out", "rand_d_vector"], "rand_wav"),
]


@pytest.mark.parametrize(("graph", "given", "answer"), STAGES)
def test_a_graph_answers_as_the_original(
    bundle: Path, golden: Arrays, graph: str, given: list[str], answer: str
) -> None:
    inputs = [_input(golden, name, spec.dtype) for name, spec in zip(given, COMPONENTS[graph].inputs, strict=True)]
    close(run_graph(bundle, graph, *inputs)[0], golden[answer])


def _input(golden: Arrays, name: str, dtype: str) -> NDArray[Any]:
    base, _, order = name.partition(":")
    array = golden[base].astype(dtype)
    return np.ascontiguousarray(array.transpose(0, 2, 1)) if order else array


def test_random_semantic_ids_give_the_same_latents(bundle: Path, golden: Arrays) -> None:
    found = run_graph(bundle, "quantizer_detokenize", golden["rand_semantic"])[0]
    close(found, golden["rand_z_q"])


def test_the_recording_gives_the_same_features_and_ids(bundle: Path, golden: Arrays) -> None:
    features = run_graph(bundle, "wav2vec2", golden["wav_16k"][None])[0]
    close(features, golden["features"])
    z = run_graph(bundle, "encoder", features)[0]
    close(z, golden["z"])
    found = run_graph(bundle, "quantizer_tokenize", z)[0]
    assert found.shape == golden["semantic_tokens"].shape
    assert wrong_tokens(found, golden["semantic_tokens"], golden["semantic_margin"]) == 0
    found = run_graph(bundle, "quantizer_tokenize", golden["rand_z"])[0]
    assert wrong_tokens(found, golden["rand_z_tokens"], golden["rand_z_margin"]) == 0


def test_the_reference_clip_gives_the_same_global_ids(bundle: Path, golden: Arrays) -> None:
    ids, x_vector = run_graph(bundle, "speaker_encoder", golden["ref_clip"][None])
    assert ids.shape == golden["global_tokens"].shape
    assert wrong_tokens(ids, golden["global_tokens"], golden["global_margin"][:, None]) == 0
    close(x_vector, golden["x_vector"])


def test_the_whole_chain_gives_the_same_wave(bundle: Path, golden: Arrays) -> None:
    d_vector = run_graph(bundle, "speaker_detokenize", golden["global_tokens"].astype(np.int64))[0]
    z_q = run_graph(bundle, "quantizer_detokenize", golden["semantic_tokens"])[0]
    x = run_graph(bundle, "prenet", z_q, d_vector)[0]
    close(run_graph(bundle, "decoder", x, d_vector)[0], golden["wav_out"])


def test_the_modules_answer_as_the_original(checkpoint: Checkpoint, golden: Arrays) -> None:
    references = References(checkpoint)
    codec, features = references.codec, references.published("wav2vec2")
    given = {name: torch.from_numpy(array) for name, array in golden.items() if array.dtype.kind in "fi"}
    with torch.no_grad():
        close(codec.mel_transformer(given["ref_clip"][None]).numpy(), golden["mel"])
        close(features(given["wav_16k"][None]).numpy(), golden["features"])
        wave = detokenized(codec, given["semantic_tokens"], given["global_tokens"].long())
        semantic, speaker = tokenized(codec, given["features"], given["ref_clip"][None])
    close(wave.numpy(), golden["wav_out"])
    assert wrong_tokens(semantic.numpy(), golden["semantic_tokens"], golden["semantic_margin"]) == 0
    assert wrong_tokens(speaker.numpy(), golden["global_tokens"], golden["global_margin"][:, None]) == 0


@pytest.mark.parametrize("name", PROMPTS)
def test_the_language_model_answers_as_the_original(
    bundle: Path, manifest: Manifest, golden: Arrays, name: str
) -> None:
    prompt, greedy = golden[f"{name}_ids"], golden[f"{name}_greedy"]
    path = bundle / f"{LANGUAGE_MODEL}.onnx"
    runner = GraphRunner(path, manifest.language_model, capacity=prompt.shape[1] + len(greedy))
    logits, past = runner.advance(prompt, runner.empty(), [0])
    close(logits[0], golden[f"{name}_last_logits"])
    found, length = [], prompt.shape[1]
    for _ in greedy:
        found.append(int(logits[0].argmax()))
        logits, past = runner.advance(np.asarray([[found[-1]]]), past, [length])
        length += 1
    assert found == greedy.tolist()


def test_prompts_have_the_ids_of_the_original(bundle: Path, manifest: Manifest, golden: Arrays) -> None:
    prompter, ids = Prompter(bundle / TOKENIZER_NAME, manifest.token_ids), manifest.token_ids
    text, transcript = str(golden["text"]), str(golden["prompt_text"])
    voice = [ids.start_global, *(ids.global_tokens.first + golden["global_tokens"].ravel()), ids.end_global]
    semantic = [ids.start_semantic, *(ids.semantic_tokens.first + golden["semantic_tokens"].ravel())]

    def content(spoken: str) -> list[int]:
        return [ids.start_content, *prompter.text_ids(spoken), ids.end_content]

    assert [ids.task_tts, *content(text), *voice] == golden["clone_ids"][0].tolist()
    expected = [ids.task_tts, *content(transcript + text), *voice, *semantic]
    assert expected == golden["clone_with_transcript_ids"][0].tolist()
    created = golden["create_voice_ids"][0].tolist()
    assert created[: 1 + len(content(text))] == [ids.task_controllable_tts, *content(text)]

"""Alignment heads are found without a label, their lead from known word times, and where there are none it is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sparktts_onnx.bundle.contract import ENROLLMENT_GRAPHS, LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.errors import VerificationError
from sparktts_onnx.export.alignment.probe import AttentionProbe, ProbedAnswer
from sparktts_onnx.export.alignment.search import (
    LEAST_CONTRAST,
    ReadSentence,
    choose_heads,
    contrasts,
    read_recordings,
    word_offsets,
)
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.checkpoint.weights import SAFETENSORS_NAME
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import write_language_model
from sparktts_onnx.export.language.weights import read_reference
from sparktts_onnx.export.options import ConversionOptions
from sparktts_onnx.runtime.language.alignment import TextColumns


def test_the_shipped_recordings_hold_what_is_said_of_them() -> None:
    """A time for each word (espeak-ng takes "of the" for one), in order, inside the sound, where there is sound."""
    recordings = read_recordings(16_000)
    assert len(recordings) == 10
    for recording in recordings:
        starts = [start for start, _ in TextColumns(recording.text, ()).words()]
        assert recording.word_starts.keys() <= set(starts) and len(recording.word_starts) >= len(starts) - 1
        times = [recording.word_starts[start] for start in sorted(recording.word_starts)]
        seconds = len(recording.wave) / 16_000
        assert times == sorted(times) and times[-1] < seconds < 3.2
        loudness = np.abs(recording.wave[: int(times[-1] * 16_000)]).mean()
        assert loudness > 0.02
    assert [len(r.wave) * 3 for r in recordings] == pytest.approx([len(r.wave) for r in read_recordings(48_000)], abs=3)


def test_random_weights_have_no_such_heads_and_the_bundle_says_so(tiny_bundle: Path) -> None:
    alignment = read_manifest(tiny_bundle).alignment
    assert alignment is not None and alignment.heads == ()
    assert alignment.contrast is not None and alignment.contrast < LEAST_CONTRAST / 2
    assert "no attention head follows the text" in (alignment.reason or "")
    assert not list(tiny_bundle.glob("*probe*"))


def test_numbers_that_overflow_in_half_precision_are_a_fault_of_the_graph(tiny_folder: Path, tmp_path: Path) -> None:
    """No head is found in them, and the verification tells what is wrong."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("onnx")))
    weights = folder / "LLM" / SAFETENSORS_NAME
    tensors = {
        name: 1e8 * tensor if "layers.0.mlp.up" in name else tensor for name, tensor in load_file(weights).items()
    }
    save_file(tensors, weights)
    graphs = (*ENROLLMENT_GRAPHS, LANGUAGE_MODEL)
    with pytest.raises(VerificationError, match=r"language_model .* logits deviate by nan"):
        convert(ConversionOptions(folder, tmp_path / "onnx", precision="fp16", graphs=graphs))


def test_looking_can_be_left_out_and_a_part_of_a_bundle_says_why_it_has_none(tiny_folder: Path, tmp_path: Path) -> None:
    graphs = ("language_model",)
    found = convert(ConversionOptions(tiny_folder, tmp_path / "a", verify=False, graphs=graphs))
    assert found.alignment is not None and "wav2vec2" in (found.alignment.reason or "")
    left_out = ConversionOptions(tiny_folder, tmp_path / "b", verify=False, graphs=graphs, alignment=False)
    assert convert(left_out).alignment is None


def test_the_clearest_heads_are_chosen_and_few() -> None:
    assert choose_heads(np.array([[0.01, 0.81], [0.8, 0.3]])) == [(0, 1), (1, 0)]
    assert choose_heads(np.array([[0.09, 0.01], [0.07, 0.12]])) == [(0, 0), (1, 1)]
    assert choose_heads(np.array([[0.79, 0.79], [0.42, 0.5]])) == [(0, 0), (0, 1), (1, 1)]
    assert len(choose_heads(np.full((3, 4), 0.5))) == 4


def test_contrast_tells_reading_from_wandering() -> None:
    text = "One two, three."
    rng, columns = np.random.default_rng(0), len(text)
    forward = np.full((3 * columns, columns), 0.1 / (columns - 1), np.float32)
    forward[np.arange(3 * columns), np.arange(3 * columns) // 3] = 0.9
    wandering = rng.dirichlet(np.ones(columns), len(forward)).astype(np.float32)
    still = np.full_like(forward, 1 / columns)
    letters = TextColumns(text, tuple((i, i + 1) for i in range(columns))).letters()
    found = contrasts(np.stack([forward, forward[::-1], wandering, still]), letters)
    assert found[0] > 0.5 and found[1] < -0.5
    assert abs(found[2]) < 0.05 and abs(found[3]) < 1e-6


def test_the_lead_is_what_attention_comes_before_the_sound() -> None:
    text = "One two ten"
    spans = tuple((i, i + 1) for i in range(len(text)))
    masses = np.full((44, 11), 0.01, np.float32)
    masses[np.arange(44), np.arange(44) // 4] = 0.9
    heard = {0: 0.0, 4: 16 * 0.02 + 0.05, 8: 32 * 0.02 + 0.03}
    recording = ReadSentence(text, "m1", np.zeros(16_000, np.float32), heard)
    assert word_offsets(recording, TextColumns(text, spans), masses, 0.02) == pytest.approx([0.05, 0.03])


def test_the_probe_gives_every_head_s_attention(tiny: Checkpoint, tmp_path: Path) -> None:
    """Against the softmax that transformers computes."""
    import torch

    layout = write_language_model(tiny.language_model_folder, tmp_path)
    config = read_decoder_config(tiny.language_model_folder)
    ids = np.random.default_rng(0).integers(0, 200, 40).tolist()
    answer = ProbedAnswer(tuple(ids), TextColumns("", (), range(2, 12)), range(20, 39))
    found = AttentionProbe(tmp_path, layout, config, capacity=50).masses(answer)
    with torch.no_grad():
        attentions = read_reference(tiny.language_model_folder)(torch.tensor([ids]), output_attentions=True).attentions
    seen = np.stack([layer[0].numpy() for layer in attentions])[:, :, 20:39, 2:12]
    np.testing.assert_allclose(found, seen / seen.sum(axis=3, keepdims=True), rtol=0, atol=1e-5)

"""Greedy speech of a trained checkpoint equals the original's, from text and recording to samples."""

from pathlib import Path

import numpy as np
import pytest
from original import Original

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.options import ConversionOptions

ROOT = Path(__file__).parents[2]
PROMPT = ROOT / "example" / "prompt_audio.wav"
TRANSCRIPT = (
    "The wooden bridge over the river was built by soldiers. Every Saturday my parents buy fresh fish at the market."
)
GREEDY = {"temperature": 0, "normalize": False, "retries": 0, "check_words": False}


@pytest.fixture(scope="module")
def checkpoint(request: pytest.FixtureRequest) -> Path:
    """The checkpoint named by `--checkpoint`, else the small voice of the repository."""
    chosen: Path | None = request.config.getoption("--checkpoint")
    return chosen or ROOT / "pretrained_models" / "Spark-TTS-mini"


@pytest.fixture(scope="module")
def tts(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> SparkTTSONNX:
    """The same checkpoint, converted."""
    target = tmp_path_factory.mktemp("converted") / "onnx"
    convert(ConversionOptions(checkpoint, target, verify=False))
    return SparkTTSONNX(target, device="cpu")


@pytest.fixture(scope="module")
def original(checkpoint: Path) -> Original:
    """The original's way."""
    return Original(checkpoint)


@pytest.mark.parametrize("transcript", [None, TRANSCRIPT], ids=["plain", "with transcript"])
def test_a_clone_speaks_as_the_original(tts: SparkTTSONNX, original: Original, transcript: str | None) -> None:
    text = "Good morning, the kettle is on."
    voice = tts.process_prompt(PROMPT, transcript)
    ours, info = tts.inference(text, voice=voice, **GREEDY)
    theirs = original.clone(text, PROMPT, transcript)
    assert info.stop_reason == "end"
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())
    watched, _ = tts.inference(text, voice=voice, **{**GREEDY, "check_words": True})
    np.testing.assert_array_equal(watched, ours)  # the words of a greedy answer are judged, not cut


def test_a_created_voice_speaks_as_the_original(tts: SparkTTSONNX, original: Original) -> None:
    text = "Nine people bought a ticket."
    ours, info = tts.inference(text, gender="male", pitch="low", speed="high", **GREEDY)
    theirs = original.create(text, "male", "low", "high")
    assert info.stop_reason == "end"
    assert len(ours) == len(theirs) > 0
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())

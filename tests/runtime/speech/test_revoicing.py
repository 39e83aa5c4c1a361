"""A recording in another voice: the same ids spoken by other global ids, in windows, without the language model."""

import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.errors import BundleError, GenerationError, OptionError, RecordingError, VoiceError
from sparktts_onnx.runtime.voices.content import OVERLAP, WINDOW

RECORDED = (1, 2, 3, 4)
STEP = WINDOW - 2 * OVERLAP


def ids(count: int) -> tuple[int, ...]:
    return tuple(itertools.islice(nano.walks(), count))


def recording(wav: Any, rate: int = nano.SAMPLE_RATE) -> io.BytesIO:
    file = io.BytesIO()
    soundfile.write(file, wav, rate, format="WAV", subtype="FLOAT")
    file.seek(0)
    return file


def recorded(count: int, more: int = nano.BORDER) -> np.ndarray[Any, Any]:
    return np.concatenate([nano.sound(ids(count), RECORDED), np.zeros(more, np.float32)])


@pytest.mark.parametrize("more", [nano.BORDER, nano.HOP - 1])
@pytest.mark.parametrize(
    "count", [6, WINDOW, WINDOW + 1, WINDOW + STEP, WINDOW + STEP + 1, 2 * WINDOW + STEP - 1, 4321]
)
def test_words_and_timing_stay_and_the_voice_is_another(
    tts: SparkTTSONNX, other_voice: Voice, count: int, more: int
) -> None:
    wav, info = tts.revoice(recording(recorded(count, more)), other_voice)
    np.testing.assert_allclose(wav, nano.sound(ids(count), other_voice.global_ids), atol=1e-4)
    assert (info.tokens, info.voice, info.stop_reason) == (count, other_voice, "end")
    assert info.duration_seconds == count * nano.HOP / nano.SAMPLE_RATE


def test_the_report_names_the_model(tts: SparkTTSONNX, other_voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tts.revoice(recording(recorded(6)), other_voice)[1].model_id is None
    monkeypatch.setattr(tts, "bundle", dataclasses.replace(tts.bundle, model_id="org/name@1234"))
    assert tts.revoice(recording(recorded(6)), other_voice)[1].model_id == "org/name@1234"


@pytest.mark.parametrize("count", [6, nano.FIXED_FRAMES, nano.FIXED_FRAMES + 1, 3 * nano.FIXED_FRAMES + 7])
def test_graphs_of_fixed_length_do_it_too(other_voice: Voice, count: int) -> None:
    with SparkTTSONNX(nano.FIXED_BUNDLE, threads=1) as tts:
        wav, _ = tts.revoice(recording(recorded(count)), other_voice)
    assert (nano.heard(wav), nano.heard_speaker(wav)) == (ids(count), other_voice.global_ids)


def test_quiet_windows_stay_in_their_place(tts: SparkTTSONNX, other_voice: Voice) -> None:
    wav = recorded(3 * WINDOW)
    wav[WINDOW * nano.HOP : 2 * WINDOW * nano.HOP] *= 0.01
    assert nano.heard(tts.revoice(recording(wav), other_voice)[0]) == ids(3 * WINDOW)


def test_the_language_model_is_not_read(bundle: Path, other_voice: Voice) -> None:
    file = bundle / "language_model.onnx"
    file.write_bytes(bytes(file.stat().st_size))
    with SparkTTSONNX(bundle, threads=1) as tts:
        assert len(tts.revoice(recording(recorded(60)), other_voice)[0]) == 60 * nano.HOP
        with pytest.raises(BundleError, match="language_model"):
            tts.inference("Hello.", voice=other_voice)


def test_chunks_come_before_the_recording_was_read_to_its_end(tts: SparkTTSONNX, other_voice: Voice) -> None:
    """A break in the middle is an error after the sound of what stood before it."""
    wav = recorded(6 * WINDOW)
    wav[5 * WINDOW * nano.HOP] = np.nan
    stream, heard = tts.revoice_stream(recording(wav), other_voice), 0
    with pytest.raises(RecordingError, match="NaN"):
        for chunk in stream:
            heard += len(chunk)
    assert STEP * nano.HOP // 2 < heard < 5 * WINDOW * nano.HOP


def test_leaving_stops_the_work_and_closing_the_model_ends_it(tts: SparkTTSONNX, other_voice: Voice) -> None:
    with tts.revoice_stream(recording(recorded(4 * WINDOW)), other_voice) as stream:
        next(stream)
        stream.cancel()
        assert list(stream) == [] and stream.info is None
    with tts.revoice_stream(recording(recorded(4 * WINDOW)), other_voice) as stream:
        next(stream)
        tts.close()
        with pytest.raises(GenerationError, match="closed"):
            list(stream)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (recording(np.zeros(16_000)), "silent"),
        (recording(np.zeros(0)), "no samples"),
        (recording(np.full(100, 0.5)), "too short"),
        (io.BytesIO(b"This is a text." * 50), "not recognized"),
        ("nowhere.wav", "does not exist"),
    ],
)
def test_what_is_no_recording_is_refused(tts: SparkTTSONNX, other_voice: Voice, given: Any, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        tts.revoice(given, other_voice)


def test_what_is_no_voice_is_refused_before_any_work(tts: SparkTTSONNX) -> None:
    with pytest.raises(OptionError, match="voice is"):
        tts.revoice_stream("nowhere.wav", "me.json")  # type: ignore[arg-type]
    with pytest.raises(VoiceError):
        tts.revoice_stream("nowhere.wav", Voice(codec="another", global_ids=(1, 2, 3, 4)))

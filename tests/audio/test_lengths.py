"""Files that end early are told."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import load_recording

RATE = 16_000
CUT = [("WAV", "PCM_16"), ("WAVEX", "FLOAT"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AIFF", "PCM_24")]
CUT += [("AU", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")]


def noisy(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Noise whose level goes up and down: little of it is alike, so encoders need many bytes for it."""
    samples = int(seconds * rate)
    swell = np.abs(np.sin(np.arange(samples) * 3 / rate)) * 0.3
    return (np.random.default_rng(0).standard_normal(samples) * swell).astype(np.float32)


def encoded(form: str, subtype: str, seconds: float = 4.0, rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    wav = np.stack([noisy(seconds, rate)] * channels, axis=1)
    soundfile.write(file, wav, rate, format=form, subtype=subtype)
    return file.getvalue()


def by_ffmpeg(form: str, codec: str, *, rate: int = RATE, **options: str) -> bytes:
    """Four seconds as FFmpeg writes them: float32 [N] in a container."""
    target = io.BytesIO()
    with av.open(target, "w", format=form, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(noisy(4.0, rate)[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return target.getvalue()


def read(content: bytes) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    recording = load_recording(io.BytesIO(content), sample_rate=RATE)
    return recording.wav, recording.notes


@pytest.mark.parametrize(("form", "subtype"), CUT)
def test_a_file_that_ends_early_is_told(form: str, subtype: str) -> None:
    content = encoded(form, subtype, 20.0)
    assert read(content)[1] == ()
    wav, notes = read(content[: len(content) * 6 // 10])
    assert 8 * RATE < len(wav) < 13 * RATE
    said = f": it says that it has 20.0 s of sound, and has {len(wav) / RATE:.1f} s"
    assert notes == (f"the file ends early{', in the middle of its data' if form == 'OGG' else said}",)


@pytest.mark.parametrize(("form", "codec", "rate"), [("webm", "libopus", 48_000), ("matroska", "aac", RATE)])
def test_a_recording_of_a_browser_that_ends_early_is_told(form: str, codec: str, rate: int) -> None:
    content = by_ffmpeg(form, codec, rate=rate)
    assert read(content)[1] == ()
    (note,) = read(content[: len(content) * 6 // 10])[1]
    assert note.startswith("the file ends early: it says that it has 4.")


def test_lengths_that_nobody_knew_are_no_fault() -> None:
    content = bytearray(encoded("WAV", "PCM_16"))
    at = content.index(b"data") + 4
    for unknown in (0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024, 0):
        content[at : at + 4] = unknown.to_bytes(4, "little")
        wav, notes = read(bytes(content))
        assert (len(wav), notes) == (4 * RATE, ())
    silent = by_ffmpeg("mp3", "libmp3lame", write_xing="0", id3v2_version="0")  # its length is a guess
    assert read(silent[: len(silent) * 6 // 10])[1] == ()

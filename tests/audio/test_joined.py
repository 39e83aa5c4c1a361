"""Files of several recordings are read to their end, and files that end early are told."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import load_recording
from sparktts_onnx.errors import RecordingError

RATE = 16_000
JOINED = [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16")]
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


@pytest.mark.parametrize(("form", "subtype"), JOINED)
def test_recordings_behind_each_other_are_one(tmp_path: Path, form: str, subtype: str) -> None:
    parts = [encoded(form, subtype, seconds) for seconds in (2.0, 1.0, 3.0)]
    expected = np.concatenate([read(part)[0] for part in parts])
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(b"".join(parts))
    for source in (path, io.BytesIO(path.read_bytes())):
        recording = load_recording(source, sample_rate=RATE)
        assert recording.notes == ()
        np.testing.assert_array_equal(recording.wav, expected)


@pytest.mark.parametrize(("form", "subtype"), JOINED)
def test_one_recording_is_read_as_before(form: str, subtype: str) -> None:
    content = encoded(form, subtype)
    with soundfile.SoundFile(io.BytesIO(content)) as sound:
        np.testing.assert_array_equal(read(content)[0], sound.read(dtype="float64"))


def test_mp3_with_tags_or_without_a_length_is_joined_too() -> None:
    tagged = by_ffmpeg("mp3", "libmp3lame") + b"TAG" + bytes(125)
    silent = by_ffmpeg("mp3", "libmp3lame", write_xing="0", id3v2_version="0")
    assert tagged.startswith(b"ID3") and not silent.startswith(b"ID3")
    for parts in itertools.product([tagged, silent], repeat=2):
        wav, notes = read(b"".join(parts))
        assert len(wav) == pytest.approx(8 * RATE, abs=0.3 * RATE), notes
        assert notes == ()


@pytest.mark.parametrize("other", [{"rate": 22_050}, {"channels": 2}])
def test_parts_of_another_kind_are_left_and_told(other: dict[str, int]) -> None:
    wav, notes = read(encoded("FLAC", "PCM_16") * 2 + encoded("FLAC", "PCM_16", **other))
    assert len(wav) == 8 * RATE
    assert notes == (
        "the file holds 3 recordings; those behind the first 2 were left out: the next one has another rate or other "
        "channels",
    )


def test_a_damaged_part_is_left_and_told() -> None:
    first, second = encoded("OGG", "VORBIS"), encoded("OGG", "VORBIS")
    wav, notes = read(first + second[:60] + bytes(5000))
    assert len(wav) == 4 * RATE
    assert [note.partition("; ")[2] for note in notes] == [
        "those behind the first 1 were left out: the next one cannot be read"
    ]


def test_joined_recordings_count_together() -> None:
    with pytest.raises(RecordingError, match="longer than 5 s"):
        load_recording(io.BytesIO(encoded("FLAC", "PCM_16") * 2), sample_rate=RATE, max_seconds=5)


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

"""Reading a recording exactly as the original does: first channel, soxr VHQ, one volume rule."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import RecordingError

Source = str | os.PathLike[str] | BinaryIO

MAX_SECONDS = 3600.0
MIN_SECONDS = 0.1
SILENCE_RANGE = 2e-4
"""Highest minus lowest sample of a recording without sound: six steps of 16 bits, no more than dither."""

BLOCK_SAMPLES = 1 << 18
"""Samples of all channels read at once: resampled as they are read, so that memory follows the result."""

LARGEST_VALUE = 1e6
"""Floating-point files may pass full scale, but not like this."""

RATES = range(2_000, 1_000_001)


def read_recording(
    source: Source, *, sample_rate: int, volume_normalize: bool = True, max_seconds: float = MAX_SECONDS
) -> Wave:
    """Read a file or an open binary file as float32 [N] at `sample_rate`; any format soundfile reads.

    The arithmetic is float64 until the end, as in the original, so that tokens come out equal.
    """
    name = describe_source(source)
    try:
        with soundfile.SoundFile(_openable(source, name)) as file:
            wav = _resampled(file, sample_rate, name, max_seconds)
    except soundfile.LibsndfileError as error:
        raise RecordingError(
            f"{name} cannot be read as audio ({str(error.error_string).strip()}): "
            "give a WAV, FLAC, Ogg, Opus or MP3 file; convert others first, for example with ffmpeg"
        ) from error
    _require_sound(wav, sample_rate, name)
    return (normalized_volume(wav) if volume_normalize else wav).astype(np.float32)


def reference_clip(wav: Wave, *, sample_rate: int, seconds: float, hop: int) -> Wave:
    """float32 [M]: the first `seconds` of `wav`, floored to whole hops; a shorter `wav` is repeated first."""
    length = int(sample_rate * seconds) // hop * hop
    if len(wav) < length:
        wav = np.tile(wav, length // len(wav) + 1)
    return wav[:length]


def normalized_volume(wav: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring the loud part of `wav` [N] to 0.2 of full scale by the original's rule, never past full scale."""
    peak = np.abs(wav).max()
    if peak < 0.1:
        wav = wav / max(peak, 1e-3) * 0.1
    loud = np.abs(wav)
    loud = loud[loud > 0.01]
    loud.sort()
    if len(loud) <= 10:
        return wav
    volume = loud[int(0.9 * len(loud)) : int(0.99 * len(loud))].mean()
    wav = wav * np.clip(0.2 / volume, 0.1, 10)
    peak = np.abs(wav).max()
    return wav / peak if peak > 1 else wav


def describe_source(source: Source) -> str:
    """How messages name a recording: its path, or `the recording` for an open file without one."""
    if isinstance(source, str | os.PathLike):
        return f"recording {os.fspath(source)!r}"
    return "the recording"


def _openable(source: Source, name: str) -> str | BinaryIO:
    """What soundfile opens, after the refusals it would word badly."""
    if not isinstance(source, str | os.PathLike):
        return source if source.seekable() else io.BytesIO(source.read())
    path = Path(source)
    if path.is_dir():
        raise RecordingError(f"{name} is a folder: give an audio file")
    if not path.exists():
        raise RecordingError(f"{name} does not exist: give the path of an audio file")
    if not path.is_file() or path.suffix.lower() == ".raw":
        raise RecordingError(f"{name} has no audio header: give a WAV, FLAC, Ogg, Opus or MP3 file")
    if path.stat().st_size == 0:
        raise RecordingError(f"{name} is an empty file (0 bytes): give an audio file")
    if not os.access(path, os.R_OK):
        raise RecordingError(f"{name} may not be read: check the permissions of the file")
    return str(path)


def _resampled(file: soundfile.SoundFile, sample_rate: int, name: str, max_seconds: float) -> NDArray[np.float64]:
    """float64 [N] at `sample_rate`. Block by block soxr gives its one-shot result to the last bit."""
    if file.samplerate not in RATES:
        raise RecordingError(
            f"{name} says {file.samplerate} samples a second: expected {RATES.start} to {RATES.stop - 1}"
        )
    blocks = _first_channel(file, name, max_seconds)
    if file.samplerate == sample_rate:
        pieces = list(blocks)
    else:
        stream = soxr.ResampleStream(file.samplerate, sample_rate, 1, dtype="float64", quality="VHQ")
        pieces = [stream.resample_chunk(block) for block in blocks]
        pieces.append(stream.resample_chunk(np.zeros(0), last=True))
    return np.concatenate(pieces) if pieces else np.zeros(0)


def _first_channel(file: soundfile.SoundFile, name: str, max_seconds: float) -> Iterator[NDArray[np.float64]]:
    """float64 [n] blocks of the first channel, checked as they come; the header's length is not trusted."""
    frames = max(1, BLOCK_SAMPLES // file.channels)
    done = 0
    while len(block := file.read(frames, dtype="float64", always_2d=True)[:, 0]):
        sane = np.abs(block) < LARGEST_VALUE
        if not sane.all():
            second = (done + int(np.argmin(sane))) / file.samplerate
            raise RecordingError(f"{name} holds NaN, infinite or absurd values at {second:.2f} s")
        done += len(block)
        if done > max_seconds * file.samplerate:
            raise RecordingError(
                f"{name} is longer than {max_seconds:g} s: give some seconds of clear speech out of it"
            )
        yield block.copy()


def _require_sound(wav: NDArray[np.float64], sample_rate: int, name: str) -> None:
    """Refuse what no voice can be taken from."""
    if not len(wav):
        raise RecordingError(f"{name} holds no samples: give a few seconds of speech")
    if len(wav) < MIN_SECONDS * sample_rate:
        raise RecordingError(f"{name} lasts {len(wav) / sample_rate:.3f} s, too short: give a few seconds of speech")
    if np.ptp(wav) < SILENCE_RANGE:
        raise RecordingError(f"{name} is silent (its first channel): give a few seconds of speech")

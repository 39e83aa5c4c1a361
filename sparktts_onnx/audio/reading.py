"""Reading a recording exactly as the original does: first channel, soxr VHQ, one volume rule.

What the original cannot use, and people send, is mended and noted: a first channel that is silent or holds only noise,
an offset of the whole wave.
"""

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr
from numpy.typing import NDArray

from sparktts_onnx.audio.checks import BLOCK_SECONDS, LEAST_RANGE_DB
from sparktts_onnx.audio.decoding import AudioSource, opened
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import OptionError, RecordingError

Source = str | os.PathLike[str] | BinaryIO

MAX_SECONDS = 3600.0
MIN_SECONDS = 0.1
SILENCE_RANGE = 2e-4
"""Highest minus lowest sample of a recording without sound: six steps of 16 bits, no more than dither."""
LARGEST_VALUE = 1e6
"""Floating-point files may pass full scale, but not like this."""
LARGEST_OFFSET = 0.02
"""A mean of the samples beyond this is an electrical offset: speech has a tenth of it."""
SILENT_CHANNEL = 0.01
"""A first channel that swings less than this part of another is the input that nobody spoke into."""
RATES = range(2_000, 1_000_001)


@dataclass(frozen=True)
class Recording:
    """What was read."""

    wav: NDArray[np.float64]
    """float64 [N], without an offset, at the volume of the recording."""
    notes: tuple[str, ...]
    """What was mended, and what is missing."""

    def normalized(self) -> Wave:
        """float32 [N] at the volume that the model expects."""
        return normalized_volume(self.wav).astype(np.float32)


def load_recording(source: Source, *, sample_rate: int, max_seconds: float = MAX_SECONDS) -> Recording:
    """Read a file or an open binary file at `sample_rate`: any format of soundfile, and of PyAV where it is installed.

    The arithmetic is float64 until the end, as in the original, so that tokens come out equal.

    Raises:
        RecordingError: it cannot be used; the message says why and what to do.
    """
    with resampled(source, sample_rate=sample_rate, max_seconds=max_seconds) as (blocks, mended):
        pieces = list(blocks)
    notes = tuple(mended)
    wav = np.concatenate(pieces)
    offset = float(wav.mean())
    if abs(offset) > LARGEST_OFFSET * max(1.0, float(np.abs(wav).max())):
        wav = wav - offset
        notes = (*notes, f"the wave is off the middle by {abs(offset):.0%} of full scale; that was taken out")
    return Recording(wav, notes)


@contextmanager
def resampled(
    source: Source, *, sample_rate: int, max_seconds: float = math.inf
) -> Iterator[tuple[Iterator[NDArray[np.float64]], list[str]]]:
    """A recording as blocks float64 [n] at `sample_rate`, read as they are taken, and notes of what was mended or is
    missing, which are complete behind the last block.

    Raises:
        RecordingError: as `load_recording`; where it is too short or silent, at its end.
    """
    name = describe_source(source)
    file, suffix = _file(source, name)
    with file:
        with opened(file, suffix, name) as sound:
            if sound.sample_rate not in RATES:
                expected = f"expected {RATES.start} to {RATES.stop - 1}"
                raise RecordingError(f"{name} says {sound.sample_rate} samples a second: {expected}")
            channel, notes = _channel_with_sound(sound, name, max_seconds)
        with opened(file, suffix, name) as sound:
            blocks = _resampled(_checked(sound, name, max_seconds), channel, sound.sample_rate, sample_rate)
            sound.notes[:0] = notes
            yield _with_sound(blocks, sample_rate, name), sound.notes


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


def _file(source: Source, name: str) -> tuple[BinaryIO, str]:
    """A file that can be rewound, and its ending; refused where a library would word it badly."""
    if not isinstance(source, str | os.PathLike):
        data = source.read() if hasattr(source, "read") else None
        if not isinstance(data, bytes):
            raise OptionError(f"the recording is {source!r}; expected a path or an open binary file")
        if not data:
            raise RecordingError(f"{name} is empty (0 bytes): give an audio file")
        return io.BytesIO(data), ""
    path = Path(source)
    try:
        if path.is_dir():
            raise RecordingError(f"{name} is a folder: give an audio file")
        if not path.exists():
            raise RecordingError(f"{name} does not exist: give the path of an audio file")
        if not path.is_file():
            raise RecordingError(f"{name} is a pipe or a device: save what comes from it, and give that file")
        if path.suffix.lower() == ".raw":
            raise RecordingError(f"{name} has no audio header: give a WAV, FLAC, Ogg, Opus or MP3 file")
        if path.stat().st_size == 0:
            raise RecordingError(f"{name} is an empty file (0 bytes): give an audio file")
        return path.open("rb"), path.suffix.lower()
    except OSError as error:
        raise RecordingError(f"{name} cannot be opened: {error.strerror or error}") from error


def _channel_with_sound(sound: AudioSource, name: str, max_seconds: float) -> tuple[int, tuple[str, ...]]:
    """The first channel, as the original; another one, with a note, where the first one is silent beside it."""
    if sound.channels == 1:
        return 0, ()
    total, power, samples = np.zeros(sound.channels), np.zeros(sound.channels), 0
    levels: list[NDArray[np.float64]] = []
    for block in _checked(sound, name, max_seconds):
        levels.append(_levels(block, max(1, round(BLOCK_SECONDS * sound.sample_rate))))
        samples += len(block)
        total += block.sum(axis=0)
        power += np.square(block).sum(axis=0)
    swing = np.sqrt(np.maximum(power / max(1, samples) - (total / max(1, samples)) ** 2, 0.0))
    loudest = int(np.argmax(swing))
    if swing[0] >= SILENT_CHANNEL * swing[loudest]:
        return _channel_with_speech(np.concatenate(levels or [np.zeros((0, sound.channels))]))
    return loudest, (f"its first channel is silent: channel {loudest + 1} of {sound.channels} was taken",)


def _levels(samples: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """float64 [n // block, channels]: how much each channel of `samples` [n, channels] swings in each whole block."""
    whole = samples[: len(samples) // block * block].reshape(-1, block, samples.shape[1])
    return np.asarray(whole.std(axis=1), np.float64)


def _channel_with_speech(levels: NDArray[np.float64]) -> tuple[int, tuple[str, ...]]:
    """The first channel of `levels` [blocks, channels]; where it is steady noise, the loudest that rises and falls."""
    if len(levels) < 1 / BLOCK_SECONDS:
        return 0, ()
    loud, floor = np.percentile(20 * np.log10(np.maximum(levels, 1e-9)), [95, 10], axis=0)
    speaks = loud - floor > 2 * LEAST_RANGE_DB
    if loud[0] - floor[0] >= LEAST_RANGE_DB or not speaks.any():
        return 0, ()
    best = int(np.argmax(np.where(speaks, loud, -np.inf)))
    note = f"its first channel holds only noise: channel {best + 1} of {levels.shape[1]} was taken"
    return best, (note,)


def _checked(sound: AudioSource, name: str, max_seconds: float) -> Iterator[NDArray[np.float64]]:
    """float64 [n, channels] blocks, checked as they come; the header's length is not trusted."""
    done = 0
    for block in sound.blocks:
        sane = (np.abs(block) < LARGEST_VALUE).all(axis=1)
        if not sane.all():
            second = (done + int(np.argmin(sane))) / sound.sample_rate
            raise RecordingError(f"{name} holds NaN, infinite or absurd values at {second:.2f} s")
        done += len(block)
        if done > max_seconds * sound.sample_rate:
            raise RecordingError(
                f"{name} is longer than {max_seconds:g} s: give some seconds of clear speech out of it"
            )
        yield block


def _resampled(
    blocks: Iterator[NDArray[np.float64]], channel: int, found_rate: int, sample_rate: int
) -> Iterator[NDArray[np.float64]]:
    """float64 [n] at `sample_rate` of one channel. Block by block soxr gives its one-shot result to the last bit."""
    if found_rate == sample_rate:
        yield from (block[:, channel].copy() for block in blocks)
        return
    stream = soxr.ResampleStream(found_rate, sample_rate, 1, dtype="float64", quality="VHQ")
    yield from (stream.resample_chunk(block[:, channel].copy()) for block in blocks)
    yield stream.resample_chunk(np.zeros(0), last=True)


def _with_sound(blocks: Iterator[NDArray[np.float64]], sample_rate: int, name: str) -> Iterator[NDArray[np.float64]]:
    """The same blocks; at their end, what no voice can be taken from is refused."""
    samples, low, high = 0, math.inf, -math.inf
    for block in blocks:
        samples += len(block)
        low, high = min(low, block.min(initial=low)), max(high, block.max(initial=high))
        yield block
    if not samples:
        raise RecordingError(f"{name} holds no samples: give a few seconds of speech")
    if samples < MIN_SECONDS * sample_rate:
        raise RecordingError(f"{name} lasts {samples / sample_rate:.3f} s, too short: give a few seconds of speech")
    if high - low < SILENCE_RANGE:
        raise RecordingError(f"{name} is silent: give a few seconds of speech")

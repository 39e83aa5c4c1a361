"""From prompt recordings to what the model hears of them."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparktts_onnx.audio.checks import RecordingReport, best_window, inspect_recording, trim_silence
from sparktts_onnx.audio.reading import MAX_SECONDS, Source, describe_source, read_recording
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import OptionError
from sparktts_onnx.runtime.values import instance_of, number
from sparktts_onnx.runtime.voices.voice import Voice

WINDOWS = ("first", "best", "all")


@dataclass(frozen=True)
class EnrollOptions:
    """How recordings are turned into a voice."""

    window: str = "first"
    """What the speaker encoder hears: the `first` seconds, as the original; the `best` stretch of all recordings
    (most speech, least noise and clipping); or `all` of the speech, joined."""
    trim: bool = False
    """Cut silence from both ends of every recording."""
    max_seconds: float = MAX_SECONDS
    """A longer recording is refused."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise OptionError(f"window is {self.window!r}; expected one of {', '.join(WINDOWS)}", field="window")
        instance_of("trim", self.trim, bool, "True or False")
        number("max_seconds", self.max_seconds, 0.1, MAX_SECONDS)


@dataclass(frozen=True)
class Enrollment:
    """A new voice."""

    voice: Voice
    reports: tuple[RecordingReport, ...]
    """What is to be said about each recording."""


@dataclass(frozen=True)
class Prompt:
    """What was read."""

    wav: Wave
    """All recordings, one after another: float32 [N]."""
    reference: Wave
    """What the speaker encoder takes its clip from: float32 [M]."""
    reports: tuple[RecordingReport, ...]
    """What is to be said about each recording."""
    origin: str
    """The recordings, for a person to read."""


def read_prompt(sources: Sequence[Source], codec: CodecLayout, options: EnrollOptions) -> Prompt:
    """Read recordings the way that the original reads one.

    Raises:
        RecordingError: one of them cannot be used.
        OptionError: there is none.
    """
    if not sources:
        raise OptionError("there is no recording; give at least one")
    origin = ", ".join(map(_origin, sources))
    kept = [_rereadable(source) for source in sources]
    rate = codec.sample_rate

    def read(source: Callable[[], Source], *, volume_normalize: bool) -> Wave:
        return read_recording(
            source(), sample_rate=rate, volume_normalize=volume_normalize, max_seconds=options.max_seconds
        )

    reports = tuple(inspect_recording(read(source, volume_normalize=False), rate) for source in kept)
    wavs = [read(source, volume_normalize=codec.volume_normalize) for source in kept]
    if options.trim:
        wavs = [trim_silence(wav, rate) for wav in wavs]
    joined = np.concatenate(wavs)
    return Prompt(joined, _reference(wavs, joined, codec, options), reports, origin)


def _origin(source: Source) -> str:
    """The file's name without its folder: voice files are passed on."""
    return describe_source(Path(source).name if isinstance(source, str | os.PathLike) else source)


def _rereadable(source: Source) -> Callable[[], Source]:
    """A recording is read twice: as it is, to judge it, and at the model's volume."""
    if isinstance(source, str | os.PathLike):
        return lambda: source
    if not hasattr(source, "read"):
        raise OptionError(f"the recording is {source!r}; expected a path or an open binary file")
    data = source.read()
    return lambda: io.BytesIO(data)


def _reference(wavs: list[Wave], joined: Wave, codec: CodecLayout, options: EnrollOptions) -> Wave:
    if options.window == "best":
        seconds = codec.reference_samples / codec.sample_rate
        return best_window(wavs, codec.sample_rate, seconds=seconds).of(wavs, codec.sample_rate)
    if options.window == "all" and codec.fixed_frames is not None:
        raise OptionError("window is 'all', but the graphs of this bundle have a fixed length; use 'best' or 'first'")
    return joined

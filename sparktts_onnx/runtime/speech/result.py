"""What is reported about a piece of speech next to its samples."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparktts_onnx.runtime.voices.voice import Voice

END = "end"
"""Stop reason of an answer that the model ended by itself."""


@dataclass(frozen=True)
class SegmentInfo:
    """One segment of a text, as it was spoken."""

    text: str
    """What was spoken: after normalization."""
    written: str
    """The part of the text that it came from; empty where that was spoken in several segments and this is not the
    first of them."""
    start_seconds: float
    end_seconds: float
    """End of the segment's sound; a pause may follow."""
    tokens: int
    """Semantic tokens of the attempt that was kept."""
    stop_reason: str
    """`end` where the model stopped by itself, else which guard or limit stopped it."""
    retries: int
    """Attempts beyond the first."""


@dataclass(frozen=True)
class WordInfo:
    """A word and when it is heard."""

    text: str
    """As written, with the signs beside it: "$5" where "five dollars" is said."""
    start_seconds: float
    end_seconds: float
    segment: int
    """Position of its segment, from 0."""


@dataclass(frozen=True)
class SpeechInfo:
    """A whole piece of speech."""

    sample_rate: int
    """Samples a second."""
    duration_seconds: float
    seconds: Mapping[str, float]
    """Wall-clock seconds by stage: `load` (graphs that were not loaded yet), `text`, `language_model`, `vocoder`, and
    `total`, what the caller waited: from the call to its last sample, less the time in which the listener of a stream
    had a chunk. Stages overlap, and segments side by side count each."""
    real_time_factor: float
    """Seconds of audio for each second of work, loading left out: above 1 is faster than real time."""
    tokens: int
    """Semantic tokens of the speech."""
    stop_reason: str
    """`end` where every segment ended by itself, else the first other reason."""
    seed: int
    voice: Voice
    """The voice that spoke; for a created one, what keeps it."""
    segments: tuple[SegmentInfo, ...]
    providers: Mapping[str, str]
    """Execution provider by graph."""
    file: Path | None = None
    """The file written, where one was asked for."""
    warnings: tuple[str, ...] = field(default=())
    """What a person should know about this piece."""
    words: tuple[WordInfo, ...] | None = None
    """All words in order; None where the bundle cannot tell when they are heard."""
    model_id: str | None = None
    """`org/name@commit` of a model from the hub; None where it came from a folder."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON, without the voice's ids."""
        data = dataclasses.asdict(self)
        data["voice"] = self.voice.name or self.voice.origin
        data["file"] = None if self.file is None else str(self.file)
        return data

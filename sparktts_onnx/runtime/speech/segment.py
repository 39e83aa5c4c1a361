"""A segment of a text: how it is to be spoken, and the events of speaking it.

    SegmentBegins ─ Chunk … Chunk ─ SegmentEnds

Every way to take speech is made of these events: whole or streamed, alone or in a batch.
"""

from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass

import numpy as np

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.duration import TokenBounds


@dataclass(frozen=True)
class Segment:
    """Everything that decides how one segment of a text is spoken."""

    text: str
    """Normalized."""
    written: str
    """The part of the utterance's text that it came from."""
    voice: Voice | None
    style: VoiceStyle | None
    """At least one of voice and style is given."""
    sampling: SamplingOptions
    seed: int
    """Of the whole utterance."""
    index: int
    """Position of the segment in its utterance."""
    token_bounds: TokenBounds
    """How many semantic tokens the text can plausibly take."""
    retries: int
    """Further attempts, with other seeds, where a guard rejects one; the best attempt is kept."""
    check_words: bool
    """Whether attempts are rejected whose words are skipped, repeated or missing, where the bundle can tell."""
    pause_seconds: float = 0.0
    """Silence after the segment, if another follows."""
    tail_seconds: float = 0.0
    """Silence after the segment, if none follows."""
    lead_seconds: float = 0.0
    """Silence before the segment, which is the first."""
    tempo: float = 1.0
    """Time stretch of the segment's own sound, besides that of the whole."""

    @property
    def attempts(self) -> int:
        """Attempts that the segment may take; a greedy answer would only repeat itself."""
        return 1 if self.sampling.temperature == 0 else 1 + self.retries

    def attempt_seed(self, attempt: int) -> int:
        """Seed of a numbered attempt; it depends on (seed, index, attempt) alone."""
        return int(np.random.SeedSequence([self.seed, self.index, attempt]).generate_state(1, np.uint64)[0])


class Segments:
    """Segments of an utterance, in order, as their text allows."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = iter(segments)
        self._count = len(segments) if isinstance(segments, Sized) else 0
        self._given = 0
        self.complete = False
        """Whether those are all."""

    def next(self) -> Segment | None:
        """The next one, as soon as it is certain; None at the end."""
        segment = next(self._segments, None)
        self._given, self.complete = self._given + (segment is not None), segment is None
        return segment

    @property
    def known(self) -> int:
        """Segments that are certain so far."""
        return max(self._count, self._given)


@dataclass(frozen=True)
class SegmentBegins:
    """The first event of a segment: what follows will be heard."""

    segment: Segment
    voice: Voice
    """Who speaks: the segment's voice, or the one that the model made up for it."""


@dataclass(frozen=True)
class HeardWord:
    """A word of a segment's text and when it is heard."""

    start: int
    """Its first character."""
    stop: int
    """The character after its last."""
    start_seconds: float
    """From the beginning of the segment's own sound."""
    end_seconds: float


@dataclass(frozen=True)
class Chunk:
    """The next piece of a segment's sound."""

    wav: Wave
    """float32 [N]."""
    words: tuple[HeardWord, ...] | None = None
    """All words of the segment that surely end by its end; None where the bundle cannot tell, or the rest follows."""


@dataclass(frozen=True)
class SegmentEnds:
    """The last event of a segment: how it went."""

    segment: Segment
    tokens: int
    """Semantic tokens of the attempt that was kept."""
    stop_reason: str
    retries: int
    """Attempts beyond the first."""
    seconds: Mapping[str, float]
    """By stage, in all attempts: waiting for tokens, and making sound."""
    words: tuple[HeardWord, ...] | None = None
    """When each word is heard; None where the bundle cannot tell."""


Event = SegmentBegins | Chunk | SegmentEnds

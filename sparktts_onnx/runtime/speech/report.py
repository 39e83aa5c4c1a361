"""How speaking goes: the seconds that it takes, and what was said when, as a `SpeechInfo`."""

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sparktts_onnx.audio.joining import Span
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.language.alignment import TextColumns
from sparktts_onnx.runtime.speech.request import Utterance
from sparktts_onnx.runtime.speech.result import END, SegmentInfo, SpeechInfo, WordInfo
from sparktts_onnx.runtime.speech.segment import HeardWord, Segment, SegmentBegins, SegmentEnds
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.alignment import written_parts

Providers = Callable[[], Mapping[str, str]]
"""Gives the execution provider of each graph."""


class Clock:
    """Seconds of one piece of work by stage; made when the call begins."""

    def __init__(self, *, listened: bool) -> None:
        """`listened`: the sound is taken by a caller chunk by chunk, not written or collected here."""
        self._listened = listened
        self._began = time.perf_counter()
        self.stages: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[stage] += time.perf_counter() - began

    @contextmanager
    def away(self) -> Iterator[None]:
        """The caller has the sound during the block: a listener is not waiting then."""
        began = time.perf_counter()
        yield
        if self._listened:
            self._began += time.perf_counter() - began

    def seconds(self) -> dict[str, float]:
        """Seconds by stage until now, as `SpeechInfo` has them."""
        return {"load": 0.0, **self.stages, "total": time.perf_counter() - self._began}


class Report:
    """What was said of one utterance."""

    def __init__(
        self, utterance: Utterance, codec: CodecLayout, clock: Clock, providers: Providers, model_id: str | None
    ) -> None:
        self.utterance = utterance
        self.codec = codec
        self.clock = clock
        self._providers = providers
        self._model_id = model_id
        self._voice: Voice | None = None
        self._ended: list[SegmentEnds] = []
        self._words: list[WordInfo] | None = None
        self._present: Segment | None = None
        self._parts: tuple[str, ...] = ()
        self._placed = 0  # words of the present segment, as it is spoken

    def begin_segment(self, event: SegmentBegins) -> None:
        """A segment is about to be heard."""
        self._voice = self._voice or event.voice
        self._present, self._parts, self._placed = event.segment, (), 0

    def place_words(self, said: Sequence[HeardWord] | None, span: Span) -> None:
        """Take all words of the present segment that are known; `span` is its place before any change of tempo.

        No word goes on behind its end, where a joint cut silence off.
        """
        if said is None or self._present is None:
            return
        self._words = self._words or []
        if not self._parts:
            starts = [start for start, _ in TextColumns(self._present.text, ()).words()]
            self._parts = written_parts(self._present.written, self._present.text, starts or [0], join_signs=True)
        known = len(said)
        while 0 < known < len(self._parts) and not self._parts[known]:
            known -= 1  # the rest of a word that was written in one and is said in several
        for word, written in zip(said[self._placed : known], self._parts[self._placed :], strict=False):
            start, end = (
                min(span.end, max(span.start, span.origin + seconds / self._present.tempo)) / self.utterance.tempo
                for seconds in (word.start_seconds, word.end_seconds)
            )
            if written or not self._words:
                self._words.append(WordInfo(written, start, end, len(self._ended)))
            else:
                self._words[-1] = dataclasses.replace(self._words[-1], end_seconds=end)
        self._placed = max(self._placed, known)

    @property
    def words(self) -> tuple[WordInfo, ...] | None:
        """Words that are certain so far; None where the bundle cannot tell."""
        return None if self._words is None else tuple(self._words)

    def segments(self, spans: Sequence[Span]) -> tuple[SegmentInfo, ...]:
        """Segments whose place is certain: `spans`, before any change of tempo."""
        tempo = self.utterance.tempo
        return tuple(_segment_info(event, span, tempo) for event, span in zip(self._ended, spans, strict=False))

    def end_segment(self, event: SegmentEnds) -> int:
        """A segment was spoken; how many there are now."""
        self._ended.append(event)
        for stage, seconds in event.seconds.items():
            self.clock.stages[stage] += seconds
        return len(self._ended)

    def info(self, samples: int, spans: Sequence[Span]) -> SpeechInfo:
        """The whole story; `spans` are the segments' places before any change of tempo."""
        seconds, duration = self.clock.seconds(), samples / self.codec.sample_rate
        segments = self.segments(spans)
        assert self._voice is not None, "an utterance has a segment"
        return SpeechInfo(
            sample_rate=self.codec.sample_rate,
            duration_seconds=duration,
            seconds=seconds,
            real_time_factor=duration / (seconds["total"] - seconds["load"]),
            tokens=sum(segment.tokens for segment in segments),
            stop_reason=next((s.stop_reason for s in segments if s.stop_reason != END), END),
            seed=self.utterance.seed,
            voice=self._voice,
            segments=segments,
            words=None if self._words is None else tuple(_within(duration, word) for word in self._words),
            providers=self._providers(),
            model_id=self._model_id,
            warnings=(
                *self.utterance.warnings,
                *(_warning(i, s) for i, s in enumerate(segments) if s.stop_reason != END),
            ),
        )


def _segment_info(event: SegmentEnds, span: Span, tempo: float) -> SegmentInfo:
    return SegmentInfo(
        text=event.segment.text,
        written=event.segment.written,
        start_seconds=span.start / tempo,
        end_seconds=span.end / tempo,
        tokens=event.tokens,
        stop_reason=event.stop_reason,
        retries=event.retries,
    )


def _within(duration: float, word: WordInfo) -> WordInfo:
    start, end = min(word.start_seconds, duration), min(word.end_seconds, duration)
    return dataclasses.replace(word, start_seconds=start, end_seconds=end)


def _warning(index: int, segment: SegmentInfo) -> str:
    tries = segment.retries + 1
    return (
        f"segment {index + 1} ({segment.text[:40]!r}) stopped for {segment.stop_reason!r} after {tries} "
        f"attempt{'s' if tries > 1 else ''}; listen to it before you use it"
    )

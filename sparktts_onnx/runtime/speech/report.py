"""Collects what happens while an utterance is spoken, and reports it as a `SpeechInfo`."""

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sparktts_onnx.audio.joining import Span
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.speech.request import Utterance
from sparktts_onnx.runtime.speech.result import END, SegmentInfo, SpeechInfo, WordInfo
from sparktts_onnx.runtime.speech.segment import SegmentBegins, SegmentEnds
from sparktts_onnx.text.alignment import written_parts


class Report:
    """Times and segments of one utterance; made when the call begins."""

    def __init__(self, *, listened: bool) -> None:
        """`listened`: the sound is taken by a caller chunk by chunk, not written or collected here."""
        self._listened = listened
        self._began = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._first: SegmentBegins | None = None
        self._ended: list[SegmentEnds] = []

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - began

    @contextmanager
    def away(self) -> Iterator[None]:
        """The caller has the sound during the block: a listener is not waiting then."""
        began = time.perf_counter()
        yield
        if self._listened:
            self._began += time.perf_counter() - began

    def begin_segment(self, event: SegmentBegins) -> None:
        """A segment is about to be heard."""
        self._first = self._first or event

    def end_segment(self, event: SegmentEnds) -> int:
        """A segment was spoken; how many there are now."""
        self._ended.append(event)
        self._seconds["language_model"] += event.language_model_seconds
        self._seconds["vocoder"] += event.vocoder_seconds
        return len(self._ended)

    def info(
        self,
        utterance: Utterance,
        codec: CodecLayout,
        *,
        samples: int,
        spans: Sequence[Span],
        providers: Callable[[], Mapping[str, str]],
    ) -> SpeechInfo:
        """The whole story; `spans` are the segments' places before any change of tempo."""
        total = time.perf_counter() - self._began
        duration = samples / codec.sample_rate
        segments = tuple(
            _segment_info(event, span, utterance.tempo) for event, span in zip(self._ended, spans, strict=True)
        )
        assert self._first is not None, "an utterance has a segment"
        return SpeechInfo(
            sample_rate=codec.sample_rate,
            duration_seconds=duration,
            seconds={**self._seconds, "total": total},
            real_time_factor=duration / (total - self._seconds["load"]),
            tokens=sum(segment.tokens for segment in segments),
            stop_reason=next((s.stop_reason for s in segments if s.stop_reason != END), END),
            seed=utterance.seed,
            voice=self._first.voice(codec.fingerprint),
            segments=segments,
            words=_words(self._ended, spans, utterance.tempo, duration),
            providers=providers(),
            warnings=tuple(_warning(i, s) for i, s in enumerate(segments) if s.stop_reason != END),
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


def _words(
    ended: Sequence[SegmentEnds], spans: Sequence[Span], tempo: float, duration: float
) -> tuple[WordInfo, ...] | None:
    """Words as they were written, in the finished sound."""
    found: list[WordInfo] = []
    for index, (event, span) in enumerate(zip(ended, spans, strict=True)):
        if event.words is None:
            return None
        parts = written_parts(event.segment.written, event.segment.text, [word.start for word in event.words] or [0])
        for word, written in zip(event.words, parts, strict=False):
            start, end = (
                min(max(span.start, span.origin + seconds) / tempo, duration)
                for seconds in (word.start_seconds, word.end_seconds)
            )
            if written or not found:
                found.append(WordInfo(written, start, end, index))
            else:  # said in several words, written in one
                found[-1] = dataclasses.replace(found[-1], end_seconds=end)
    return tuple(found)


def _warning(index: int, segment: SegmentInfo) -> str:
    tries = segment.retries + 1
    return (
        f"segment {index + 1} ({segment.text[:40]!r}) stopped for {segment.stop_reason!r} after {tries} "
        f"attempt{'s' if tries > 1 else ''}; listen to it before you use it"
    )

"""Collects what happened while an utterance was spoken, and tells it as a `SpeechInfo`."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sparktts_onnx.audio.joining import Span
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.speech.request import Utterance
from sparktts_onnx.runtime.speech.result import END, SegmentInfo, SpeechInfo
from sparktts_onnx.runtime.speech.segment import SegmentPlan, SpokenSegment
from sparktts_onnx.runtime.speech.speaking import created_voice


class Report:
    """Times and segments of one utterance; made when the work begins."""

    def __init__(self, utterance: Utterance, providers: Callable[[], Mapping[str, str]]) -> None:
        """`providers` tells, when the work is done, which execution provider ran each graph."""
        self._utterance = utterance
        self._providers = providers
        self._began = time.perf_counter()
        self._segments: list[tuple[SegmentPlan, int, str, int]] = []
        self.tempo = utterance.tempo
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Wall-clock seconds by stage; stages overlap."""

    def add_segment(self, plan: SegmentPlan, tokens: int, stop_reason: str, retries: int) -> None:
        """One more segment is spoken."""
        self._segments.append((plan, tokens, stop_reason, retries))

    def add_spoken(self, spoken: SpokenSegment) -> None:
        """One more segment is spoken, in one go."""
        self.seconds["language_model"] += spoken.language_model_seconds
        self.seconds["vocoder"] += spoken.vocoder_seconds
        self.add_segment(spoken.plan, spoken.tokens, spoken.stop_reason, spoken.retries)

    def info(self, *, samples: int, spans: Sequence[Span], speaker: tuple[int, ...], codec: CodecLayout) -> SpeechInfo:
        """The whole story; `spans` are the segments' places before any change of tempo."""
        total = time.perf_counter() - self._began
        duration = samples / codec.sample_rate
        segments = self._segment_infos(spans)
        plan = self._segments[0][0]
        return SpeechInfo(
            sample_rate=codec.sample_rate,
            duration_seconds=duration,
            seconds={**self.seconds, "total": total},
            real_time_factor=duration / total,
            tokens=sum(segment.tokens for segment in segments),
            stop_reason=next((s.stop_reason for s in segments if s.stop_reason != END), END),
            seed=self._utterance.seed,
            voice=plan.voice or created_voice(plan, speaker, codec.fingerprint),
            segments=segments,
            providers=self._providers(),
            warnings=tuple(_warning(i, s) for i, s in enumerate(segments) if s.stop_reason != END),
        )

    def _segment_infos(self, spans: Sequence[Span]) -> tuple[SegmentInfo, ...]:
        tempo = self.tempo
        return tuple(
            SegmentInfo(plan.text, plan.written, span.start / tempo, span.end / tempo, tokens, stop_reason, retries)
            for (plan, tokens, stop_reason, retries), span in zip(self._segments, spans, strict=True)
        )


def _warning(index: int, segment: SegmentInfo) -> str:
    tries = segment.retries + 1
    return (
        f"segment {index + 1} ({segment.text[:40]!r}) stopped for {segment.stop_reason!r} after {tries} "
        f"attempt{'s' if tries > 1 else ''}; listen to it before you use it"
    )

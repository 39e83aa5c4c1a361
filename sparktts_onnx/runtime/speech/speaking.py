"""Every segment of an utterance, spoken at once by one voice and given back in order."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sparktts_onnx.runtime.speech.planning import PlannedSegment, with_voice
from sparktts_onnx.runtime.speech.segment import SegmentPlan, SegmentSpeaker, SpokenSegment
from sparktts_onnx.runtime.voices.voice import Voice


def speak_segments(
    speaker: SegmentSpeaker,
    planned: Sequence[PlannedSegment],
    *,
    codec: str,
    at_once: int,
    cancelled: threading.Event,
) -> Generator[tuple[PlannedSegment, SpokenSegment], None, None]:
    """Segments in order, up to `at_once` of them in work; `cancelled`, and closing the iterator, stop the work.

    Where the voice is still to be created, the first segment is spoken alone and its speaker speaks the rest.
    """
    rest = deque(planned)
    try:
        if rest[0].plan.voice is None:
            first = rest.popleft()
            spoken = speaker.speak(first.plan, cancelled)
            yield first, spoken
            voice = created_voice(first.plan, spoken.global_ids, codec)
            rest = deque(with_voice(segment, voice) for segment in rest)
        if at_once == 1 or len(rest) <= 1:
            yield from ((segment, speaker.speak(segment.plan, cancelled)) for segment in rest)
        else:
            yield from _side_by_side(speaker, rest, at_once, cancelled)
    finally:
        cancelled.set()


def created_voice(plan: SegmentPlan, global_ids: tuple[int, ...], codec: str) -> Voice:
    """The voice that the model made up for a segment."""
    return Voice(codec=codec, global_ids=global_ids, origin=f"created: {plan.style}", style=plan.style)


def _side_by_side(
    speaker: SegmentSpeaker, rest: deque[PlannedSegment], at_once: int, cancelled: threading.Event
) -> Generator[tuple[PlannedSegment, SpokenSegment], None, None]:
    running: deque[tuple[PlannedSegment, Future[SpokenSegment]]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="segment") as pool:
        try:
            while rest or running:
                while rest and len(running) < at_once:
                    segment = rest.popleft()
                    running.append((segment, pool.submit(speaker.speak, segment.plan, cancelled)))
                segment, future = running.popleft()
                yield segment, future.result()
        finally:
            cancelled.set()
            pool.shutdown(wait=True, cancel_futures=True)

"""The language model's side of a stream: it runs ahead of the listener in a thread of its own.

An attempt is held back until a first chunk could be made of it, so a guard that rejects it before then costs the
listener nothing; later, what was heard stays and the segment ends there. Where every attempt is rejected unheard, the
most plausible one is heard.
"""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sparktts_onnx.runtime.speech.guards import LENGTH
from sparktts_onnx.runtime.speech.planning import PlannedSegment, with_voice
from sparktts_onnx.runtime.speech.result import END
from sparktts_onnx.runtime.speech.segment import Attempt, SegmentSpeaker, require_speech
from sparktts_onnx.runtime.speech.speaking import created_voice

_IDS_AHEAD = 4000
"""Ids that the language model may be ahead of the listener: 80 seconds."""


@dataclass(frozen=True)
class SegmentBegins:
    """The first event of a segment: who speaks it."""

    planned: PlannedSegment
    global_ids: tuple[int, ...]


@dataclass(frozen=True)
class SegmentEnds:
    """The last event of a segment."""

    planned: PlannedSegment
    tokens: int
    stop_reason: str
    retries: int
    language_model_seconds: float


Event = SegmentBegins | int | SegmentEnds | BaseException | None
"""What the writer sends: an int is a semantic id, None is the end of the utterance."""


class Writer:
    """Runs the language model over an utterance in a thread of its own, and sends what it writes."""

    def __init__(self, speaker: SegmentSpeaker, planned: Sequence[PlannedSegment], *, held: int, codec: str) -> None:
        """`held`: ids of an attempt that nobody can use yet, so that it may still be taken back."""
        self._speaker = speaker
        self._planned = planned
        self._held = held
        self._codec = codec
        self._events: queue.Queue[Event] = queue.Queue(_IDS_AHEAD)
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)

    def __iter__(self) -> Iterator[SegmentBegins | int | SegmentEnds]:
        if not self.cancelled:
            self._thread.start()
            while (event := self._events.get()) is not None and not self.cancelled:
                if isinstance(event, BaseException):
                    raise event
                yield event

    @property
    def cancelled(self) -> bool:
        """Whether the work was stopped before its end."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop the language model at its next token, and wake whoever waits for an event; from any thread."""
        self._cancelled.set()
        with suppress(queue.Full):  # full: nobody waits
            self._events.put_nowait(None)

    def close(self) -> None:
        """Cancel, and wait for the thread."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join()

    def _write(self) -> None:
        try:
            self._write_segments()
        except Exception as error:  # noqa: BLE001  Not swallowed: the listener raises it.
            self._send(error)
        else:
            self._send(None)

    def _write_segments(self) -> None:
        voice = None
        for planned in self._planned:
            segment = planned if voice is None else with_voice(planned, voice)
            attempt = self._write_segment(segment)
            if self._cancelled.is_set():
                return
            if segment.plan.voice is None:
                voice = created_voice(segment.plan, attempt.global_ids, self._codec)

    def _write_segment(self, planned: PlannedSegment) -> Attempt:
        began = time.perf_counter()
        rejected: list[Attempt] = []
        for number in range(self._speaker.attempts(planned.plan)):
            attempt = self._speaker.attempt(planned.plan, number)
            if self._write_attempt(planned, attempt) or self.cancelled:
                break
            rejected.append(attempt)
        else:
            attempt = min(rejected, key=lambda tried: tried.distance)
            self._release(planned, attempt)
        seconds = time.perf_counter() - began
        self._send(SegmentEnds(planned, len(attempt.semantic_ids), attempt.stop_reason, number, seconds))
        return attempt

    def _write_attempt(self, planned: PlannedSegment, attempt: Attempt) -> bool:
        """Send an attempt; False where a guard rejected it before anything was sent."""
        heard = False
        for number in attempt.run(self._cancelled):
            if heard:
                self._send(number)
            elif len(attempt.semantic_ids) >= self._held:
                heard = self._release(planned, attempt)
        if not heard and not self.cancelled and attempt.stop_reason in (END, LENGTH):
            heard = self._release(planned, attempt)
        return heard

    def _release(self, planned: PlannedSegment, attempt: Attempt) -> bool:
        require_speech(planned.plan, len(attempt.semantic_ids))
        self._send(SegmentBegins(planned, attempt.global_ids))
        for number in attempt.semantic_ids:
            self._send(number)
        return True

    def _send(self, event: Event) -> None:
        while not self._cancelled.is_set():
            try:
                self._events.put(event, timeout=0.1)
            except queue.Full:
                continue
            return

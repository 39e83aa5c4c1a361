"""Works ahead: events of a text's segments in order, made by threads before they are asked for.

A segment is in work from its first attempt until its last event was taken. The language model writes for up to
`writing` segments at a time, and one more may be in work: while the sound of one is made, the next is written. One
text spoken whole has many segments written side by side, a stream has one, which then is heard soonest. The next
segment is asked for by the thread that will speak it, as its text may still be being written.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.cancellation import LISTEN_SECONDS, Cancellation
from sparktts_onnx.runtime.speech.segment import Event, Segment, SegmentBegins, Segments
from sparktts_onnx.runtime.voices.voice import Voice

EVENTS_AHEAD = 8
"""Events of a segment that may wait to be taken; then its thread waits."""

Speak = Callable[[Segment, Callable[[], None]], Iterator[Event]]
"""Speaks a segment; calls the given function when the language model has written it."""


def events_ahead(
    segments: Segments, speak: Speak, *, writing: int, cancellation: Cancellation
) -> Generator[Event, None, None]:
    """Events of all segments in order; cancelling, and closing or forgetting the iterator, end the work.

    The first segment without a voice creates one; until it is known no other begins, then it speaks all such segments.
    """
    cancellation.own()
    work = _Work(segments, speak, writing=writing, cancellation=cancellation)
    try:
        work.begin()
        while (channel := work.next()) is not None:
            for event in channel:
                yield event
                cancellation.own()
            work.taken()
        if cancellation.error is not None:
            cancellation.check()
    finally:  # The garbage collector may run this in any thread, so nothing waits here.
        cancellation.cancel()


class _Channel:
    """Events of one segment, from the thread that makes them to the one that takes them."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self.written = False
        """Whether the language model is done with the segment."""

    def put(self, event: Event) -> None:
        """Hand over an event; wait while there are too many."""
        with self._changed:
            while len(self._events) >= EVENTS_AHEAD and not self._cancellation.cancelled:
                self._changed.wait(LISTEN_SECONDS)
            self._cancellation.check()
            self._events.append(event)
            self._changed.notify_all()

    def end(self, error: BaseException | None) -> None:
        """No event follows; who takes them gets the error, if there is one."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def wake(self) -> None:
        """Let both sides look whether the work was cancelled."""
        with self._changed:
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Event]:
        while (event := self._take()) is not None:
            yield event

    def _take(self) -> Event | None:
        with self._changed:
            while not self._events and not self._ended and not self._cancellation.cancelled:
                self._changed.wait(LISTEN_SECONDS)
            if self._cancellation.cancelled:
                return None
            if self._events:
                self._changed.notify_all()
                return self._events.popleft()
            if self._error is not None:
                raise self._error
            return None


class _Work:
    """Segments that wait, and the channels of those in work: the first is the one that is taken."""

    def __init__(self, segments: Segments, speak: Speak, *, writing: int, cancellation: Cancellation) -> None:
        self._segments = segments
        self._speak = speak
        self._most = writing
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._channels: deque[_Channel] = deque()
        self._asking = False  # a thread is asking for its segment
        self._voice: Voice | None = None  # the one that was created
        self._creating = False

    def begin(self) -> None:
        """Begin the next segment, if one more may be in work."""
        with self._lock:
            if not self._may_begin():
                return
            channel = _Channel(self._cancellation)
            self._channels.append(channel)
            self._asking = True
            try:
                self._cancellation.start(partial(self._run, channel), name="segment")
            except GenerationError as error:
                channel.end(error)

    def next(self) -> _Channel | None:
        """Events of the next segment; None when all were taken."""
        with self._lock:
            return self._channels[0] if self._channels and not self._cancellation.cancelled else None

    def taken(self) -> None:
        """All events of the first segment were taken."""
        with self._lock:
            self._channels.popleft()
        self.begin()

    def _may_begin(self) -> bool:
        if self._asking or self._creating or self._segments.complete or self._cancellation.cancelled:
            return False
        writing = sum(not channel.written for channel in self._channels)
        return writing < self._most and len(self._channels) <= self._most

    def _run(self, channel: _Channel) -> None:
        written = partial(self._written, channel)
        error: BaseException | None = None
        with self._cancellation.calling(channel.wake):
            try:
                segment = self._ask()
                for event in () if segment is None else self._speak(segment, written):
                    if isinstance(event, SegmentBegins):
                        self._learn(event)
                    channel.put(event)
            except BaseException as raised:  # noqa: BLE001  Not swallowed: who takes the events raises it.
                error = raised
        written()
        channel.end(error)

    def _ask(self) -> Segment | None:
        """The next segment, in the voice that speaks; where its voice is known, the one behind it may begin too."""
        segment = self._segments.next()
        with self._lock:
            self._asking = False
            if segment is None:
                return None
            segment = replace(segment, voice=segment.voice or self._voice)
            self._creating = segment.voice is None
        self.begin()
        return segment

    def _learn(self, event: SegmentBegins) -> None:
        """The voice that a segment without one has made up is that of the others without one."""
        if event.segment.voice is None:
            with self._lock:
                self._voice, self._creating = event.voice, False
            self.begin()

    def _written(self, channel: _Channel) -> None:
        channel.written = True
        self.begin()

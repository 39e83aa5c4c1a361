"""Events become sound: one place joins the segments, changes the tempo and reports how it went."""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Self

import numpy as np

from sparktts_onnx.audio.joining import Joiner
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.audio.tempo import TempoChanger
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.speech.report import Report
from sparktts_onnx.runtime.speech.result import SegmentInfo, SpeechInfo, WordInfo
from sparktts_onnx.runtime.speech.revoicing import Revoiced
from sparktts_onnx.runtime.speech.segment import Chunk, Event, SegmentBegins, SegmentEnds, Segments

Progress = Callable[[int, int], None]
"""Called with the segments spoken so far and all of them."""


class UtteranceSound:
    """The sound of one utterance, made from its events."""

    def __init__(self, report: Report, on_progress: Progress | None) -> None:
        """`on_progress` is called after each segment."""
        self.sample_rate = report.codec.sample_rate
        self._report = report
        self._on_progress = on_progress
        self._joiner = Joiner(self.sample_rate)
        self._tempo = TempoChanger(self.sample_rate, report.utterance.tempo)
        self._own_tempo = TempoChanger(self.sample_rate, 1.0)  # of the present segment
        self._samples = 0
        self.info: SpeechInfo | None = None
        """Set after the last chunk."""

    def chunks(self, events: Generator[Event], segments: Segments) -> Generator[Wave]:
        """Chunks that are not empty, float32 [N]; the work ends with the generator.

        Where the events end before all `segments` were spoken, the work was cancelled, and there is no info.
        """
        ended, tail = 0, 0.0
        try:
            for event in events:
                for chunk in self._heard(event):
                    yield from self._given(chunk)
                if isinstance(event, SegmentEnds):
                    ended, tail = self._report.end_segment(event), event.segment.tail_seconds
                    if self._on_progress is not None:
                        self._on_progress(ended, segments.known)
            if not segments.complete or ended < segments.known:
                return
            yield from self._given(self._tempo.feed(self._joiner.finish(tail)))
            yield from self._given(self._tempo.finish())
            self.info = self._report.info(self._samples, self._joiner.spans)
        finally:
            events.close()

    def _heard(self, event: Event) -> Iterator[Wave]:
        """What is certain once the event is there, in its final tempo."""
        if isinstance(event, SegmentBegins):
            self._report.begin_segment(event)
            self._own_tempo = TempoChanger(self.sample_rate, event.segment.tempo)
            if event.segment.lead_seconds:
                yield self._tempo.feed(self._joiner.begin(event.segment.lead_seconds))
        elif isinstance(event, Chunk):
            ready = self._joiner.feed(self._own_tempo.feed(event.wav))
            self._report.place_words(event.words, replace(self._joiner.present, end=math.inf))
            yield self._tempo.feed(ready)
        else:
            ready = self._joiner.feed(self._own_tempo.finish())
            place = self._joiner.present
            rest = self._joiner.end_segment(event.segment.pause_seconds)
            self._report.place_words(event.words, replace(place, end=self._joiner.ends_at))
            yield self._tempo.feed(ready)
            yield self._tempo.feed(rest)

    @property
    def words(self) -> tuple[WordInfo, ...] | None:
        return self._report.words if self.info is None else self.info.words

    @property
    def segments(self) -> tuple[SegmentInfo, ...]:
        return self._report.segments(self._joiner.spans)

    def _given(self, chunk: Wave) -> Iterator[Wave]:
        self._samples += len(chunk)
        if len(chunk):
            with self._report.clock.away():
                yield chunk


class SpeechStream(Iterator[Wave]):
    """Chunks of speech, float32 [N] each, as soon as they can be made.

    Iterate it; leave early with `close` or by using it as a context manager, which wait for the work to stop at its
    next step, or by forgetting it.
    """

    def __init__(self, sound: UtteranceSound | Revoiced, chunks: Generator[Wave], cancellation: Cancellation) -> None:
        self._sound = sound
        self._cancellation = cancellation
        # The generator must not hold this object: a stream that is forgotten would wait for the garbage collector.
        self._chunks = chunks
        self.sample_rate = sound.sample_rate
        """Samples a second."""

    @property
    def info(self) -> SpeechInfo | None:
        """Set when the last chunk has been given."""
        return self._sound.info

    @property
    def words(self) -> tuple[WordInfo, ...] | None:
        """Words so far: each comes with the chunk that ends it, or soon after. None where the bundle cannot tell."""
        return self._sound.words

    @property
    def segments(self) -> tuple[SegmentInfo, ...]:
        """Segments so far: each comes when the next one begins to be heard, or with the last chunk."""
        return self._sound.segments

    def __next__(self) -> Wave:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cancel(self) -> None:
        """Stop the work at its next step without waiting for it; the iteration ends, wherever it runs.

        For another thread than the one that iterates: a server whose listener has left calls it.
        """
        self._cancellation.cancel()

    def close(self) -> None:
        """Stop the work and free it; safe to call at any time, more than once, by the thread that iterates."""
        self._cancellation.cancel()
        self._chunks.close()
        self._cancellation.join()


def finished(speech: SpeechStream, take: Callable[[Wave], None]) -> SpeechInfo:
    """Speak to the end; `take` gets the sound piece by piece, float32 [n].

    Raises:
        GenerationError: the work was cancelled.
    """
    with speech:
        for piece in speech:
            take(piece)
    if speech.info is None:
        raise GenerationError("the work was cancelled before its end")
    return speech.info


def whole(speech: SpeechStream) -> tuple[Wave, SpeechInfo]:
    """Speak to the end: the sound, float32 [N], and the report about it. Errors are those of `finished`."""
    pieces: list[Wave] = []
    info = finished(speech, pieces.append)
    return np.concatenate(pieces), info


def keep_nothing(piece: Wave) -> None:
    """For sound that nobody wants in memory."""

"""Speech while it is being written: the listener's side, where ids become sound."""

import time
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self

import numpy as np

from sparktts_onnx.audio.joining import Joiner
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.audio.tempo import TempoChanger
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions, VocoderStream
from sparktts_onnx.runtime.speech.ahead import SegmentBegins, SegmentEnds, Writer
from sparktts_onnx.runtime.speech.guards import longest_silence, once_heard
from sparktts_onnx.runtime.speech.report import Report
from sparktts_onnx.runtime.speech.result import SpeechInfo


class SpeechStream:
    """Chunks of speech, float32 [N] each, as soon as they can be made.

    Iterate it; leave early with `close`, by using it as a context manager, or by forgetting it, and the work stops at
    once.
    """

    def __init__(
        self, writer: Writer, vocoder: Vocoder, codec: CodecLayout, report: Report, options: StreamOptions
    ) -> None:
        self._writer = writer
        self._making = _Making(writer, vocoder, codec, report, options)
        # The generator must not hold this object: a stream that is forgotten would wait for the garbage collector.
        self._chunks = self._making.chunks()
        self.sample_rate = codec.sample_rate
        """Samples a second."""

    @property
    def info(self) -> SpeechInfo | None:
        """Told when the last chunk has been given."""
        return self._making.info

    def __iter__(self) -> Iterator[Wave]:
        return self

    def __next__(self) -> Wave:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def cancel(self) -> None:
        """Stop the work at its next token without waiting for it; the iteration ends, wherever it runs.

        For another thread than the one that iterates: a server whose listener has left calls it.
        """
        self._writer.cancel()

    def close(self) -> None:
        """Stop the work and free it; safe to call at any time, more than once, by whoever iterates."""
        self._chunks.close()
        self._writer.close()


class _Making:
    """What makes the chunks: ids from the writer become sound, segment by segment."""

    def __init__(
        self, writer: Writer, vocoder: Vocoder, codec: CodecLayout, report: Report, options: StreamOptions
    ) -> None:
        self.info: SpeechInfo | None = None
        self._writer = writer
        self._vocoder = vocoder
        self._codec = codec
        self._report = report
        self._options = options
        self._joiner = Joiner(codec.sample_rate)
        self._tempo = TempoChanger(codec.sample_rate, report.tempo)
        self._samples = 0
        self._heard: list[Wave] = []
        """Of the segment that is being spoken."""
        self._speaker: tuple[int, ...] = ()

    def chunks(self) -> Generator[Wave]:
        """Every chunk that is not empty; the work ends with the generator."""
        try:
            for chunk in self._joined():
                if self._writer.cancelled:
                    return
                self._samples += len(chunk)
                if len(chunk):
                    yield chunk
            if self._writer.cancelled:
                return
            self.info = self._report.info(
                samples=self._samples, spans=self._joiner.spans, speaker=self._speaker, codec=self._codec
            )
        finally:
            self._writer.close()

    def _joined(self) -> Iterator[Wave]:
        """What is certain after every chunk, in its final tempo."""
        for chunk in self._segments():
            yield self._tempo.feed(chunk)
        yield self._tempo.feed(self._joiner.finish())
        yield self._tempo.finish()

    def _segments(self) -> Iterator[Wave]:
        sound: VocoderStream | None = None
        for event in self._writer:
            began = time.perf_counter()
            if isinstance(event, SegmentBegins):
                sound = self._sound(event)
            elif isinstance(event, SegmentEnds):
                yield self._end(event, sound)
            elif sound is not None and (chunk := sound.push(event)) is not None:
                self._report.seconds["vocoder"] += time.perf_counter() - began
                self._heard.append(chunk)
                yield self._joiner.feed(chunk)

    def _sound(self, event: SegmentBegins) -> VocoderStream:
        self._speaker = self._speaker or event.global_ids
        d_vector = self._vocoder.d_vector(event.global_ids)
        return VocoderStream(self._vocoder, d_vector, self._options, fade_samples=self._codec.hop_length)

    def _end(self, event: SegmentEnds, sound: VocoderStream | None) -> Wave:
        began = time.perf_counter()
        rest = np.zeros(0, np.float32) if sound is None else sound.finish()
        self._report.seconds["vocoder"] += time.perf_counter() - began
        self._report.seconds["language_model"] += event.language_model_seconds
        self._report.add_segment(event.planned.plan, event.tokens, self._stop_reason(event, rest), event.retries)
        return np.concatenate([self._joiner.feed(rest), self._joiner.end_segment(event.planned.pause_seconds)])

    def _stop_reason(self, event: SegmentEnds, rest: Wave) -> str:
        """Why a segment ended. One with a long silence is not tried again, since it was heard, but it is told."""
        silence = longest_silence(np.concatenate([*self._heard, rest]), self._codec.sample_rate)
        self._heard.clear()
        return once_heard(event.stop_reason, silence, event.planned.plan.guards)

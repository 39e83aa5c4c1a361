"""A recording in another voice: its own words and timing, the language model left out.

recording ─ in windows ─▶ semantic ids ─┐
                                        ├─ vocoder ─▶ Chunk …
voice ─────────────────▶ global ids ────┘
"""

from collections.abc import Generator, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import Source, resampled
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.speech.report import Clock, Providers
from sparktts_onnx.runtime.speech.result import END, SegmentInfo, SpeechInfo, WordInfo
from sparktts_onnx.runtime.voices.content import ContentEncoder
from sparktts_onnx.runtime.voices.voice import Voice


class Revoiced:
    """The sound of one recording in another voice."""

    def __init__(self, content: ContentEncoder, vocoder: Vocoder, recording: Source, voice: Voice) -> None:
        self._content = content
        self._vocoder = vocoder
        self._recording = recording
        self._voice = voice
        self.sample_rate = vocoder.codec.sample_rate
        self.words: tuple[WordInfo, ...] | None = None
        self.segments: tuple[SegmentInfo, ...] = ()
        self.info: SpeechInfo | None = None
        """Set after the last chunk."""

    def chunks(self, work: Cancellation, providers: Providers, model_id: str | None) -> Generator[Wave]:
        """Chunks float32 [n]; they end where the work is cancelled, and then there is no info."""
        clock, samples = Clock(listened=True), 0
        try:
            with resampled(self._recording, sample_rate=self.sample_rate) as (blocks, notes):
                with clock.timing("load"), self._vocoder.loading():
                    self._content.load()
                for chunk in self._made(_checked(blocks, work)):
                    work.check()
                    samples += len(chunk)
                    with clock.away():
                        yield chunk
        except GenerationError:
            if work.error is not None or not work.cancelled:
                raise
        else:
            seconds, duration = clock.seconds(), samples / self.sample_rate
            self.info = SpeechInfo(
                sample_rate=self.sample_rate,
                duration_seconds=duration,
                seconds=seconds,
                real_time_factor=duration / (seconds["total"] - seconds["load"]),
                tokens=samples // self._vocoder.codec.hop_length,
                stop_reason=END,
                seed=0,
                voice=self._voice,
                segments=(),
                providers=providers(),
                warnings=tuple(notes),
                model_id=model_id,
            )

    def _made(self, blocks: Iterable[NDArray[np.float64]]) -> Iterator[Wave]:
        """Sound float32 [n] as soon as it can be made, of a recording in blocks float64 [N]."""
        vocoder, d_vector = self._vocoder, self._vocoder.d_vector(self._voice.global_ids)
        ids, start = np.zeros(0, np.int64), 0
        for more in self._content.in_windows(blocks):
            ids = np.concatenate([ids, more])
            stop = len(ids) - vocoder.context
            if stop > start:
                yield from vocoder.render(ids, d_vector, start, stop)
                past = max(0, stop - vocoder.context)
                ids, start = ids[past:], stop - past
        yield from vocoder.render(ids, d_vector, start, len(ids))


def _checked(blocks: Iterable[NDArray[np.float64]], work: Cancellation) -> Iterator[NDArray[np.float64]]:
    """The same blocks, until the work is cancelled."""
    for block in blocks:
        work.check()
        yield block

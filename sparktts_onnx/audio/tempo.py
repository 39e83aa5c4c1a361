"""Faster or slower speech at the same pitch: FFmpeg's `atempo` filter, through PyAV."""

from fractions import Fraction
from typing import Any

import numpy as np

from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.audio.signal import Wave

STAGE = 2.0
"""Most that one filter does: below a half it refuses, above two it skips samples instead of blending them."""
TAIL_SECONDS = 1.0
"""Silence fed after the end: the filter keeps some of the last sound back. What it becomes is cut off again."""
_NOTHING = np.zeros(0, np.float32)


class TempoChanger:
    """Changes the speed of speech chunk by chunk; about 80 ms of sound wait inside.

    The whole has exactly round(N / factor) samples, and a factor of 1 changes nothing.
    """

    def __init__(self, sample_rate: int, factor: float) -> None:
        self._rate, self._factor = sample_rate, factor
        self._samples_in = self._samples_out = 0
        if factor != 1.0:
            self._av = load_av("changing the speed of speech")
            self._graph = self._av.filter.Graph()  # owns the filters
            self._source, self._sink = self._filters()

    def feed(self, chunk: Wave) -> Wave:
        """float32 [m]: what is ready once `chunk` float32 [n] is there."""
        chunk = np.asarray(chunk, np.float32)
        if self._factor == 1.0 or not len(chunk):
            return chunk
        ready = self._passed(chunk)
        self._samples_out += len(ready)
        return ready

    def finish(self) -> Wave:
        """float32 [m]: the rest."""
        if not self._samples_in:
            return _NOTHING
        missing = round(self._samples_in / self._factor) - self._samples_out
        tail = np.zeros(round(TAIL_SECONDS * self._rate * max(1.0, self._factor)), np.float32)
        return np.concatenate([self._passed(tail), self._pulled(None)])[: max(0, missing)]

    def _filters(self) -> tuple[Any, Any]:
        """Both ends of a row of `atempo` filters."""
        source = last = self._graph.add_abuffer(
            sample_rate=self._rate, format="flt", layout="mono", time_base=Fraction(1, self._rate)
        )
        for stage in _stages(self._factor):
            link, last = last, self._graph.add("atempo", f"{stage:.9f}")
            link.link_to(last)
        sink = self._graph.add("abuffersink")
        last.link_to(sink)
        self._graph.configure()
        return source, sink

    def _passed(self, wav: Wave) -> Wave:
        """float32 [m]: what comes out once `wav` float32 [n] has gone in."""
        frame = self._av.AudioFrame.from_ndarray(wav[np.newaxis].copy(), format="flt", layout="mono")
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._samples_in
        self._samples_in += len(wav)
        return self._pulled(frame)

    def _pulled(self, frame: Any) -> Wave:
        """float32 [m]: what comes out behind a frame, or behind the end."""
        self._source.push(frame)
        pieces = [_NOTHING]
        while True:
            try:
                pieces.append(self._sink.pull().to_ndarray()[0])
            except (self._av.BlockingIOError, self._av.EOFError):  # wants more, or has no more
                return np.concatenate(pieces)


def _stages(factor: float) -> list[float]:
    """Factors within what one filter does well, whose product is `factor`."""
    stages = [factor]
    while stages[-1] > STAGE:
        stages[-1:] = [STAGE, stages[-1] / STAGE]
    while stages[-1] < 1 / STAGE:
        stages[-1:] = [1 / STAGE, stages[-1] * STAGE]
    return stages

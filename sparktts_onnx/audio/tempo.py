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
        self._factor = factor
        self._rate = sample_rate
        self._samples_in = self._samples_out = 0
        self._chain = _Chain(sample_rate, _stages(factor)) if factor != 1.0 else None

    def feed(self, chunk: Wave) -> Wave:
        """float32 [m]: what is ready once `chunk` float32 [n] is there."""
        chunk = np.asarray(chunk, np.float32)
        if self._chain is None:
            return chunk
        self._samples_in += len(chunk)
        return self._counted(self._chain.pass_through(chunk))

    def finish(self) -> Wave:
        """float32 [m]: the rest."""
        if self._chain is None:
            return _NOTHING
        missing = round(self._samples_in / self._factor) - self._samples_out
        tail = np.zeros(round(TAIL_SECONDS * self._rate * max(1.0, self._factor)), np.float32)
        rest = np.concatenate([self._chain.pass_through(tail), self._chain.flush()])
        return self._counted(rest[: max(0, missing)])

    def _counted(self, wav: Wave) -> Wave:
        self._samples_out += len(wav)
        return wav


def _stages(factor: float) -> list[float]:
    """Factors within what one filter does well, whose product is `factor`."""
    stages = [factor]
    while stages[-1] > STAGE:
        stages[-1:] = [STAGE, stages[-1] / STAGE]
    while stages[-1] < 1 / STAGE:
        stages[-1:] = [1 / STAGE, stages[-1] * STAGE]
    return stages


class _Chain:
    """A row of `atempo` filters."""

    def __init__(self, sample_rate: int, stages: list[float]) -> None:
        self._av = load_av("changing the speed of speech")
        self._rate = sample_rate
        self._samples = 0
        graph = self._av.filter.Graph()
        self._source = last = graph.add_abuffer(
            sample_rate=sample_rate, format="flt", layout="mono", time_base=Fraction(1, sample_rate)
        )
        for stage in stages:
            link, last = last, graph.add("atempo", f"{stage:.9f}")
            link.link_to(last)
        self._sink = graph.add("abuffersink")
        last.link_to(self._sink)
        graph.configure()
        self._graph = graph  # owns the filters

    def pass_through(self, wav: Wave) -> Wave:
        """float32 [m]: what comes out once `wav` float32 [n] has gone in."""
        if not len(wav):
            return _NOTHING
        frame = self._av.AudioFrame.from_ndarray(wav[np.newaxis].copy(), format="flt", layout="mono")
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._samples
        self._samples += len(wav)
        return self._pulled(frame)

    def flush(self) -> Wave:
        """float32 [m]: what is still inside."""
        return self._pulled(None) if self._samples else _NOTHING

    def _pulled(self, frame: Any) -> Wave:
        self._source.push(frame)
        pieces = [_NOTHING]
        while True:
            try:
                pieces.append(self._sink.pull().to_ndarray()[0])
            except (self._av.BlockingIOError, self._av.EOFError):  # wants more, or has no more
                return np.concatenate(pieces)

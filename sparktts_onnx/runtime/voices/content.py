"""Content: from a recording to semantic ids, at once or in windows of which each is heard by itself.

    wav ─ wav2vec2 ─ encoder ─ quantizer_tokenize ─▶ semantic ids

wav2vec2 hears all that it is given at once, so that time and memory grow with the square of it. Windows overlap, and a
code is taken from the window in which it is farther from a border; at the same place a few in a hundred then differ.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import normalized_volume
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.graphs.sessions import Sessions

WINDOW = 1000
"""Tokens that are heard at once: 20 s."""
OVERLAP = 50
"""Tokens at a border between windows that are not taken from this window."""
LOUD = 200
"""Tokens of the loudest stretch, which a quiet window is heard after."""
QUIET = 0.1
"""A window is quiet below this part of the loudest stretch's level. Heard alone its noise would count as speech, as
the level of what is heard at once is made that of speech."""

Samples = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class ContentEncoder:
    """Hears recordings with the graphs of one bundle."""

    def __init__(self, sessions: Sessions, codec: CodecLayout) -> None:
        self._sessions = sessions
        self._codec = codec

    def load(self) -> None:
        for name in ("wav2vec2", "encoder", "quantizer_tokenize"):
            self._sessions[name]

    def ids(self, wav: Samples) -> Ids:
        """Semantic ids int64 [T] of a recording float32 [N], heard at once; by graphs of a fixed length in windows."""
        if self._codec.fixed_frames is None:
            return self._heard(wav)
        return np.concatenate(list(self.in_windows([wav])))

    def in_windows(self, blocks: Iterable[Samples]) -> Iterator[Ids]:
        """Semantic ids int64 [n] of a recording of any length that comes in blocks [N]; about 40 s are held of it."""
        hop, frames = self._codec.hop_length, self._codec.fixed_frames or WINDOW
        size = (frames + 1) * hop if self._codec.fixed_frames is None else self._fixed_size()
        overlap = min(OVERLAP, frames // 4)
        step, stop = frames - 2 * overlap, frames - overlap
        held: Samples = np.zeros(0)
        loud, done = held, 0
        for block in _gathered(blocks, step * hop):
            held = np.concatenate([held, block])
            while len(held) >= size + step * hop:
                loud = _loudest(loud, held, LOUD * hop)
                yield self._window(held[:size], loud)[done:stop]
                held, done = held[step * hop :], overlap
        loud = _loudest(loud, held, LOUD * hop)
        further = (len(held) - size) // hop
        if further > 0:  # the last window ends where the recording ends
            yield self._window(held[:size], loud)[done:stop]
            held, done = held[further * hop :], stop - further
        yield self._window(held, loud)[done:]

    def _window(self, wav: Samples, loud: Samples) -> Ids:
        if self._codec.fixed_frames is not None:
            size, hop = self._fixed_size(), self._codec.hop_length
            whole = max(1, (len(wav) - size) // hop + self._codec.fixed_frames)
            return self._heard(self._leveled(np.resize(wav, size)))[:whole]
        if _level(wav) >= QUIET * _level(loud):
            return self._heard(self._leveled(wav))
        return self._heard(self._leveled(np.concatenate([loud, wav])))[len(loud) // self._codec.hop_length :]

    def _heard(self, wav: Samples) -> Ids:
        features = self._sessions.run("wav2vec2", {"wav": wav.astype(np.float32)[None]})[0]
        z = self._sessions.run("encoder", {"features": features})[0]
        ids: Ids = self._sessions.run("quantizer_tokenize", {"z": z})[0][0]
        return ids

    def _leveled(self, wav: Samples) -> Samples:
        return normalized_volume(wav.astype(np.float64)) if self._codec.volume_normalize else wav

    def _fixed_size(self) -> int:
        return int(self._sessions.input_shape("wav2vec2")[1])


def _gathered(blocks: Iterable[Samples], least: int) -> Iterator[Samples]:
    """Blocks of at least so many samples, but for the last."""
    parts: list[Samples] = []
    for block in blocks:
        parts.append(block)
        if sum(map(len, parts)) >= least:
            yield np.concatenate(parts)
            parts = []
    if parts:
        yield np.concatenate(parts)


def _loudest(loud: Samples, wav: Samples, length: int) -> Samples:
    """The loudest stretch of `length` samples: the one known, or a part of `wav`."""
    parts = [wav[start : start + length] for start in range(0, max(1, len(wav) - length + 1), length)]
    return max((loud, *parts), key=_level)


def _level(wav: Samples) -> float:
    return float(np.sqrt(np.square(wav).mean())) if len(wav) else 0.0

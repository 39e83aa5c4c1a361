"""Guards: is an answer of the language model plausible speech for its text?

A language model that writes audio tokens can stop too early, never stop, or stall in a cycle. Each guard has a name,
which is the stop reason of an attempt that it ended.
"""

import math
from collections.abc import Sequence

import numpy as np

from sparktts_onnx.audio.signal import SILENCE_LEVEL, Wave, block_levels
from sparktts_onnx.text.duration import TokenBounds

TOO_SHORT = "too_short"
TOO_LONG = "too_long"
LOOP = "loop"
SILENCE = "silence"
LENGTH = "length"
"""Not a guard: `max_new_tokens` was reached."""

LONGEST_CYCLE = 12
"""Longest cycle of ids that counts as a loop."""
LOOP_TOKENS = 100
"""Tokens (50 a second) that a cycle must go on for."""
MOST_SILENCE_SECONDS = 2.0
"""Longest silence that speech of one segment may hold."""


class LengthGuard:
    """Watches one answer while it is written."""

    def __init__(self, bounds: TokenBounds) -> None:
        """`bounds`: how many tokens the segment's text can plausibly take."""
        self._shortest = bounds.shortest
        self._longest = bounds.longest

    def watch(self, ids: Sequence[int]) -> str | None:
        """The guard that an unfinished answer violates already, or None; call it after every id."""
        if len(ids) > self._longest:
            return TOO_LONG
        return LOOP if _loops(ids) else None

    def judge(self, ids: Sequence[int]) -> str | None:
        """The guard that a finished answer violates, or None."""
        return TOO_SHORT if len(ids) < self._shortest else None

    def distance(self, ids: Sequence[int]) -> float:
        """How far an answer's length is from plausible; the best attempt has the smallest.

        0 for a plausible one, infinite for one without any id.
        """
        if not ids:
            return math.inf
        if len(ids) < self._shortest:
            return self._shortest / len(ids) - 1
        return max(0.0, len(ids) / self._longest - 1) + (1.0 if _loops(ids) else 0.0)


def _loops(ids: Sequence[int]) -> bool:
    if len(ids) < LOOP_TOKENS:
        return False
    tail = ids[-LOOP_TOKENS:]
    return any(tail[period:] == tail[:-period] for period in range(1, LONGEST_CYCLE + 1))


def longest_silence(wav: Wave, sample_rate: int) -> float:
    """Seconds of the longest silence in a waveform float32 [N]."""
    frame = sample_rate // 50
    levels = block_levels(wav, frame)
    loud = np.flatnonzero(levels >= SILENCE_LEVEL)
    edges = np.concatenate([[-1], loud, [len(levels)]])
    return float(np.diff(edges).max() - 1) * frame / sample_rate

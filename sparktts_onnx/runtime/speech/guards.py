"""Guards: is an answer of the language model plausible speech for its text?

A language model that writes audio tokens can stop too early, never stop, or stall in a cycle. Each guard has a name,
which is the stop reason of an attempt that it ended.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparktts_onnx.audio.signal import SILENCE_LEVEL, Wave, block_levels
from sparktts_onnx.runtime.values import whole_number
from sparktts_onnx.text.duration import TokenBounds

TOO_SHORT = "too_short"
TOO_LONG = "too_long"
LOOP = "loop"
SILENCE = "silence"
LENGTH = "length"
"""Not a guard: `max_new_tokens` was reached."""


@dataclass(frozen=True)
class GuardOptions:
    """How patient the guards are."""

    retries: int = 2
    """Further attempts, with other seeds, for a segment that a guard rejects; the best attempt is kept."""
    longest_cycle: int = 12
    """Longest cycle of ids that counts as a loop."""
    loop_tokens: int = 100
    """Tokens (50 a second) that a cycle must go on for."""
    silence_seconds: float = 2.0
    """Longest silence that speech of one segment may hold."""
    words: bool = True
    """Whether attempts are rejected whose words are skipped, repeated or missing, where the bundle can tell."""

    def __post_init__(self) -> None:
        whole_number("retries", self.retries, 0, 20)


class LengthGuard:
    """Watches one answer while it is written."""

    def __init__(self, bounds: TokenBounds, options: GuardOptions) -> None:
        """`bounds`: how many tokens the segment's text can plausibly take."""
        self._shortest = bounds.shortest
        self._longest = bounds.longest
        self._options = options

    def watch(self, ids: Sequence[int]) -> str | None:
        """The guard that an unfinished answer violates already, or None; call it after every id."""
        if len(ids) > self._longest:
            return TOO_LONG
        return LOOP if self._loops(ids) else None

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
        return max(0.0, len(ids) / self._longest - 1) + (1.0 if self._loops(ids) else 0.0)

    def _loops(self, ids: Sequence[int]) -> bool:
        needed = self._options.loop_tokens
        if len(ids) < needed:
            return False
        tail = ids[-needed:]
        return any(tail[period:] == tail[:-period] for period in range(1, self._options.longest_cycle + 1))


def longest_silence(wav: Wave, sample_rate: int) -> float:
    """Seconds of the longest silence in a waveform float32 [N]."""
    frame = sample_rate // 50
    levels = block_levels(wav, frame)
    loud = np.flatnonzero(levels >= SILENCE_LEVEL)
    edges = np.concatenate([[-1], loud, [len(levels)]])
    return float(np.diff(edges).max() - 1) * frame / sample_rate

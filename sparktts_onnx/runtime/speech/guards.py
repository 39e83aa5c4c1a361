"""Guards: is an answer of the language model plausible speech for its text?

A language model that writes audio tokens can stop too early, never stop, or stall in a cycle. Each guard has a name,
which is the stop reason of an attempt that it ended.
"""

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


def unfinished_fault(ids: Sequence[int], bounds: TokenBounds) -> str | None:
    """The guard that an unfinished answer violates already, or None; call it after every id."""
    if len(ids) > bounds.longest:
        return TOO_LONG
    return LOOP if _loops(ids) else None


def distance(ids: Sequence[int], bounds: TokenBounds) -> float:
    """How far the length of an answer with an id is from plausible: 0 for a plausible one."""
    if len(ids) < bounds.shortest:
        return bounds.shortest / len(ids) - 1
    return max(0.0, len(ids) / bounds.longest - 1) + (1.0 if _loops(ids) else 0.0)


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

"""Where the moments of one recording lie in another that says the same text."""

from typing import Any

import numpy as np

from training.espeak import SAMPLE_RATE

HOP = 320
"""Samples a token stands for."""
_CENTER = 200
"""Samples from a token's start to the middle of what wav2vec2 sees for it."""


def frame_times(frames: int) -> np.ndarray:
    """Seconds at the middle of each token: float64 [T]."""
    return (np.arange(frames) * HOP + _CENTER) / SAMPLE_RATE


def anchors(phonemes: list[Any], seconds: float) -> np.ndarray:
    """The moments that two recordings of one text share: start, each phoneme, end; float64 [P + 2]."""
    times = np.array([0.0, *(t for t, _ in phonemes), seconds])
    return np.maximum.accumulate(np.minimum(times, seconds))


def mapped(times: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Seconds in the target recording for seconds in the source, linear between shared moments."""
    if len(source) != len(target):  # the renditions differ in a phoneme: only their ends are shared
        source, target = source[[0, -1]], target[[0, -1]]
    # Equal moments would make the line vertical: part them by less than a sample.
    found: np.ndarray = np.interp(times, source + np.arange(len(source)) * 1e-7, target)
    return found


def phoneme_labels(phonemes: list[Any], times: np.ndarray, inventory: dict[str, int]) -> np.ndarray:
    """The phoneme at each moment, 0 where there is none: int64 [T]."""
    starts = np.array([t for t, _ in phonemes])
    labels = np.array([0, *(inventory.get(p, 0) for _, p in phonemes)])
    found: np.ndarray = labels[np.searchsorted(starts, times, side="right")]
    return found

"""Where in a recording somebody speaks: by level, against the recording's own noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.signal import Wave, block_levels

BLOCK_SECONDS = 0.02

LEAST_RANGE_DB = 6.0
"""Loud over quiet blocks of anything that could be speech; steady noise has less."""

FADES_INTO_DB = 35.0
"""Speech of one recording stays within this of its loud parts."""

OVER_NOISE_DB = 6.0
"""Speech stands out of its background by this."""

LONGEST_GAP_SECONDS = 0.2
"""Shorter silences belong to the words around them: stops, breath, commas."""

SHORTEST_SOUND_SECONDS = 0.06
"""Shorter sounds are clicks."""

RANGE_DB = 70.0
"""Nothing further under the loud parts is told apart; more than 11 bits."""


@dataclass(frozen=True)
class Activity:
    """Speech and background of one recording, by blocks of `BLOCK_SECONDS`."""

    speaking: NDArray[np.bool_]
    """bool [blocks]."""

    signal_to_noise_db: float
    """Speech over background, 0 to `RANGE_DB`; from the quietest blocks where there is no pause."""

    def seconds(self) -> float:
        """How long somebody speaks."""
        return float(self.speaking.sum()) * BLOCK_SECONDS


def find_speech(wav: Wave, sample_rate: int) -> Activity:
    """Tell speech from background in `wav` float32 [N], at any volume."""
    levels = block_levels(wav, round(BLOCK_SECONDS * sample_rate))
    if not len(levels) or not levels.max():
        return Activity(np.zeros(len(levels), np.bool_), 0.0)
    decibel = 20 * np.log10(np.maximum(levels / levels.max(), 10 ** (-RANGE_DB / 20)))
    loud, floor = np.percentile(decibel, [95, 10])
    if loud - floor < LEAST_RANGE_DB:
        return Activity(np.zeros(len(levels), np.bool_), 0.0)
    threshold = max(loud - FADES_INTO_DB, min(floor + OVER_NOISE_DB, loud - LEAST_RANGE_DB / 2))
    stands_out = decibel > threshold
    speaking = _without_short(stands_out, SHORTEST_SOUND_SECONDS)
    speaking = ~_without_short(~speaking, LONGEST_GAP_SECONDS)
    return Activity(speaking, _signal_to_noise_db(levels, stands_out, speaking))


def _signal_to_noise_db(
    levels: NDArray[np.float64], stands_out: NDArray[np.bool_], speaking: NDArray[np.bool_]
) -> float:
    """Power of the speech over power of the rest, the background's share taken off the speech."""
    background = levels[~speaking & ~stands_out]
    if len(background) < 5:
        background = np.sort(levels)[: max(1, len(levels) // 20)]
    noise = float(np.mean(background**2))
    speech = float(np.mean(levels[stands_out] ** 2)) - noise
    return float(np.clip(10 * np.log10(max(speech, 1e-12) / max(noise, 1e-12)), 0.0, RANGE_DB))


def _without_short(mask: NDArray[np.bool_], seconds: float) -> NDArray[np.bool_]:
    """`mask` less its runs shorter than `seconds`; a run at either end counts as it is."""
    least = round(seconds / BLOCK_SECONDS)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    kept = mask.copy()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < least:
            kept[start:stop] = False
    return kept

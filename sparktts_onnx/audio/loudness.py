"""Even loudness from segment to segment, decided while the sound passes."""

from __future__ import annotations

import numpy as np

from sparktts_onnx.audio.signal import SILENCE_LEVEL, Wave, amplitude, decibels

DEAD_ZONE_DB = 0.5
"""Differences that nobody hears are left alone."""

SLEW_DB_PER_SECOND = 12.0
"""How fast the gain moves: fast enough for a short sentence, too slow to be heard as a change."""

SURE_AFTER_SECONDS = 0.5
"""Speech heard before a segment's own loudness is fully believed."""


class Leveler:
    """Brings each segment toward the loudness of those before it, block by block.

    The first segment sets the loudness and is not touched: one segment alone comes out bit for bit.
    """

    def __init__(self, sample_rate: int, most_db: float) -> None:
        self._rate = sample_rate
        self._most_db = most_db
        self._target_db: float | None = None
        self._heard = _Energy()
        self._segment = _Energy()
        self._gain_db = 0.0

    def next_segment(self) -> None:
        """What comes now is another segment."""
        if self._heard.samples:
            self._target_db = self._heard.level_db
        self._segment = _Energy()
        self._gain_db = 0.0

    def apply(self, block: Wave) -> Wave:
        """float32 [n]: `block` float32 [n] at the loudness of the speech so far."""
        if not len(block):
            return block
        active = float(np.sqrt(np.mean(np.square(block, dtype=np.float64)))) >= SILENCE_LEVEL
        if active:
            self._segment.add(block)
        before, self._gain_db = self._gain_db, self._next_gain_db(block)
        if before or self._gain_db:
            ramp = np.linspace(amplitude(before), amplitude(self._gain_db), len(block), dtype=np.float32)
            block = np.clip(block * ramp, -1.0, 1.0)
        if active:
            self._heard.add(block)
        return block

    def _next_gain_db(self, block: Wave) -> float:
        """The gain at the end of `block`: a short step toward what evens the segment."""
        if self._target_db is None or not self._segment.samples:
            return self._gain_db
        difference = self._target_db - self._segment.level_db
        wanted = np.sign(difference) * max(0.0, abs(difference) - DEAD_ZONE_DB)
        wanted *= min(1.0, self._segment.samples / (SURE_AFTER_SECONDS * self._rate))
        wanted = float(np.clip(wanted, -self._most_db, self._most_db))
        wanted = min(wanted, max(0.0, -decibels(float(np.abs(block).max()))))
        step = SLEW_DB_PER_SECOND * len(block) / self._rate
        return float(np.clip(wanted, self._gain_db - step, self._gain_db + step))


class _Energy:
    """Running loudness of the blocks that hold speech."""

    def __init__(self) -> None:
        self.samples = 0
        self._energy = 0.0

    def add(self, block: Wave) -> None:
        self.samples += len(block)
        self._energy += float(np.sum(np.square(block, dtype=np.float64)))

    @property
    def level_db(self) -> float:
        return decibels(float(np.sqrt(self._energy / self.samples)))

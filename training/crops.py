"""Batches for the vocoder: tokens of any rendition, and the target speaker saying the same."""

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.alignment import HOP, anchors, frame_times, mapped
from training.espeak import SAMPLE_RATE
from training.speechdata import Recording


@dataclass(frozen=True)
class CropBatch:
    """B crops of T tokens."""

    semantic_ids: Tensor
    """int64 [B, T]."""
    global_ids: Tensor
    """int64 [B, G]."""
    wave: Tensor
    """float32 [B, 320 T]."""


class CropMaker:
    """Draws crops from the parallel recordings."""

    def __init__(
        self, recordings: list[Recording], ids: list[np.ndarray], speakers: Path, *, frames: int, seed: int
    ) -> None:
        self._rng = random.Random(seed)
        self._frames = frames
        self._known = dict(np.load(speakers).items())
        self._of_text: dict[int, list[tuple[Recording, np.ndarray]]] = defaultdict(list)
        self._targets: list[tuple[Recording, np.ndarray]] = []
        for recording, row in zip(recordings, ids, strict=True):
            self._of_text[recording[0].number].append((recording, row))
            if not recording[0].natural and len(row) >= 20:
                self._targets.append((recording, row))

    def batch(self, size: int) -> CropBatch:
        """`size` crops."""
        crops = [self._crop() for _ in range(size)]
        ids, known, waves = zip(*crops, strict=True)
        return CropBatch(*(torch.from_numpy(np.stack(part)) for part in (ids, known, waves)))

    def _crop(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target = self._rng.choice(self._targets)
        (take, samples), own = target
        source = target if self._rng.random() < 0.35 else self._rng.choice(self._of_text[take.number])
        ids = own if source is target else _as_long(source, target)
        wave = samples.astype(np.float32) / 32767
        frames = len(ids)
        if frames < self._frames:  # silence behind a short recording has no tokens of its own: repeat it
            ids, wave = _repeated(ids, wave, self._frames)
            frames = len(ids)
        start = self._rng.randint(0, frames - self._frames)
        known = self._known[take.speaker]
        part = wave[start * HOP : (start + self._frames) * HOP]
        return ids[start : start + self._frames], known[self._rng.randrange(len(known))], part


def _as_long(source: tuple[Recording, np.ndarray], target: tuple[Recording, np.ndarray]) -> np.ndarray:
    """The source's tokens at the moments of the target's: int64 [T of the target]."""
    (take, samples), ids = source
    (other, other_samples), other_ids = target
    there = anchors(other.phonemes, len(other_samples) / SAMPLE_RATE)
    here = anchors(take.phonemes, len(samples) / SAMPLE_RATE)
    times = mapped(frame_times(len(other_ids)), there, here)
    index = np.round((times * SAMPLE_RATE - 200) / HOP).astype(np.int64)
    return ids[np.clip(index, 0, len(ids) - 1)]


def _repeated(ids: np.ndarray, wave: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    times = -(-frames // len(ids))
    return np.tile(ids, times), np.tile(wave[: len(ids) * HOP], times)

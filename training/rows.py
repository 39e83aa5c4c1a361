"""Batches for the codec: the same words in different voices, cut to equal lengths, aligned frame by frame."""

import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.alignment import HOP, anchors, frame_times, mapped, phoneme_labels
from training.espeak import SAMPLE_RATE
from training.speechdata import Recording, phoneme_inventory


@dataclass(frozen=True)
class Row:
    """Some texts one after another in one take each."""

    wave: np.ndarray
    """float32 [N], cut to the batch's length."""
    anchors: np.ndarray
    """Shared moments in seconds, float64 [P]."""
    phonemes: np.ndarray
    """int64 [T]."""


@dataclass(frozen=True)
class CodecBatch:
    """Two input renditions and the target rendition of the same texts, B rows of each."""

    inputs: Tensor
    """float32 [2 B, N]: first rendition of every row, then the second."""
    phonemes: Tensor
    """int64 [2 B, T]."""
    target: Tensor
    """float32 [B, M], the target speaker, monotone."""
    target_times: Tensor
    """float32 [2 B, T]: seconds in the target at the middle of each input frame."""
    twin_frames: Tensor
    """int64 [B, T]: the frame of the second rendition at each frame of the first; -1 behind its end."""
    reference: Tensor
    """float32 [B, R], another recording of the target speaker."""


class RowMaker:
    """Draws batches from the parallel recordings."""

    def __init__(self, recordings: list[Recording], *, seconds: float, reference_seconds: float, seed: int) -> None:
        self._rng = random.Random(seed)
        self._samples = int(seconds * SAMPLE_RATE) // HOP * HOP + 80  # one more stride than whole hops gives T frames
        self._frames = self._samples // HOP
        self._reference = int(reference_seconds * SAMPLE_RATE)
        self._by_text: dict[int, list[Recording]] = defaultdict(list)
        self._monotone: dict[str, list[Recording]] = defaultdict(list)
        self._of_speaker: dict[str, list[Recording]] = defaultdict(list)
        for recording in recordings:
            take = recording[0]
            self._by_text[take.number].append(recording)
            self._of_speaker[take.speaker].append(recording)
            if not take.natural:
                self._monotone[take.speaker].append(recording)
        self.inventory = phoneme_inventory(recordings)
        self._weights = [len(v) for v in self._monotone.values()]

    def batch(self, size: int) -> CodecBatch:
        """`size` rows of input pairs and targets."""
        speakers = self._rng.choices(list(self._monotone), self._weights, k=size)
        rows = [self._row(speaker) for speaker in speakers]
        first, second, target = (list(part) for part in zip(*rows, strict=True))
        length = max(len(r.wave) for r in target)
        times = [
            mapped(frame_times(self._frames), r.anchors, t.anchors)
            for r, t in zip(first + second, target * 2, strict=True)
        ]
        return CodecBatch(
            _stack([r.wave[: self._samples] for r in first + second]),
            torch.from_numpy(np.stack([r.phonemes for r in first + second])),
            _stack([np.pad(r.wave, (0, length - len(r.wave))) for r in target]),
            _stack(times),
            torch.from_numpy(np.stack([self._twin(a, b) for a, b in zip(first, second, strict=True)])),
            _stack([self._clip(speaker) for speaker in speakers]),
        )

    def _twin(self, first: Row, second: Row) -> np.ndarray:
        times = mapped(frame_times(self._frames), first.anchors, second.anchors)
        frames = np.round((times * SAMPLE_RATE - 200) / HOP).astype(np.int64)
        frames[(frames < 0) | (frames >= self._frames)] = -1
        return frames

    def _row(self, speaker: str) -> tuple[Row, Row, Row]:
        pieces: list[tuple[Recording, Recording, Recording]] = []
        while sum(min(len(a[1]), len(b[1])) for a, b, _ in pieces) < self._samples:
            target = self._rng.choice(self._monotone[speaker])
            others = [r for r in self._by_text[target[0].number] if r is not target]
            first, second = self._rng.sample(others, 2)
            pieces.append((first, second, target) if self._rng.random() < 0.85 else (target, second, target))
        gain = [self._rng.uniform(0.7, 1.3) for _ in range(2)] + [1.0]
        rows = [self._joined([p[i] for p in pieces], gain[i]) for i in range(3)]
        return rows[0], rows[1], rows[2]

    def _joined(self, recordings: list[Recording], gain: float) -> Row:
        moments: list[np.ndarray] = []
        labels: list[tuple[float, str]] = []
        start = 0.0
        for take, samples in recordings:
            seconds = len(samples) / SAMPLE_RATE
            moments.append(start + anchors(take.phonemes, seconds))
            labels += [(start + t, p) for t, p in take.phonemes]
            start += seconds
        wave = np.concatenate([s for _, s in recordings]).astype(np.float32) * (gain / 32767)
        times = frame_times(self._frames)
        return Row(wave, np.concatenate(moments), phoneme_labels(labels, times, self.inventory))

    def _clip(self, speaker: str) -> np.ndarray:
        samples = self._rng.choice(self._of_speaker[speaker])[1]
        while len(samples) < self._reference:
            samples = np.concatenate([samples, self._rng.choice(self._of_speaker[speaker])[1]])
        return samples[: self._reference].astype(np.float32) / 32767


def _stack(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))

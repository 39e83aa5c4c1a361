"""How near two waveforms are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]

_FFT, _HOP, _BANDS = 1024, 256, 80
_FLOOR = 1e-5
"""Magnitudes below this count as silence."""


def snr_db(found: Wave, expected: Wave) -> float:
    """Signal over deviation, in decibels; the longer one is cut to the length of the other."""
    n = min(len(found), len(expected))
    signal = float(np.sum(np.square(expected[:n], dtype=np.float64)))
    noise = float(np.sum(np.square(found[:n].astype(np.float64) - expected[:n])))
    return 10 * float(np.log10(max(signal, 1e-20) / max(noise, 1e-20)))


def log_mel_distance(found: Wave, expected: Wave, sample_rate: int) -> float:
    """Mean absolute difference of log mel spectra, in decibels: what is heard, whatever the phase."""
    n = min(len(found), len(expected))
    bank = _mel_bank(sample_rate)
    a, b = (_log_mel(wave[:n], bank) for wave in (found, expected))
    return float(np.mean(np.abs(a - b)))


def _log_mel(wave: Wave, bank: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(wave.astype(np.float64), (0, max(0, _FFT - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=1)) / _FFT
    decibels: NDArray[np.float64] = 20 * np.log10(np.maximum(magnitude @ bank.T, _FLOOR))
    return decibels


def _mel_bank(sample_rate: int) -> NDArray[np.float64]:
    """Triangles of unit sum, evenly spaced in mel: float64 [bands, bins]."""
    edges = _hertz(np.linspace(_mel(50.0), _mel(sample_rate / 2), _BANDS + 2))
    bins = np.fft.rfftfreq(_FFT, 1 / sample_rate)
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(rising, falling), 0, None)
    normal: NDArray[np.float64] = bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-12)
    return normal


def _mel(hertz: float) -> Any:
    return 2595 * np.log10(1 + hertz / 700)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
    return result

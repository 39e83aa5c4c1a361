"""The log spectra that the token stage predicts, and reading them at given moments."""

import torch
from torch import Tensor
from torch.nn import functional as F

from sparktts_onnx.export.modules.config import MelConfig
from sparktts_onnx.export.modules.mel import fourier_basis, mel_filters
from training.codec import LOW_BINS, MEL_FRAMES, MELS
from training.espeak import SAMPLE_RATE

STEP = 80
"""Samples between two mel frames: 5 ms."""
_FLOOR = 1e-3


class Spectra:
    """Log mel every 5 ms and the log of the fine low spectrum every 10 ms.

    Fourier transforms of few bins as matrix products: faster here than an FFT and the modulus of complex numbers.
    """

    def __init__(self, device: torch.device) -> None:
        config = MelConfig(SAMPLE_RATE, 512, 400, STEP, MELS, mel_fmin=30.0)
        filters = torch.from_numpy(mel_filters(config))
        # Slaney filters have equal areas, so wide ones are weak: make each a plain weighted mean.
        self._filters = (filters / filters.sum(1, keepdim=True)).to(device)
        self._short = torch.from_numpy(fourier_basis(512, 400)).to(device) / 100
        self._long = _lowest(torch.from_numpy(fourier_basis(1024, 1024)), LOW_BINS).to(device) / 256

    def mel(self, wave: Tensor) -> Tensor:
        """float32 [B, N] to log mel float32 [B, N // 80 + 1, 80]."""
        return torch.log(torch.matmul(self._filters, _magnitude(wave, self._short, STEP)) + _FLOOR).transpose(1, 2)

    def low(self, wave: Tensor) -> Tensor:
        """float32 [B, N] to the log of the lowest bins float32 [B, N // 160 + 1, 96]."""
        return torch.log(_magnitude(wave, self._long, 2 * STEP) + _FLOOR).transpose(1, 2)

    def at(self, wave: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Spectra of recordings float32 [B, N] around moments in seconds float32 [R B, T], R rounds of the
        recordings: float32 [R B, T, 4, 80] and float32 [R B, T, 96]."""
        middle = times * (SAMPLE_RATE / STEP)  # in steps
        mel, low = self.mel(wave), self.low(wave)
        offsets = torch.arange(MEL_FRAMES, device=times.device) - (MEL_FRAMES - 1) / 2
        index = (middle.unsqueeze(-1) + offsets).round().long().clamp(0, mel.shape[1] - 1)  # [R B, T, 4]
        rows = torch.arange(len(times), device=times.device) % len(wave)
        coarse = (middle / 2).round().long().clamp(0, low.shape[1] - 1)
        return mel[rows[:, None, None], index], low[rows[:, None], coarse]


def _lowest(basis: Tensor, bins: int) -> Tensor:
    """The cosines and sines of the first bins only."""
    half = len(basis) // 2
    return torch.cat([basis[:bins], basis[half : half + bins]])


def _magnitude(wave: Tensor, basis: Tensor, hop: int) -> Tensor:
    """float32 [B, N] to float32 [B, bins, N // hop + 1], frames centered."""
    size = basis.shape[-1]
    padded = F.pad(wave, (size // 2, size // 2))
    parts = F.conv1d(padded.unsqueeze(1), basis, stride=hop)
    real, imaginary = parts.chunk(2, dim=1)
    return torch.sqrt(real * real + imaginary * imaginary)

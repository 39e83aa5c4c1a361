"""The mel spectrogram as a convolution, so that it exports with standard operators at any length."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

from sparktts_onnx.export.modules.config import MelConfig


def size_of(x: Tensor, axis: int) -> Tensor:
    """Length of one axis, int64 [], as a tensor: so that what is computed from it stays computed in a graph."""
    sizes: Tensor = torch._shape_as_tensor(x)
    return sizes[axis]


class MelSpectrogram(nn.Module):
    """Magnitude of the short-time Fourier transform through slaney mel filters; no logarithm.

    Centered frames, reflected at both ends. Where the window is shorter than the transform only the window's
    support is convolved, so nothing is spent on the zeros around it.
    """

    basis: Tensor
    filters: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.hop = config.hop_length
        lead = (config.n_fft - config.win_length) // 2
        self.left = config.n_fft // 2 - lead
        self.right = config.win_length - self.left + 2 * (config.n_fft // 2) - config.n_fft
        self.bins = config.n_fft // 2 + 1
        basis = torch.from_numpy(fourier_basis(config.n_fft, config.win_length))
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters(config)), persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        """float32 [B, N] to float32 [B, mels, N // hop + 1]."""
        mirror = reflected(size_of(wav, 1), self.left, self.right).to(wav.device)
        padded = wav.index_select(1, mirror).unsqueeze(1)  # [B, 1, N + win]
        parts = F.conv1d(padded, self.basis, stride=self.hop)  # [B, 2 · bins, T]
        magnitude = torch.sqrt(parts[:, : self.bins].pow(2) + parts[:, self.bins :].pow(2))
        return torch.matmul(self.filters, magnitude)


def reflected(length: Tensor, left: int, right: int) -> Tensor:
    """Indices int64 [left + length + right] that mirror a sequence at its ends, also one shorter than the margin.

    The length is a tensor so that a traced graph computes it instead of remembering it.
    """
    period = torch.clamp(2 * (length - 1), min=1)
    # PyTorch takes a tensor as the end, which its annotations do not say.
    positions = torch.arange(-left, length + right, device=length.device)  # type: ignore[call-overload]
    folded = torch.remainder(positions, period)
    return torch.minimum(folded, period - folded)


def fourier_basis(n_fft: int, win_length: int) -> NDArray[np.float32]:
    """Windowed cosines, then sines: float32 [2 · (n_fft // 2 + 1), 1, win_length]."""
    lead = (n_fft - win_length) // 2
    time = np.arange(win_length)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / win_length)
    angle = 2 * np.pi * np.outer(np.arange(n_fft // 2 + 1), time + lead) / n_fft
    return np.concatenate([np.cos(angle), -np.sin(angle)])[:, None].astype(np.float32) * window.astype(np.float32)


def mel_filters(config: MelConfig) -> NDArray[np.float32]:
    """Triangles between slaney mel points, each of equal area: float32 [mels, bins]."""
    top = config.mel_fmax if config.mel_fmax is not None else config.sample_rate / 2
    bins, rate = config.n_fft // 2 + 1, config.sample_rate
    filters = mel_filter_bank(bins, config.num_mels, config.mel_fmin, top, rate, norm="slaney", mel_scale="slaney")
    return np.ascontiguousarray(filters.T, np.float32)

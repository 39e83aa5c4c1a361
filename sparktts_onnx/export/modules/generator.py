"""The wave generator: features at the frame rate to samples."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from sparktts_onnx.export.modules.config import GeneratorConfig
from sparktts_onnx.export.modules.weight_norm import WeightNormed

RESIDUAL_DILATIONS = (1, 3, 9)
KERNEL = 7
SNAKE_EPS = 1e-9


def block_contexts(rates: Sequence[int], kernel_sizes: Sequence[int]) -> list[int]:
    """Frames to each side that one frame's samples depend on, at the input of each up-sampling block.

    Args:
        rates: samples that each block makes of one.
        kernel_sizes: of each block's transposed convolution.
    """
    contexts, samples = [], math.prod(rates)
    low, high = -(KERNEL // 2), samples - 1 + KERNEL // 2
    for rate, kernel in reversed(list(zip(rates, kernel_sizes, strict=True))):
        reach = (KERNEL // 2) * sum(RESIDUAL_DILATIONS)
        padding = (kernel - rate) // 2
        low, high = before_transposed(low - reach, high + reach, rate=rate, kernel=kernel, padding=padding)
        samples //= rate
        contexts.append(max(-(low // samples), high // samples))
    return contexts[::-1]


def before_transposed(low: int, high: int, *, rate: int, kernel: int, padding: int) -> tuple[int, int]:
    """The inputs of a transposed convolution that its outputs low..high depend on."""
    return -((kernel - 1 - padding - low) // rate), (high + padding) // rate


class Snake(nn.Module):
    """x + sin²(α x) / α: periodic, so that harmonics come easily."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        return x + torch.sin(self.alpha * x).pow(2) / (self.alpha + SNAKE_EPS)


class ResidualUnit(nn.Module):
    """Snake, dilated convolution, Snake, 1×1 convolution, and the input added."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            Snake(channels),
            WeightNormed(
                nn.Conv1d(channels, channels, KERNEL, padding=(KERNEL - 1) // 2 * dilation, dilation=dilation)
            ),
            Snake(channels),
            WeightNormed(nn.Conv1d(channels, channels, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        return cast(Tensor, x + self.block(x))


class UpsamplingBlock(nn.Module):
    """Snake, transposed convolution, three residual units."""

    def __init__(self, in_channels: int, out_channels: int, *, rate: int, kernel_size: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            Snake(in_channels),
            WeightNormed(
                nn.ConvTranspose1d(
                    in_channels, out_channels, kernel_size, stride=rate, padding=(kernel_size - rate) // 2
                )
            ),
            *(ResidualUnit(out_channels, dilation) for dilation in RESIDUAL_DILATIONS),
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, C_out, T · rate]."""
        return cast(Tensor, self.block(x))


class WaveGenerator(nn.Module):
    """Convolution, up-sampling blocks that halve the channels, Snake, convolution, tanh."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.rates, self.kernel_sizes = config.rates, config.kernel_sizes
        widths = [config.channels // 2**i for i in range(len(config.rates) + 1)]
        self.model = nn.Sequential(
            WeightNormed(nn.Conv1d(config.input_channel, widths[0], KERNEL, padding=KERNEL // 2)),
            *(
                UpsamplingBlock(widths[i], widths[i + 1], rate=rate, kernel_size=kernel)
                for i, (rate, kernel) in enumerate(zip(config.rates, config.kernel_sizes, strict=True))
            ),
            Snake(widths[-1]),
            WeightNormed(nn.Conv1d(widths[-1], 1, KERNEL, padding=KERNEL // 2)),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, surplus: Tensor | None = None) -> Tensor:
        """float32 [B, D, T] to float32 [B, 1, N].

        Args:
            surplus: int64 [2], frames at the beginning and at the end of x that are there for the others' sake, and
                whose samples are left out; none by default.
        """
        wav: Tensor = self.model(x)
        return wav if surplus is None else trimmed(wav, surplus * math.prod(self.rates))


def trimmed(x: Tensor, surplus: Tensor, *, axis: int = -1) -> Tensor:
    """x [..., T] (or [B, T, C] with axis 1) without the first and the last `surplus` int64 [2]."""
    kept = slice(surplus[0], x.shape[axis] - surplus[1])
    return x[:, kept] if axis == 1 else x[..., kept]

"""The wave generator in the form that runs fastest on ONNX Runtime, with equal results.

A Snake is x + sin²(αx) / α, which ONNX has no operator for. Written out it is five passes over memory. Here its
scales are folded into the convolutions around it, so that z = αx arrives or 1/α leaves with a weight:

    between two convolutions of a residual unit   x + sin²(αx)/α = (z + 1 − cos z) / 2α  with z = 2αx: two passes,
                                                  the 1 goes into the bias of the 1×1 convolution behind it
    on the residual stream                        (z + sin² z) / α with z = αx: four passes

Convolutions are two-dimensional over a height of 1: ONNX Runtime then uses its blocked kernels, which need no
copy of the input per tap. Transposed convolutions become such convolutions too. docs/performance.md has the figures.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.modules.generator import (
    SNAKE_EPS,
    ResidualUnit,
    Snake,
    UpsamplingBlock,
    WaveGenerator,
    block_contexts,
    trimmed,
)

LEAST_ALPHA = 1e-2
"""A Snake with a smaller frequency in any channel keeps its plain form: its reciprocal would amplify rounding."""


@dataclass(frozen=True)
class ScaleFolding:
    """What the convolutions around a Snake take over from it; each float64 [C]."""

    before: Tensor
    """Factor of the output of the convolution before it."""
    after: Tensor
    """Factor of the input of the convolution behind it."""
    offset: Tensor
    """Added to the input of the convolution behind it, before the factor."""


class PlainSnake(nn.Module):
    """All of x + sin²(αx) / α, the reciprocal precomputed."""

    def __init__(self, alpha: Tensor) -> None:
        super().__init__()
        self.alpha = constant(alpha.reshape(1, -1, 1, 1))
        self.reciprocal = constant(1 / (alpha + SNAKE_EPS).reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, 1, T] to float32 [B, C, 1, T]."""
        wave = (self.alpha * x).sin()
        return x + wave * wave * self.reciprocal


class StreamSnake(nn.Module):
    """αx + sin²(αx), for an x that others read too."""

    def __init__(self, alpha: Tensor) -> None:
        super().__init__()
        self.alpha = constant(alpha.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, 1, T] to float32 [B, C, 1, T]."""
        z = self.alpha * x
        wave = z.sin()
        return z + wave * wave


class CosineSnake(nn.Module):
    """z − cos z, for a z that arrives as 2αx."""

    def forward(self, z: Tensor) -> Tensor:
        """float32 [B, C, 1, T] to float32 [B, C, 1, T]."""
        return z - z.cos()


def on_stream(snake: Snake) -> tuple[nn.Module, ScaleFolding]:
    """A Snake whose input is the residual stream."""
    alpha = snake.alpha.detach().double().flatten()
    one, zero = torch.ones_like(alpha), torch.zeros_like(alpha)
    if not foldable(alpha):
        return PlainSnake(alpha), ScaleFolding(one, one, zero)
    return StreamSnake(alpha), ScaleFolding(one, 1 / alpha, zero)


def between_convolutions(snake: Snake) -> tuple[nn.Module, ScaleFolding]:
    """A Snake that only a convolution writes and only a convolution of kernel 1 reads."""
    alpha = snake.alpha.detach().double().flatten()
    if not foldable(alpha):
        return on_stream(snake)
    return CosineSnake(), ScaleFolding(2 * alpha, 0.5 / alpha, torch.ones_like(alpha))


def foldable(alpha: Tensor) -> bool:
    """Whether the reciprocals are harmless."""
    return bool(alpha.abs().min() >= LEAST_ALPHA)


def constant(values: Tensor) -> nn.Parameter:
    """A float32 weight that is not trained."""
    return nn.Parameter(values.detach().float(), requires_grad=False)


def convolution(
    source: nn.Module, *, before: ScaleFolding | None = None, behind: ScaleFolding | None = None
) -> nn.Conv2d:
    """A 1-D convolution over a height of 1, with what the Snakes `before` and `behind` it left to it."""
    assert isinstance(source, nn.Conv1d) and source.bias is not None
    weight, bias = source.weight.detach().double(), source.bias.detach().double()
    if before is not None:
        weight = weight * before.after.reshape(1, -1, 1)
        bias = bias + (weight * before.offset.reshape(1, -1, 1)).sum(dim=(1, 2))
    if behind is not None:
        weight, bias = weight * behind.before.reshape(-1, 1, 1), bias * behind.before
    padding, dilation = int(source.padding[0]), source.dilation[0]
    with torch.device("meta"):
        result = nn.Conv2d(
            weight.shape[1], weight.shape[0], (1, weight.shape[2]), padding=(0, padding), dilation=(1, dilation)
        )
    result.weight, result.bias = constant(weight.unsqueeze(2)), constant(bias)
    return result


class PhasedConvolution(nn.Module):
    """A transposed convolution as an ordinary one that makes all samples between two frames at once.

    A kernel of k at stride r is ceil(k / r) taps for each of r phases. The phases come out as channels and are
    laid side by side; what the transposed convolution would have cropped is cropped.
    """

    def __init__(self, source: nn.Module, before: ScaleFolding) -> None:
        super().__init__()
        assert isinstance(source, nn.ConvTranspose1d) and source.bias is not None
        weight = source.weight.detach().double() * before.after.reshape(-1, 1, 1)  # [C_in, C_out, k]
        inputs, self.channels, kernel = weight.shape
        self.rate, self.start = source.stride[0], int(source.padding[0])
        taps = -(-kernel // self.rate)
        self.end = taps * self.rate - kernel + self.start
        padded = F.pad(weight, (0, taps * self.rate - kernel))
        phases = padded.reshape(inputs, self.channels, taps, self.rate).flip(2).permute(1, 3, 0, 2)
        with torch.device("meta"):
            self.conv = nn.Conv2d(inputs, self.channels * self.rate, (1, taps), padding=(0, taps - 1))
        self.conv.weight = constant(phases.reshape(-1, inputs, 1, taps))
        self.conv.bias = constant(source.bias.repeat_interleave(self.rate))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, 1, T] to float32 [B, C_out, 1, T · rate]."""
        y: Tensor = self.conv(x)  # [B, C_out · rate, 1, T + taps - 1]
        y = y.reshape(x.shape[0], self.channels, self.rate, -1).transpose(2, 3)
        y = y.reshape(x.shape[0], self.channels, 1, -1)
        return y[..., self.start : -self.end] if self.end else y[..., self.start :]


class LoweredResidualUnit(nn.Module):
    """A residual unit with its Snakes folded."""

    def __init__(self, unit: ResidualUnit) -> None:
        super().__init__()
        first, dilated, second, pointwise = unit.block
        assert isinstance(first, Snake) and isinstance(second, Snake)
        self.first, outer = on_stream(first)
        self.second, inner = between_convolutions(second)
        self.dilated = convolution(dilated, before=outer, behind=inner)
        self.pointwise = convolution(pointwise, before=inner)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, 1, T] to float32 [B, C, 1, T]."""
        return cast(Tensor, x + self.pointwise(self.second(self.dilated(self.first(x)))))


def lowered_block(block: UpsamplingBlock) -> nn.Sequential:
    """An up-sampling block with its Snakes folded."""
    snake, transposed, *units = block.block
    assert isinstance(snake, Snake)
    form, surroundings = on_stream(snake)
    lowered_units = [LoweredResidualUnit(unit) for unit in units if isinstance(unit, ResidualUnit)]
    return nn.Sequential(form, PhasedConvolution(transposed, surroundings), *lowered_units)


class LoweredGenerator(nn.Module):
    """The wave generator, weight norm already folded, in its cheaper form."""

    time_axis = -1
    """Of the state."""

    def __init__(self, generator: WaveGenerator) -> None:
        super().__init__()
        first, *blocks, snake, last, _ = generator.model
        assert isinstance(snake, Snake)
        form, surroundings = on_stream(snake)
        self.first: nn.Module = convolution(first)
        self.blocks = nn.ModuleList(lowered_block(block) for block in blocks if isinstance(block, UpsamplingBlock))
        self.last = nn.Sequential(form, convolution(last, before=surroundings), nn.Tanh())
        self.rates = generator.rates
        self.contexts = block_contexts(generator.rates, generator.kernel_sizes)

    def forward(self, x: Tensor, surplus: Tensor | None = None) -> Tensor:
        """float32 [B, D, T] to float32 [B, 1, N]; `surplus` as in `WaveGenerator`.

        Frames that nothing wanted depends on any more are dropped in front of the next block.
        """
        state, samples = self.enter(x), 1
        for index, (block, rate, context) in enumerate(zip(self.blocks, self.rates, self.contexts, strict=True)):
            if surplus is not None and context not in self.contexts[:index]:
                needed = torch.minimum(surplus, torch.full_like(surplus, context))
                state, surplus = trimmed(state, (surplus - needed) * samples, axis=self.time_axis), needed
            state, samples = block(state), samples * rate
        wav: Tensor = self.last(state)[:, :, 0]
        return wav if surplus is None else trimmed(wav, surplus * samples)

    def enter(self, x: Tensor) -> Tensor:
        """float32 [B, D, T] to the state, [B, C, 1, T]."""
        return cast(Tensor, self.first(x.unsqueeze(2)))

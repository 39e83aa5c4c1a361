"""Convolutions over time in 8-bit integers, for processors: samples first, channels last.

Activations are stored in bytes between bounds that are known beforehand, weights in bytes with a scale for each output
channel, and sums are exact. So a sample's value depends on what it is computed from alone, not on where in a window
it lies or what else is computed with it.

Each module computes in PyTorch what its graph computes: ONNX's QuantizeLinear, then its MatMulInteger over the taps
side by side, which take a byte of memory for a number and not four.
"""

import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.codec.generator_lowering import PhasedConvolution
from sparktts_onnx.export.graphs.graph_file import quantize_rows

_LEVELS = 255


class Bounds(NamedTuple):
    """Between what activations lie."""

    low: float
    high: float

    def joined(self, x: Tensor) -> "Bounds":
        """These, widened to hold x and 0."""
        return Bounds(min(self.low, float(x.min())), max(self.high, float(x.max())))


class _Quantize(torch.autograd.Function):
    """round(x / step) + zero, between 0 and 255."""

    @staticmethod
    def forward(_: Any, x: Tensor, step: Tensor, zero: Tensor) -> Tensor:
        return torch.clamp(torch.round(x / step) + zero, 0, _LEVELS).to(torch.uint8)

    @staticmethod
    def symbolic(graph: Any, x: Any, step: Any, zero: Any) -> Any:
        return graph.op("QuantizeLinear", x, step, zero)


class _Sums(torch.autograd.Function):
    """(x − zero) · weight, int32."""

    @staticmethod
    def forward(_: Any, x: Tensor, weight: Tensor, zero: Tensor) -> Tensor:
        # float64 holds these sums exactly, as 32-bit integers do.
        return ((x.double() - zero) @ weight.double()).to(torch.int32)

    @staticmethod
    def symbolic(graph: Any, x: Any, weight: Any, zero: Any) -> Any:
        return graph.op("MatMulInteger", x, weight, zero)


class IntegerConvolution(nn.Module):
    """A convolution of stride 1 whose inputs lie between known bounds."""

    def __init__(self, source: nn.Conv2d, bounds: Bounds) -> None:
        """`source`: the convolution in float32, over a height of 1."""
        super().__init__()
        assert source.bias is not None
        self.kernel, self.dilation, self.border = source.kernel_size[1], source.dilation[1], int(source.padding[1])
        rows = source.weight.detach()[:, :, 0].transpose(1, 2).flatten(1)  # [C_out, kernel · C_in]
        stored, scales = quantize_rows(rows.numpy())
        step = max((bounds.high - bounds.low) / _LEVELS, 1e-20)
        self.zero_point = round(-bounds.low / step)
        self.weight = _constant(torch.from_numpy(stored).t().contiguous())
        self.scales = _constant(torch.from_numpy(scales * np.float32(step)))
        self.bias = _constant(source.bias.detach().clone())
        self.step = _constant(torch.tensor(step))
        self.zero = _constant(torch.tensor(self.zero_point, dtype=torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, T, C_in] to float32 [B, T', C_out]."""
        stored = _Quantize.apply(x, self.step, self.zero)  # type: ignore[no-untyped-call]
        if self.kernel > 1:
            stored = self._side_by_side(stored)
        sums: Tensor = _Sums.apply(stored, self.weight, self.zero)  # type: ignore[no-untyped-call]
        return sums.float() * self.scales + self.bias

    def _side_by_side(self, stored: Tensor) -> Tensor:
        """What each output reads: uint8 [B, T, C] to [B, T', kernel · C]."""
        padded = F.pad(stored, (0, 0, self.border, self.border), value=self.zero_point)
        count = padded.shape[1] - (self.kernel - 1) * self.dilation
        taps = torch.arange(self.kernel, device=stored.device) * self.dilation
        places = torch.arange(count, device=stored.device).unsqueeze(1) + taps
        read = padded.index_select(1, places.flatten())
        return read.reshape(stored.shape[0], -1, self.kernel * stored.shape[2])


class IntegerPhasedConvolution(nn.Module):
    """A transposed convolution whose phases come out as channels."""

    def __init__(self, source: PhasedConvolution, bounds: Bounds) -> None:
        super().__init__()
        self.channels, self.start, self.end = source.channels, source.start, source.end
        turned = copy.copy(source.conv)
        turned._parameters = {
            name: _constant(self._phase_first(rows.detach())) for name, rows in source.conv.named_parameters()
        }
        self.conv = IntegerConvolution(turned, bounds)

    def _phase_first(self, rows: Tensor) -> Tensor:
        """Output channels [C · rate, ...] in the order in which their samples follow each other."""
        phases = rows.reshape(self.channels, -1, *rows.shape[1:])
        return phases.transpose(0, 1).flatten(0, 1).contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, T, C_in] to float32 [B, T · rate, C_out]."""
        y: Tensor = self.conv(x)
        y = y.reshape(x.shape[0], -1, self.channels)
        return y[:, self.start : -self.end] if self.end else y[:, self.start :]


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)

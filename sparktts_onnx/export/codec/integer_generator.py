"""The wave generator in 8-bit integers, for processors, but for its last block, whose rounding would be heard as noise.

Activations are stored in bytes between bounds that are known beforehand, weights in bytes with a scale for each output
channel, and sums are exact. So a sample's value depends on what it is computed from alone, not on where in a window
it lies or what else is computed with it.

Convolutions have samples first and channels last. Each computes in PyTorch what its graph computes: ONNX's
QuantizeLinear, then its MatMulInteger over the taps side by side, which take a byte for a number and not four.
"""

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.codec.generator_lowering import (
    LoweredGenerator,
    PhasedConvolution,
    PlainSnake,
    StreamSnake,
    constant,
)
from sparktts_onnx.export.graph_file import quantize_rows

_LEVELS = 255


class ActivationRange(NamedTuple):
    """Between what activations lie."""

    low: float
    high: float

    def joined(self, x: Tensor) -> "ActivationRange":
        """These, widened to hold x and 0."""
        return ActivationRange(min(self.low, float(x.min())), max(self.high, float(x.max())))


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

    def __init__(self, source: nn.Conv2d, bounds: ActivationRange) -> None:
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

    def __init__(self, source: PhasedConvolution, bounds: ActivationRange) -> None:
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


class IntegerGenerator(LoweredGenerator):
    """A lowered generator whose state has its channels last up to the last block, which computes in float32."""

    time_axis = 1

    def __init__(self, source: LoweredGenerator, features: Iterable[Tensor]) -> None:
        """`features`: typical inputs, each float32 [B, D, T], that tell between what activations lie."""
        nn.Module.__init__(self)
        bounds = input_bounds(source, features)
        assert isinstance(source.first, nn.Conv2d)
        self.first = IntegerConvolution(source.first, bounds["first"])
        self.blocks = copy.deepcopy(source.blocks[:-1])
        _replace(self.blocks, "blocks", bounds)
        # The last block stays: what others round passes through the blocks behind them, what it rounds is in the
        # samples as it is. Half of the log-mel distance was its alone (docs/performance.md).
        self.blocks.append(nn.Sequential(ChannelsFirst(), source.blocks[-1]))
        self.last = source.last
        self.rates, self.contexts = source.rates, source.contexts

    def enter(self, x: Tensor) -> Tensor:
        """float32 [B, D, T] to the state, [B, T, C]."""
        return cast(Tensor, self.first(x.transpose(1, 2)))


class ChannelsFirst(nn.Module):
    """From the state of an integer block to that of a block in float32."""

    def forward(self, state: Tensor) -> Tensor:
        """float32 [B, T, C] to float32 [B, C, 1, T]."""
        return state.transpose(1, 2).unsqueeze(2)


def input_bounds(generator: LoweredGenerator, features: Iterable[Tensor]) -> dict[str, ActivationRange]:
    """Between what the inputs of each convolution lie, by its name."""
    found: dict[str, ActivationRange] = {}

    def note(name: str, _: nn.Module, inputs: tuple[Tensor]) -> None:
        found[name] = found.get(name, ActivationRange(0.0, 0.0)).joined(inputs[0])

    convolutions = [(name, module) for name, module in generator.named_modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_pre_hook(partial(note, name)) for name, module in convolutions]
    try:
        with torch.no_grad():
            for x in features:
                generator(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _replace(module: nn.Module, path: str, bounds: Mapping[str, ActivationRange]) -> None:
    for name, child in module.named_children():
        place = f"{path}.{name}"
        if isinstance(child, PhasedConvolution):
            setattr(module, name, IntegerPhasedConvolution(child, bounds[f"{place}.conv"]))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, IntegerConvolution(child, bounds[place]))
        elif isinstance(child, PlainSnake | StreamSnake):
            for key, values in child.named_parameters():
                setattr(child, key, constant(values.flatten()))
        else:
            _replace(child, place, bounds)


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)

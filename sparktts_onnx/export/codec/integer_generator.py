"""The wave generator in 8-bit integers, but for its last block, whose rounding would be heard as noise."""

import copy
from collections.abc import Iterable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from sparktts_onnx.export.codec.generator_lowering import (
    LoweredGenerator,
    PhasedConvolution,
    PlainSnake,
    StreamSnake,
    constant,
)
from sparktts_onnx.export.codec.integer_convolution import Bounds, IntegerConvolution, IntegerPhasedConvolution


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
        result: Tensor = self.first(x.transpose(1, 2))
        return result


class ChannelsFirst(nn.Module):
    """From the state of an integer block to that of a block in float32."""

    def forward(self, state: Tensor) -> Tensor:
        """float32 [B, T, C] to float32 [B, C, 1, T]."""
        return state.transpose(1, 2).unsqueeze(2)


def input_bounds(generator: LoweredGenerator, features: Iterable[Tensor]) -> dict[str, Bounds]:
    """Between what the inputs of each convolution lie, by its name."""
    found: dict[str, Bounds] = {}

    def note(name: str, _: nn.Module, inputs: tuple[Tensor]) -> None:
        found[name] = found.get(name, Bounds(0.0, 0.0)).joined(inputs[0])

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


def _replace(module: nn.Module, path: str, bounds: Mapping[str, Bounds]) -> None:
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

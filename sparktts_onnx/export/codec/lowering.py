"""Cheaper forms of the modules, with equal results, for the graphs that are written."""

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.codec.generator_lowering import LoweredGenerator
from sparktts_onnx.export.codec.integer_generator import IntegerGenerator
from sparktts_onnx.export.graph_file import EXTERNAL_BYTES
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.modules.quantizer import VectorQuantizer
from sparktts_onnx.export.modules.speaker import RootMeanSquareNorm
from sparktts_onnx.export.modules.weight_norm import WeightNormed


def lowered(adapter: nn.Module) -> nn.Module:
    """A copy of an adapter in the form that is exported; the adapter stays as it is."""
    memo = {id(tensor): tensor for tensor in (*adapter.parameters(), *adapter.buffers())}
    result = copy.deepcopy(adapter, memo)  # The weights are shared, only the modules are copied.
    replace_modules(result, {WeightNormed: WeightNormed.folded})
    replace_modules(result, CHEAPER)
    return result


def halved(adapter: nn.Module) -> nn.Module:
    """A copy of an adapter in the form that is exported, whose large weights are what float16 keeps of them."""
    result = copy.deepcopy(lowered(adapter))
    for tensor in (*result.parameters(), *result.buffers()):
        if tensor.is_floating_point() and tensor.numel() * tensor.element_size() >= EXTERNAL_BYTES:
            tensor.data = tensor.data.half().float()
    return result


def in_integers(adapter: nn.Module, features: Iterable[Tensor]) -> nn.Module:
    """A copy of the decoder's adapter in the form that is exported, its convolutions in 8-bit integers.

    `features`: typical inputs of its wave generator, each float32 [B, D, T].
    """
    result = lowered(adapter)
    replace_modules(result, {LoweredGenerator: partial(IntegerGenerator, features=features)})
    return result


def replace_modules(module: nn.Module, forms: Mapping[type[nn.Module], Callable[..., nn.Module]]) -> None:
    """Swap every module below `module` whose class has another form for that form."""
    for name, child in module.named_children():
        if form := forms.get(type(child)):
            setattr(module, name, form(child))
        else:
            replace_modules(child, forms)


class FoldedQuantizer(VectorQuantizer):
    """A vector quantizer whose codes are normalized once."""

    def __init__(self, quantizer: VectorQuantizer) -> None:
        nn.Module.__init__(self)
        self.in_project, self.out_project = quantizer.in_project, quantizer.out_project
        self.normalize = quantizer.normalize
        self.codebook = quantizer.codebook
        codes = quantizer.codebook.weight.detach()
        self.codes = nn.Parameter(F.normalize(codes, dim=-1) if self.normalize else codes, requires_grad=False)
        self.half_squares = nn.Parameter(0.5 * codes.pow(2).sum(-1), requires_grad=False)

    def scores(self, z: Tensor) -> Tensor:
        """As of `VectorQuantizer`."""
        latents = cast(Tensor, self.in_project(z)).transpose(1, 2)  # [B, T, codebook_dim]
        if self.normalize:
            return F.normalize(latents, dim=-1) @ self.codes.t()
        return latents @ self.codes.t() - self.half_squares


class FoldedRootMeanSquareNorm(nn.Module):
    """The resampler's norm with its two factors in one."""

    def __init__(self, norm: RootMeanSquareNorm) -> None:
        super().__init__()
        self.gain = nn.Parameter((norm.scale * norm.gamma).detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [..., dim] to float32 [..., dim]."""
        unit: Tensor = F.normalize(x, dim=-1)
        return unit * self.gain


CHEAPER: Mapping[type[nn.Module], Callable[..., nn.Module]] = {
    WaveGenerator: LoweredGenerator,
    VectorQuantizer: FoldedQuantizer,
    RootMeanSquareNorm: FoldedRootMeanSquareNorm,
}
"""Modules and their cheaper forms."""

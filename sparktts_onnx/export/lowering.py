"""Cheaper forms of the modules, with equal results, for the graphs that are written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.generator_lowering import LoweredGenerator, LoweredResidualUnit
from sparktts_onnx.export.graph_store import EXTERNAL_BYTES
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.modules.quantizer import VectorQuantizer
from sparktts_onnx.export.modules.speaker import RootMeanSquareNorm
from sparktts_onnx.export.modules.weight_norm import fold_weight_norm
from sparktts_onnx.export.short_convolution import ShortConvolution

LEAST_CHANNELS = 128
"""Least width for the form with fewer multiplications: in narrow layers its transforms take the gain away."""


def lowered(adapter: nn.Module, *, short: bool = False) -> nn.Module:
    """A copy of an adapter in the form that is exported; the adapter stays as it is.

    Args:
        adapter: the reference module of a graph.
        short: whether residual convolutions take the form with fewer multiplications, which rounds a little more.
    """
    memo = {id(tensor): tensor for tensor in (*adapter.parameters(), *adapter.buffers())}
    result = copy.deepcopy(adapter, memo)  # The weights are shared, only the modules are copied.
    fold_weight_norm(result)
    replace_modules(result)
    if short:
        shorten_convolutions(result)
    return result


def halved(adapter: nn.Module) -> nn.Module:
    """A copy of an adapter in the form that is exported, whose large weights are what float16 keeps of them."""
    result = copy.deepcopy(lowered(adapter))
    for tensor in (*result.parameters(), *result.buffers()):
        if tensor.is_floating_point() and tensor.numel() * tensor.element_size() >= EXTERNAL_BYTES:
            tensor.data = tensor.data.half().float()
    return result


def replace_modules(module: nn.Module) -> None:
    """Swap every module below `module` that has a cheaper form for that form."""
    for name, child in module.named_children():
        if form := CHEAPER.get(type(child)):
            setattr(module, name, form(child))
        else:
            replace_modules(child)


def shorten_convolutions(module: nn.Module) -> None:
    """Give every residual unit below `module` that is wide enough its convolution of few multiplications."""
    for child in module.modules():
        if not isinstance(child, LoweredResidualUnit) or not isinstance(child.dilated, nn.Conv2d):
            continue
        if child.dilated.in_channels >= LEAST_CHANNELS:
            child.dilated = ShortConvolution(child.dilated)


class FoldedTokenizer(nn.Module):
    """A vector quantiser whose codes are normalised once."""

    def __init__(self, quantizer: VectorQuantizer) -> None:
        super().__init__()
        self.in_project, self.out_project = quantizer.in_project, quantizer.out_project
        self.normalise = quantizer.normalise
        self.codebook = quantizer.codebook
        codes = quantizer.codebook.weight.detach()
        self.codes = nn.Parameter(F.normalize(codes, dim=-1) if self.normalise else codes, requires_grad=False)
        self.half_squares = nn.Parameter(0.5 * codes.pow(2).sum(-1), requires_grad=False)

    def tokenize(self, z: Tensor) -> Tensor:
        """float32 [B, D, T] to int64 [B, T]."""
        latents = cast(Tensor, self.in_project(z)).transpose(1, 2)  # [B, T, codebook_dim]
        if self.normalise:
            return (F.normalize(latents, dim=-1) @ self.codes.t()).argmax(dim=-1)
        return (latents @ self.codes.t() - self.half_squares).argmax(dim=-1)

    def detokenize(self, semantic_ids: Tensor) -> Tensor:
        """int64 [B, T] to float32 [B, D, T]."""
        result: Tensor = self.out_project(self.codebook(semantic_ids).transpose(1, 2))
        return result


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
    VectorQuantizer: FoldedTokenizer,
    RootMeanSquareNorm: FoldedRootMeanSquareNorm,
}
"""Modules and their cheaper forms."""

"""The place of an ECAPA-TDNN with few channels among the 512 of the published layout.

Filled up with zeros it computes the same.
"""

import torch
from torch import Tensor

from sparktts_onnx.export.modules.ecapa import CHANNELS, RES2_SCALE


def _positions(size: int, width: int, full: int) -> Tensor:
    """Where each narrow channel lies among the published ones: int64 [size].

    Whole layers lie after one another, and in each layer each of the 8 groups of the Res2 block keeps its place.
    """
    per_group, full_group = width // RES2_SCALE, CHANNELS // RES2_SCALE
    if (size, full) == (per_group, full_group):
        return torch.arange(size)
    index = torch.arange(size)
    layer, channel = index // width, index % width
    return layer * CHANNELS + channel // per_group * full_group + channel % per_group


def widened(narrow: Tensor, full: Tensor, *, width: int) -> Tensor:
    """A narrow tensor in the place and shape of a published one, zeros around it."""
    result = torch.zeros_like(full)
    if not narrow.dim():
        return narrow.clone()
    result[_places(narrow, full, width)] = narrow
    return result


def _places(narrow: Tensor, full: Tensor, width: int) -> tuple[Tensor, ...]:
    axes = [
        torch.arange(n) if n == m else _positions(n, width, m) for n, m in zip(narrow.shape, full.shape, strict=True)
    ]
    return torch.meshgrid(*axes, indexing="ij")


def published_state(narrow: dict[str, Tensor], full: dict[str, Tensor], *, width: int) -> dict[str, Tensor]:
    """Every tensor of a narrow speaker encoder in the published shapes."""
    return {name: widened(narrow[name], tensor, width=width) for name, tensor in full.items()}


def narrowed_state(full: dict[str, Tensor], narrow: dict[str, Tensor], *, width: int) -> dict[str, Tensor]:
    """Every tensor of a published speaker encoder in the shapes of a narrow one: what `published_state` undoes."""
    return {
        name: full[name][_places(tensor, full[name], width)] if tensor.dim() else full[name]
        for name, tensor in narrow.items()
    }

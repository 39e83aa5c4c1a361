"""Sizes as tensors, so that what is computed from them stays computed in an exported graph."""

import torch
from torch import Tensor


def size_of(x: Tensor, axis: int) -> Tensor:
    """Length of one axis: int64 []."""
    sizes: Tensor = torch._shape_as_tensor(x)
    return sizes[axis]

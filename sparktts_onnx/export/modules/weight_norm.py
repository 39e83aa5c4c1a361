"""Convolutions whose weight is stored as a direction and a length (`weight_v`, `weight_g`)."""

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call


class WeightNormed(nn.Module):
    """A convolution with weight = weight_g · weight_v / ‖weight_v‖, the norm per slice of dimension 0."""

    def __init__(self, plain: nn.Conv1d | nn.ConvTranspose1d) -> None:
        """`plain`: the convolution, whose own weight is what this one begins with."""
        super().__init__()
        assert plain.bias is not None
        direction = plain.weight.detach()
        self.bias = plain.bias
        self.weight_g = nn.Parameter(torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True))
        self.weight_v = nn.Parameter(direction.clone())
        self._plain = (plain.to("meta"),)  # no child, as its own weight is none of the checkpoint's

    def weight(self) -> Tensor:
        """The weight that `weight_g` and `weight_v` stand for: float32, of the plain convolution's shape."""
        norm: Tensor = torch.linalg.vector_norm(self.weight_v, dim=(1, 2), keepdim=True)
        return self.weight_v * (self.weight_g / norm)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, C_out, T · stride], the stride being a transposed convolution's."""
        return cast(Tensor, functional_call(self._plain[0], {"weight": self.weight(), "bias": self.bias}, (x,)))

    def folded(self) -> nn.Conv1d | nn.ConvTranspose1d:
        """The plain convolution with its weight computed once."""
        plain = copy.deepcopy(self._plain[0])
        plain.weight = nn.Parameter(self.weight().detach(), requires_grad=False)
        plain.bias = nn.Parameter(self.bias.detach(), requires_grad=False)
        return plain

"""Convolutions whose weight is stored as a direction and a length (`weight_v`, `weight_g`)."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WeightNormConv1d(nn.Module):
    """A 1-D convolution with weight = weight_g · weight_v / ‖weight_v‖, the norm per slice of dimension 0."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, padding: int = 0, dilation: int = 1
    ) -> None:
        super().__init__()
        plain = nn.Conv1d(in_channels, out_channels, kernel_size)
        self.padding, self.dilation = padding, dilation
        self.bias = plain.bias
        self.weight_g, self.weight_v = split_weight(plain.weight)

    def weight(self) -> Tensor:
        """The weight that `weight_g` and `weight_v` stand for: float32 [C_out, C_in, kernel]."""
        return joined_weight(self.weight_g, self.weight_v)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, C_out, T]."""
        return F.conv1d(x, self.weight(), self.bias, padding=self.padding, dilation=self.dilation)

    def folded(self) -> nn.Conv1d:
        """The same convolution with its weight computed once."""
        weight = self.weight().detach()
        out_channels, in_channels, kernel_size = weight.shape
        with torch.device("meta"):
            plain = nn.Conv1d(in_channels, out_channels, kernel_size, padding=self.padding, dilation=self.dilation)
        return _filled(plain, weight, self.bias)


class WeightNormConvTranspose1d(nn.Module):
    """A 1-D transposed convolution with the same normalization (dimension 0 is the input channel)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int, padding: int) -> None:
        super().__init__()
        plain = nn.ConvTranspose1d(in_channels, out_channels, kernel_size)
        self.stride, self.padding = stride, padding
        self.bias = plain.bias
        self.weight_g, self.weight_v = split_weight(plain.weight)

    def weight(self) -> Tensor:
        """The weight that `weight_g` and `weight_v` stand for: float32 [C_in, C_out, kernel]."""
        return joined_weight(self.weight_g, self.weight_v)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, C_out, T · stride]."""
        return F.conv_transpose1d(x, self.weight(), self.bias, stride=self.stride, padding=self.padding)

    def folded(self) -> nn.ConvTranspose1d:
        """The same convolution with its weight computed once."""
        weight = self.weight().detach()
        in_channels, out_channels, kernel_size = weight.shape
        with torch.device("meta"):
            plain = nn.ConvTranspose1d(in_channels, out_channels, kernel_size, stride=self.stride, padding=self.padding)
        return _filled(plain, weight, self.bias)


def split_weight(weight: Tensor) -> tuple[nn.Parameter, nn.Parameter]:
    """`weight_g` and `weight_v` whose product is `weight`."""
    direction = weight.detach()
    length = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
    return nn.Parameter(length), nn.Parameter(direction.clone())


def joined_weight(length: Tensor, direction: Tensor) -> Tensor:
    """`direction` with its slices of dimension 0 at the given length."""
    norm: Tensor = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
    return direction * (length / norm)


Plain = TypeVar("Plain", nn.Conv1d, nn.ConvTranspose1d)


def _filled(plain: Plain, weight: Tensor, bias: Tensor | None) -> Plain:
    plain.weight = nn.Parameter(weight, requires_grad=False)
    plain.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
    return plain


def fold_weight_norm(module: nn.Module) -> None:
    """Replace every weight-normed convolution below `module` by a plain one with the joined weight."""
    for name, child in module.named_children():
        if isinstance(child, (WeightNormConv1d, WeightNormConvTranspose1d)):
            setattr(module, name, child.folded())
        else:
            fold_weight_norm(child)

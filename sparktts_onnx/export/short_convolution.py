"""A convolution of kernel r with fewer multiplications: m outputs from m + r − 1 products in place of m · r.

The Toom-Cook form F(m, r), transposed (S. Winograd, Arithmetic Complexity of Computations, 1980): y = Aᵀ (Gw ⊙ Bᵀx).
Filter and input are evaluated as polynomials at m + r − 1 points and multiplied there; between channels each such
product is a 1×1 convolution. Small and reciprocal points keep the rounding low: with 4e-6 of the output for F(4, 7)
in float32 it lies far below that of weights stored as float16.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POINTS = tuple(Fraction(point) for point in ("0", "1", "-1", "3/2", "-3/2", "2/3", "-2/3", "3", "-1/3"))
"""Where polynomials are evaluated; the last point of a form is infinity."""
TILE = 4
"""Outputs computed together."""


@dataclass(frozen=True)
class Transforms:
    """The three matrices of F(m, r), each float64, of n = m + r − 1 points."""

    output: Tensor
    """Aᵀ [m, n]"""
    kernel: Tensor
    """G [n, r]"""
    input: Tensor
    """Bᵀ [n, n]"""


def transforms(tile: int, kernel: int) -> Transforms:
    """The matrices of F(tile, kernel), in exact fractions first; Bᵀ has rows of greatest entry 1.

    Raises:
        ValueError: there are not enough points.
    """
    size = tile + kernel - 1
    if size - 1 > len(POINTS):
        raise ValueError(f"F({tile}, {kernel}) takes {size - 1} points, but only {len(POINTS)} are known")
    points = POINTS[: size - 1]
    interpolation = inverse(evaluation(points, size))  # Coefficients of a polynomial from its values.
    rows = torch.tensor([[float(row[point]) for row in interpolation] for point in range(size)], dtype=torch.float64)
    scales = rows.abs().amax(dim=1, keepdim=True)
    kernels = torch.tensor(evaluation(points, kernel), dtype=torch.float64)
    outputs = torch.tensor(evaluation(points, tile), dtype=torch.float64).t()
    return Transforms(outputs, kernels * scales, rows / scales)


def evaluation(points: tuple[Fraction, ...], coefficients: int) -> list[list[Fraction]]:
    """The matrix that gives a polynomial's values at the points and at infinity (its last coefficient)."""
    powers = [[point**power for power in range(coefficients)] for point in points]
    return [*powers, [Fraction(int(power == coefficients - 1)) for power in range(coefficients)]]


def inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """By elimination, without rounding."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if rows[i][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for i, row in enumerate(rows):
            if i != column and row[column]:
                rows[i] = [value - row[column] * other for value, other in zip(row, rows[column], strict=True)]
    return [row[size:] for row in rows]


class ShortConvolution(nn.Module):
    """A convolution over time of stride 1 whose outputs are as many as its inputs, in the form F(TILE, kernel).

    The weight stays as it was published; a runtime transforms it once, when it loads the graph.
    """

    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__()
        self.channels_out, self.channels_in, _, self.kernel = source.weight.shape
        self.dilation = source.dilation[1]
        matrices = transforms(TILE, self.kernel)
        self.transform = nn.Parameter(matrices.kernel.float(), requires_grad=False)
        self.inputs = nn.ParameterList(filters(matrices.input))
        self.outputs = nn.ParameterList(filters(matrices.output))
        taps = source.weight.detach().permute(3, 0, 1, 2).reshape(self.kernel, -1)
        self.taps = nn.Parameter(taps.contiguous(), requires_grad=False)  # [kernel, C_out · C_in]
        assert source.bias is not None
        self.bias = nn.Parameter(source.bias.detach().reshape(1, -1, 1, 1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, 1, T] to float32 [B, C_out, 1, T]."""
        batch, length, stride = x.shape[0], x.shape[3], TILE * self.dilation
        border = self.dilation * (self.kernel - 1) // 2
        missing = (length + stride - 1) // stride * stride - length
        rows = F.pad(x, (border, border + missing)).reshape(batch, self.channels_in, -1, self.dilation)
        weights = (self.transform @ self.taps).reshape(-1, self.channels_out, self.channels_in, 1, 1)
        products = [
            F.conv2d(across(rows, evaluate, self.channels_in, stride=TILE), weights[point])
            for point, evaluate in enumerate(self.inputs)
        ]
        stacked = torch.cat([product.reshape(batch, self.channels_out, 1, -1) for product in products], dim=2)
        tiles = torch.cat([across(stacked, combine, self.channels_out) for combine in self.outputs], dim=2)
        y = tiles.reshape(batch, self.channels_out, TILE, -1, self.dilation).transpose(2, 3)
        y = y.reshape(batch, self.channels_out, 1, -1)
        return y[..., :length] + self.bias


def filters(matrix: Tensor) -> list[nn.Parameter]:
    """Each row as a filter over height, float32 [1, 1, n, 1]."""
    return [nn.Parameter(row.float().reshape(1, 1, -1, 1), requires_grad=False) for row in matrix]


def across(x: Tensor, row: Tensor, channels: int, *, stride: int = 1) -> Tensor:
    """One filter over the height of every channel: [B, C, H, W] to [B, C, (H − n) / stride + 1, W]."""
    return F.conv2d(x, row.expand(channels, 1, row.shape[2], 1), stride=(stride, 1), groups=channels)

"""ECAPA-TDNN with few channels, and its place among the 512 channels of the published layout."""

import torch
from torch import Tensor, nn

from sparktts_onnx.export.modules.ecapa import (
    CHANNELS,
    DILATIONS,
    RES2_SCALE,
    AttentiveStatistics,
    ConvReluNorm,
    SERes2Block,
)


class NarrowEcapa(nn.Module):
    """The published network with `width` channels. Filled up with zeros to 512 it computes the same."""

    def __init__(self, input_dim: int, out_dim: int, *, width: int) -> None:
        super().__init__()
        self.width = width
        self.layer1 = ConvReluNorm(input_dim, width, 5, padding=2)
        self.layer2 = SERes2Block(width, DILATIONS[0])
        self.layer3 = SERes2Block(width, DILATIONS[1])
        self.layer4 = SERes2Block(width, DILATIONS[2])
        joined = len(DILATIONS) * width
        self.conv = nn.Conv1d(joined, joined, 1)
        self.pool = AttentiveStatistics(joined)
        self.bn = nn.BatchNorm1d(2 * joined)
        self.linear = nn.Linear(2 * joined, out_dim)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, mels, T] to latents float32 [B, 3 width, T] and x-vector float32 [B, D]."""
        first = self.layer1(mel)
        second = self.layer2(first)
        third = self.layer3(second)
        latent = torch.relu(self.conv(torch.cat([second, third, self.layer4(third)], dim=1)))
        return latent, self.linear(self.bn(self.pool(latent)))


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
    axes = [
        torch.arange(n) if n == m else _positions(n, width, m) for n, m in zip(narrow.shape, full.shape, strict=True)
    ]
    result[torch.meshgrid(*axes, indexing="ij")] = narrow
    return result


def published_state(narrow: dict[str, Tensor], full: dict[str, Tensor], *, width: int) -> dict[str, Tensor]:
    """Every tensor of a narrow speaker encoder in the published shapes."""
    return {name: widened(narrow[name], tensor, width=width) for name, tensor in full.items()}

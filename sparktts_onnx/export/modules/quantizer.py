"""The vector quantizer of the semantic ids and the finite scalar quantizer of the global ids."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.modules.config import QuantizerConfig
from sparktts_onnx.export.modules.weight_norm import WeightNormed

BOUND_MARGIN = 1e-3
"""How far past its outermost level the bounded value may go, relative."""


def _projection(width: int, target: int) -> nn.Module:
    return nn.Identity() if width == target else WeightNormed(nn.Conv1d(width, target, 1))


class VectorQuantizer(nn.Module):
    """Nearest code in a low-dimensional codebook between two 1×1 projections."""

    def __init__(self, config: QuantizerConfig) -> None:
        super().__init__()
        self.normalize = config.use_l2_normlize
        self.in_project = _projection(config.input_dim, config.codebook_dim)
        self.out_project = _projection(config.codebook_dim, config.input_dim)
        self.codebook = nn.Embedding(config.codebook_size, config.codebook_dim)
        self.register_buffer("cluster_size", torch.zeros(config.codebook_size))

    def scores(self, z: Tensor) -> Tensor:
        """Closeness of every code to float32 [B, D, T]: float32 [B, T, K], larger is nearer."""
        latents = cast(Tensor, self.in_project(z)).transpose(1, 2)  # [B, T, codebook_dim]
        codes = self.codebook.weight
        if self.normalize:
            # On the unit sphere the nearest code is the one of largest cosine.
            return F.normalize(latents, dim=-1) @ F.normalize(codes, dim=-1).t()
        return latents @ codes.t() - 0.5 * codes.pow(2).sum(-1)

    def tokenize(self, z: Tensor) -> Tensor:
        """float32 [B, D, T] to int64 [B, T]."""
        return self.scores(z).argmax(dim=-1)

    def detokenize(self, semantic_ids: Tensor) -> Tensor:
        """int64 [B, T] to float32 [B, D, T], from the codes as stored (not normalized)."""
        return cast(Tensor, self.out_project(self.codebook(semantic_ids).transpose(1, 2)))


class FiniteScalarQuantizer(nn.Module):
    """Each of a few dimensions bounded and rounded to its levels; the digits make one id."""

    half_range: Tensor
    offset: Tensor
    shift: Tensor
    half_width: Tensor
    basis: Tensor
    levels: Tensor

    def __init__(self, dim: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.project_in = nn.Linear(dim, len(levels))
        self.project_out = nn.Linear(len(levels), dim)
        half = [(level - 1) * (1 + BOUND_MARGIN) / 2 for level in levels]
        offset = [0.5 if level % 2 == 0 else 0.0 for level in levels]
        shift = [math.atanh(o / h) if o else 0.0 for o, h in zip(offset, half, strict=True)]
        constants: dict[str, Sequence[float]] = {
            "half_range": half,
            "offset": offset,
            "shift": shift,
            "half_width": [level // 2 for level in levels],
            "basis": [math.prod(levels[:i]) for i in range(len(levels))],
            "levels": levels,
        }
        for name, values in constants.items():
            kind = torch.float32 if isinstance(values[0], float) else torch.int64
            self.register_buffer(name, torch.tensor(values, dtype=kind, device="cpu"), persistent=False)

    def bounded(self, x: Tensor) -> Tensor:
        """float32 [..., dim] to float32 [..., levels], not yet rounded."""
        return torch.tanh(self.project_in(x) + self.shift) * self.half_range - self.offset

    def tokenize(self, x: Tensor) -> Tensor:
        """float32 [B, G, dim] to int64 [B, G]."""
        digits = torch.round(self.bounded(x)).to(torch.int64) + self.half_width
        return (digits * self.basis).sum(dim=-1)

    def detokenize(self, ids: Tensor) -> Tensor:
        """int64 [B, G] to float32 [B, G, dim]."""
        digits = torch.div(ids.unsqueeze(-1), self.basis, rounding_mode="trunc") % self.levels
        width = self.half_width.to(torch.float32)
        return cast(Tensor, self.project_out((digits.to(torch.float32) - width) / width))

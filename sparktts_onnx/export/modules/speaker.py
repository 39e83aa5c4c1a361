"""The speaker encoder: mel spectrogram to global ids, and the ids back to one vector."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.modules.config import SpeakerConfig
from sparktts_onnx.export.modules.ecapa import CHANNELS, DILATIONS, EcapaTdnn
from sparktts_onnx.export.modules.quantizer import FiniteScalarQuantizer

HEADS, HEAD_DIM = 8, 64
DEPTH = 2
FEED_FORWARD_MULTIPLE = 4


class Attention(nn.Module):
    """Queries from the latents; keys and values from latents and context together."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(dim, HEADS * HEAD_DIM, bias=False)
        self.to_kv = nn.Linear(dim, 2 * HEADS * HEAD_DIM, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_DIM, dim, bias=False)

    def forward(self, latents: Tensor, context: Tensor) -> Tensor:
        """float32 [B, G, dim], float32 [B, T, dim] to float32 [B, G, dim]."""
        keys, values = self.to_kv(torch.cat([latents, context], dim=1)).chunk(2, dim=-1)
        q, k, v = (split_heads(t) for t in (self.to_q(latents), keys, values))
        weights = torch.softmax(q @ k.transpose(2, 3) * HEAD_DIM**-0.5, dim=-1)
        mixed = (weights @ v).transpose(1, 2).flatten(2)  # [B, G, heads · head_dim]
        return cast(Tensor, self.to_out(mixed))


def split_heads(x: Tensor) -> Tensor:
    """float32 [B, T, heads · head_dim] to float32 [B, heads, T, head_dim]."""
    return x.reshape(x.shape[0], -1, HEADS, HEAD_DIM).transpose(1, 2)


class GatedGelu(nn.Module):
    """The first half times the GELU of the second."""

    def forward(self, x: Tensor) -> Tensor:
        """float32 [..., 2 n] to float32 [..., n]."""
        value, gate = x.chunk(2, dim=-1)
        return value * F.gelu(gate)


def feed_forward(dim: int) -> nn.Sequential:
    """Gated perceptron; its linear layers are 0 and 2."""
    inner = int(dim * FEED_FORWARD_MULTIPLE * 2 / 3)
    return nn.Sequential(nn.Linear(dim, 2 * inner), GatedGelu(), nn.Linear(inner, dim))


class RootMeanSquareNorm(nn.Module):
    """x / ‖x‖ · sqrt(dim) · gamma."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale: float = dim**0.5
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [..., dim] to float32 [..., dim]."""
        unit: Tensor = F.normalize(x, dim=-1)
        return unit * (self.scale * self.gamma)


class PerceiverResampler(nn.Module):
    """A fixed number of learned latents read a sequence of any length."""

    def __init__(self, dim: int, context_dim: int, num_latents: int) -> None:
        super().__init__()
        self.proj_context: nn.Module = nn.Linear(context_dim, dim) if context_dim != dim else nn.Identity()
        self.latents = nn.Parameter(torch.randn(num_latents, dim) * 0.02)
        self.layers = nn.ModuleList(nn.ModuleList([Attention(dim), feed_forward(dim)]) for _ in range(DEPTH))
        self.norm = RootMeanSquareNorm(dim)

    def forward(self, context: Tensor) -> Tensor:
        """float32 [B, T, context_dim] to float32 [B, G, dim]."""
        context = self.proj_context(context)
        x = self.latents.unsqueeze(0).expand(context.shape[0], -1, -1)
        for layer in self.layers:
            attention, perceptron = cast(nn.ModuleList, layer)
            x = x + attention(x, context)
            x = x + perceptron(x)
        return cast(Tensor, self.norm(x))


class SpeakerEncoder(nn.Module):
    """ECAPA-TDNN, resampler, quantizer, and the projection to the conditioning vector."""

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.speaker_encoder = EcapaTdnn(config.input_dim, config.out_dim)
        self.perceiver_sampler = PerceiverResampler(config.latent_dim, len(DILATIONS) * CHANNELS, config.token_num)
        self.quantizer = FiniteScalarQuantizer(config.latent_dim, config.fsq_levels)
        self.project = nn.Linear(config.latent_dim * config.token_num, config.out_dim)

    def tokenize(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, mels, T] to global ids int64 [B, 1, G] and x-vector float32 [B, D]."""
        latent, x_vector = self.speaker_encoder(mel)
        ids = self.quantizer.tokenize(self.perceiver_sampler(latent.transpose(1, 2)))
        return ids.unsqueeze(1), x_vector

    def detokenize(self, global_ids: Tensor) -> Tensor:
        """int64 [B, 1, G] to float32 [B, D]; the dequantized vectors are laid out channel by channel."""
        vectors = self.quantizer.detokenize(global_ids.squeeze(1))  # [B, G, dim]
        return cast(Tensor, self.project(vectors.transpose(1, 2).flatten(1)))

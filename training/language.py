"""The language model: Qwen2 in small, with two attention heads that can be shown where to look.

Parameter names are those of transformers' Qwen2ForCausalLM, so the state_dict is the published file.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import vocabulary

WIDTH, HIDDEN, LAYERS = 192, 576, 6
HEADS, KEY_HEADS = 4, 2
HEAD_DIM = WIDTH // HEADS
ROPE_BASE = 10000.0
NORM_EPS = 1e-6
GUIDED_LAYER, GUIDED_HEADS = 2, 2


def config() -> dict[str, Any]:
    """config.json."""
    known = vocabulary.ids()
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "hidden_size": WIDTH,
        "intermediate_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS, "max_position_embeddings": vocabulary.MAX_POSITIONS,
        "max_window_layers": LAYERS, "initializer_range": 0.02, "rms_norm_eps": NORM_EPS, "rope_theta": ROPE_BASE,
        "sliding_window": vocabulary.MAX_POSITIONS, "use_sliding_window": False, "tie_word_embeddings": True,
        "attention_dropout": 0.0, "use_cache": True, "torch_dtype": "float16", "vocab_size": vocabulary.size(),
        "eos_token_id": known["<|im_end|>"], "bos_token_id": known["<|endoftext|>"],
    }  # fmt: skip


class Norm(nn.Module):
    """x / rms(x) · weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, S, C] to the same."""
        return F.rms_norm(x, (WIDTH,), self.weight, NORM_EPS)


class Attention(nn.Module):
    """Causal attention, two query heads a key head, rotary positions."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, HEADS * HEAD_DIM)
        self.k_proj = nn.Linear(WIDTH, KEY_HEADS * HEAD_DIM)
        self.v_proj = nn.Linear(WIDTH, KEY_HEADS * HEAD_DIM)
        self.o_proj = nn.Linear(HEADS * HEAD_DIM, WIDTH, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], *, guided: bool) -> tuple[Tensor, Tensor | None]:
        """float32 [B, S, C] to the same, and the guided heads' scores float32 [B, 2, S, S] before the mask."""
        q = rotated(_heads(self.q_proj(x), HEADS), rotation)
        k = rotated(_heads(self.k_proj(x), KEY_HEADS), rotation).repeat_interleave(HEADS // KEY_HEADS, 1)
        v = _heads(self.v_proj(x), KEY_HEADS).repeat_interleave(HEADS // KEY_HEADS, 1)
        scores = None
        if guided:
            scores = (q[:, :GUIDED_HEADS] @ k[:, :GUIDED_HEADS].transpose(2, 3)).float() * HEAD_DIM**-0.5
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).flatten(2)), scores


def _heads(x: Tensor, count: int) -> Tensor:
    return x.reshape(*x.shape[:2], count, HEAD_DIM).transpose(1, 2)


def rotation_of(length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines float32 [S, head_dim] of the rotary positions 0 to S - 1."""
    speed = ROPE_BASE ** (-torch.arange(0, HEAD_DIM, 2, device=device) / HEAD_DIM)
    angle = (torch.arange(length, device=device)[:, None] * speed).repeat(1, 2)
    return angle.cos(), angle.sin()


def rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """float32 [B, heads, S, head_dim] turned by its positions."""
    cos, sin = (part.to(x.dtype) for part in rotation)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Mlp(nn.Module):
    """Gated perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.up_proj = nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down_proj = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, S, C] to the same."""
        return cast(Tensor, self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x)))


class Layer(nn.Module):
    """Attention and perceptron, each behind a norm and added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.mlp = Mlp()
        self.input_layernorm = Norm()
        self.post_attention_layernorm = Norm()

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], *, guided: bool) -> tuple[Tensor, Tensor | None]:
        """float32 [B, S, C] to the same, and guided scores."""
        mixed, scores = self.self_attn(self.input_layernorm(x), rotation, guided=guided)
        x = x + mixed
        return x + self.mlp(self.post_attention_layernorm(x)), scores


class Body(nn.Module):
    """Embedding, layers and last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary.size(), WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()


@dataclass(frozen=True)
class Hidden:
    """What a forward pass gives."""

    states: Tensor
    """float32 [B, S, C] behind the last norm."""
    scores: Tensor
    """Scores of the guided heads, float32 [B, 2, S, S], future positions not masked."""


class LanguageModel(nn.Module):
    """The whole model; its head is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Body()
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                last = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * LAYERS) ** 0.5 if last else 0.05)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor) -> Hidden:
        """int64 [B, S]."""
        x = self.model.embed_tokens(ids)
        rotation = rotation_of(ids.shape[1], ids.device)
        seen: Tensor | None = None
        for i, layer in enumerate(self.model.layers):
            x, scores = layer(x, rotation, guided=i == GUIDED_LAYER)
            seen = scores if scores is not None else seen
        assert seen is not None
        return Hidden(self.model.norm(x), seen)

    def logits(self, states: Tensor, rows: Tensor | None = None) -> Tensor:
        """float32 [N, C] to scores of all ids, or of some, float32 [N, V]."""
        weight = self.model.embed_tokens.weight
        return F.linear(states, weight if rows is None else weight[rows])

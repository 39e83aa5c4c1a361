"""The sizes of the language model, read from the checkpoint's `LLM/config.json`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparktts_onnx.errors import CheckpointError

MAX_POSITIONS = 8192
"""Cap on the rotary tables: 3 000 new ids, the longest prompt recording and the text fit several times over."""


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a Qwen2 decoder."""

    layers: int
    width: int
    """Of the residual stream."""
    intermediate: int
    """Of the gated feed-forward."""
    heads: int
    kv_heads: int
    head_dim: int
    epsilon: float
    """Of every RMS norm."""
    rope_theta: float
    max_positions: int
    vocab_size: int
    tied: bool
    """Whether the output head is the embedding."""

    @property
    def group(self) -> int:
        """Query heads that read the same key head."""
        return self.heads // self.kv_heads

    @property
    def cache_dim(self) -> int:
        """Width of a head in the graph: the attention operator takes multiples of 16, the rest is zeros."""
        return -(-self.head_dim // 16) * 16


def read_decoder_config(folder: Path) -> DecoderConfig:
    """Read `config.json` of an `LLM` folder.

    Raises:
        CheckpointError: unreadable, another architecture, or a feature that the graph does not have.
    """
    path = folder / "config.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a model configuration: expected a JSON object")
    _refuse_unknown_features(path, data)
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} lacks a usable value: {error!r}") from error


def _parse(data: dict[str, Any]) -> DecoderConfig:
    heads = int(data["num_attention_heads"])
    return DecoderConfig(
        layers=int(data["num_hidden_layers"]),
        width=int(data["hidden_size"]),
        intermediate=int(data["intermediate_size"]),
        heads=heads,
        kv_heads=int(data.get("num_key_value_heads") or heads),
        head_dim=int(data.get("head_dim") or data["hidden_size"] // heads),
        epsilon=float(data.get("rms_norm_eps", 1e-6)),
        rope_theta=float(_rope(data).get("rope_theta") or data.get("rope_theta") or 10000.0),
        max_positions=min(int(data.get("max_position_embeddings") or MAX_POSITIONS), MAX_POSITIONS),
        vocab_size=int(data["vocab_size"]),
        tied=bool(data.get("tie_word_embeddings", False)),
    )


def _rope(data: dict[str, Any]) -> dict[str, Any]:
    """The rotary settings: transformers 5 writes `rope_parameters`, 4 wrote `rope_scaling` and `rope_theta`."""
    return data.get("rope_parameters") or data.get("rope_scaling") or {}


def _refuse_unknown_features(path: Path, data: dict[str, Any]) -> None:
    rope_kind = _rope(data).get("rope_type") or _rope(data).get("type") or "default"
    limits = {
        "model_type": (data.get("model_type"), "qwen2"),
        "hidden_act": (data.get("hidden_act", "silu"), "silu"),
        "rope_type": (rope_kind, "default"),
        "use_sliding_window": (bool(data.get("use_sliding_window")), False),
    }
    for name, (found, expected) in limits.items():
        if found != expected:
            raise CheckpointError(f"{path}: {name} is {found!r}; the exporter writes {expected!r} only")

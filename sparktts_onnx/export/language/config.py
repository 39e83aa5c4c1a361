"""The sizes of the language model, read from the checkpoint's `LLM/config.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from sparktts_onnx.bundle.values import Bounds, shown
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import read_json, values_of

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


@dataclass(frozen=True)
class _Qwen2:
    """The keys of `config.json` that say sizes."""

    num_hidden_layers: Annotated[int, Bounds(1, 1 << 8)]
    hidden_size: Annotated[int, Bounds(2, 1 << 14)]
    intermediate_size: Annotated[int, Bounds(1, 1 << 17)]
    num_attention_heads: Annotated[int, Bounds(1, 1 << 9)]
    vocab_size: Annotated[int, Bounds(1, 1 << 22)]
    num_key_value_heads: Annotated[int, Bounds(1, 1 << 9)] | None = None
    head_dim: Annotated[int, Bounds(2, 1 << 9)] | None = None
    rms_norm_eps: Annotated[float, Bounds(1e-12, 0.1)] = 1e-6
    rope_theta: Annotated[float, Bounds(1, 1e12)] | None = None
    max_position_embeddings: Annotated[int, Bounds(256, 1 << 24)] | None = None
    tie_word_embeddings: bool = False


def read_decoder_config(folder: Path) -> DecoderConfig:
    """Read `config.json` of an `LLM` folder.

    Raises:
        CheckpointError: unreadable, another architecture, or a size or feature that the graph does not have.
    """
    path = folder / "config.json"
    data = read_json(path)
    _refuse_unknown_features(path, data)
    rope_theta = _rope(data).get("rope_theta") or data.get("rope_theta")
    model = values_of(_Qwen2, {**data, "rope_theta": rope_theta}, source=path, where="config")
    heads, kv_heads = model.num_attention_heads, model.num_key_value_heads or model.num_attention_heads
    head_dim = model.head_dim or model.hidden_size // heads
    if heads % kv_heads or head_dim < 2 or head_dim % 2:
        raise CheckpointError(
            f"{path}: {heads} heads of width {head_dim} cannot share {kv_heads} key heads; expected an even width, and "
            "a multiple of the key heads"
        )
    return DecoderConfig(
        layers=model.num_hidden_layers,
        width=model.hidden_size,
        intermediate=model.intermediate_size,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        epsilon=model.rms_norm_eps,
        rope_theta=model.rope_theta or 10000.0,
        max_positions=min(model.max_position_embeddings or MAX_POSITIONS, MAX_POSITIONS),
        vocab_size=model.vocab_size,
        tied=model.tie_word_embeddings,
    )


def _rope(data: dict[str, Any]) -> dict[str, Any]:
    """The rotary settings: transformers 5 writes `rope_parameters`, 4 wrote `rope_scaling` and `rope_theta`."""
    found = data.get("rope_parameters") or data.get("rope_scaling")
    return found if isinstance(found, dict) else {}


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
            raise CheckpointError(f"{path}: {name} is {shown(found)}; the exporter writes {expected!r} only")
    if data.get("quantization_config"):
        raise CheckpointError(
            f"{path}: the model was quantized by another tool (quantization_config); save it in float32, float16 or "
            "bfloat16, and let --precision make it smaller"
        )

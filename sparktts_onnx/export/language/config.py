"""The sizes of the language model, read from the checkpoint's `LLM/config.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from sparktts_onnx.bundle.values import Bounds, shown
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import read_json, values_of

MAX_POSITIONS = 8192
"""Cap on the rotary tables: 3 000 new ids, the longest prompt recording and the text fit several times over."""
_MAY_BE_NULL = ("num_key_value_heads", "head_dim", "rope_theta", "max_position_embeddings")


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a Qwen2 decoder, under the keys of `config.json`."""

    num_hidden_layers: Annotated[int, Bounds(1, 1 << 8)]
    hidden_size: Annotated[int, Bounds(2, 1 << 14)]
    intermediate_size: Annotated[int, Bounds(1, 1 << 17)]
    num_attention_heads: Annotated[int, Bounds(1, 1 << 9)]
    vocab_size: Annotated[int, Bounds(1, 1 << 22)]
    num_key_value_heads: Annotated[int, Bounds(1, 1 << 9)] = 0
    """0 for as many as there are query heads."""
    head_dim: Annotated[int, Bounds(2, 1 << 9)] = 0
    """0 for what is left of the width for each head."""
    rms_norm_eps: Annotated[float, Bounds(1e-12, 0.1)] = 1e-6
    rope_theta: Annotated[float, Bounds(1, 1e12)] = 10000.0
    max_position_embeddings: Annotated[int, Bounds(256, 1 << 24)] = MAX_POSITIONS
    tie_word_embeddings: bool = False
    """Whether the output head is the embedding."""

    def __post_init__(self) -> None:
        """Fill in what follows from the rest, and refuse heads that do not go together."""
        heads, kv_heads = self.num_attention_heads, self.num_key_value_heads or self.num_attention_heads
        head_dim = self.head_dim or self.hidden_size // heads
        if heads % kv_heads or head_dim < 2 or head_dim % 2:
            raise ValueError(
                f"{heads} heads of width {head_dim} cannot share {kv_heads} key heads; expected an even width, and a "
                "multiple of the key heads"
            )
        object.__setattr__(self, "num_key_value_heads", kv_heads)
        object.__setattr__(self, "head_dim", head_dim)
        object.__setattr__(self, "max_position_embeddings", min(self.max_position_embeddings, MAX_POSITIONS))

    @property
    def group(self) -> int:
        """Query heads that read the same key head."""
        return self.num_attention_heads // self.num_key_value_heads

    @property
    def cache_dim(self) -> int:
        """Width of a head in the graph: the attention operator takes multiples of 16, the rest is zeros."""
        return -(-self.head_dim // 16) * 16


def read_decoder_config(folder: Path) -> DecoderConfig:
    """Read `config.json` of an `LLM` folder.

    Raises:
        CheckpointError: unreadable, another architecture, or a size or feature that the graph does not have.
    """
    path = folder / "config.json"
    data = read_json(path)
    rope = _rope(path, data)
    _refuse_unknown_features(path, data, rope)
    given = {key: value for key, value in data.items() if value is not None or key not in _MAY_BE_NULL}
    if (rope_theta := rope.get("rope_theta")) is not None:
        given["rope_theta"] = rope_theta
    return values_of(DecoderConfig, given, source=path, where="config")


def _rope(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """The rotary settings: transformers 5 writes `rope_parameters`, 4 wrote `rope_scaling` and `rope_theta`.

    Where there are both, either version reads `rope_scaling`. They may stand there once for each type of layer, under
    its name.
    """
    found = data.get("rope_scaling") or data.get("rope_parameters") or {}
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: rope_scaling or rope_parameters is {shown(found)}, expected a table")
    by_layers = {name: values for name, values in found.items() if isinstance(values, dict)}
    first, same = next(iter(by_layers.items()), ("", {}))
    if other := next((name for name, values in by_layers.items() if values != same), None):
        raise CheckpointError(
            f"{path}: rotary settings of {other} are {shown(by_layers[other])}, those of {first} are {shown(same)}; "
            "the exporter writes one rotation for all layers"
        )
    return {**found, **same}


def _refuse_unknown_features(path: Path, data: dict[str, Any], rope: dict[str, Any]) -> None:
    rope_kind = rope.get("rope_type") or rope.get("type") or "default"
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

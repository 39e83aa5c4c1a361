"""wav2vec2 as the codec uses it: a few of its layers, from a config whose every value has been looked at."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from transformers import Wav2Vec2Config

from sparktts_onnx.bundle.values import Bounds, shown
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import read_json, values_of

FEATURE_STATES = (11, 14, 16)
"""Hidden states whose mean is the codec's input; 0 is the input of the first transformer layer."""
USED_LAYERS = max(FEATURE_STATES)
ACTIVATIONS = ("gelu", "relu", "silu", "swish", "gelu_new")
MOST_STRIDE = 1 << 12
"""Samples that one frame may stand for."""


@dataclass(frozen=True)
class Wav2Vec2Sizes:
    """The keys of `config.json` that the weights and the graph depend on."""

    hidden_size: Annotated[int, Bounds(1, 1 << 13)] = 768
    num_hidden_layers: Annotated[int, Bounds(1, 1 << 8)] = 12
    num_attention_heads: Annotated[int, Bounds(1, 1 << 8)] = 12
    intermediate_size: Annotated[int, Bounds(1, 1 << 15)] = 3072
    hidden_act: str = "gelu"
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    conv_dim: Annotated[tuple[Annotated[int, Bounds(1, 1 << 12)], ...], Bounds(1, 16)] = (512,) * 7
    conv_stride: Annotated[tuple[Annotated[int, Bounds(1, 64)], ...], Bounds(1, 16)] = (5, 2, 2, 2, 2, 2, 2)
    conv_kernel: Annotated[tuple[Annotated[int, Bounds(1, 256)], ...], Bounds(1, 16)] = (10, 3, 3, 3, 3, 2, 2)
    conv_bias: bool = False
    num_conv_pos_embeddings: Annotated[int, Bounds(1, 1 << 10)] = 128
    num_conv_pos_embedding_groups: Annotated[int, Bounds(1, 1 << 10)] = 16
    do_stable_layer_norm: bool = False
    layer_norm_eps: Annotated[float, Bounds(1e-12, 0.1)] = 1e-5
    mask_time_prob: Annotated[float, Bounds(0, 1)] = 0.05
    mask_feature_prob: Annotated[float, Bounds(0, 1)] = 0.0

    def __post_init__(self) -> None:
        if self.num_hidden_layers < USED_LAYERS:
            raise ValueError(
                f"wav2vec2 has {self.num_hidden_layers} layers; the codec reads hidden state {USED_LAYERS}"
            )
        for key in ("num_attention_heads", "num_conv_pos_embedding_groups"):
            if self.hidden_size % getattr(self, key):
                raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of {key} {getattr(self, key)}")
        if not len(self.conv_dim) == len(self.conv_stride) == len(self.conv_kernel):
            raise ValueError("conv_dim, conv_stride and conv_kernel have different lengths")
        if (stride := math.prod(self.conv_stride)) > MOST_STRIDE:
            raise ValueError(f"conv_stride makes a frame of {stride} samples, expected at most {MOST_STRIDE}")
        choices = {
            "hidden_act": ACTIVATIONS,
            "feat_extract_activation": ACTIVATIONS,
            "feat_extract_norm": ("group", "layer"),
        }
        for key, known in choices.items():
            if getattr(self, key) not in known:
                raise ValueError(f"{key} is {shown(getattr(self, key))}, expected one of {', '.join(known)}")


def read_wav2vec2_config(folder: Path) -> Wav2Vec2Config:
    """The model of `config.json`.

    Raises:
        CheckpointError: it cannot be read, is another model's, or describes one that cannot be converted.
    """
    path = folder / "config.json"
    data = read_json(path)
    if data.get("model_type") != "wav2vec2":
        raise CheckpointError(f"{path}: model_type is {shown(data.get('model_type'))}, expected 'wav2vec2'")
    sizes = values_of(Wav2Vec2Sizes, data, source=path, where="wav2vec2")
    return Wav2Vec2Config(**dataclasses.asdict(sizes))


def normalizes_recordings(folder: Path) -> bool:
    """Whether the model reads recordings of zero mean and unit variance."""
    preprocessor = folder / "preprocessor_config.json"
    return bool(read_json(preprocessor).get("do_normalize", True)) if preprocessor.is_file() else True


def takes_part(name: str) -> bool:
    """Whether a tensor belongs to what is computed: not to a head or to an adapter behind it, nor to a layer that
    nobody reads."""
    of, part, *rest = *name.split("."), "", ""
    layer = rest[1] if rest[0] == "layers" else ""
    unused = layer.isdecimal() and int(layer) >= USED_LAYERS
    return of == "wav2vec2" and part in ("feature_extractor", "feature_projection", "encoder") and not unused


def shortened(config: Wav2Vec2Config) -> Wav2Vec2Config:
    """The same wav2vec2 without the layers above the last hidden state that is read."""
    result = Wav2Vec2Config.from_dict({**config.to_dict(), "num_hidden_layers": USED_LAYERS})
    result._attn_implementation = "eager"
    return result

"""Checkpoints in the published layout with weights that mean nothing: for tests, benchmarks and trying things out.

Every weight follows from its tensor's name and shape alone, so the same sizes give the same checkpoint anywhere.

    python -m synthetic.checkpoint --size tiny --out folder     # 28 MB, seconds
    python -m synthetic.checkpoint --size full --out folder     # 3.9 GB, the sizes of the 0.5B
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file
from transformers import Wav2Vec2Config, Wav2Vec2Model

from sparktts_onnx.export.checkpoint.checkpoint import CODEC_FOLDER, LANGUAGE_MODEL_FOLDER, WAV2VEC2_FOLDER
from sparktts_onnx.export.checkpoint.weights import PICKLE_NAME, SAFETENSORS_NAME, published_name
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.weights import EMBEDDING, expected_shapes
from sparktts_onnx.export.modules import BiCodec
from sparktts_onnx.export.modules.config import BiCodecConfig
from synthetic.sizes import Sizes, full_sizes, tiny_sizes
from synthetic.tokenizer import write_tokenizer

FLOAT_RULES: Mapping[str, tuple[float, float]] = {
    "running_mean": (0.0, 0.1),
    "bias": (0.0, 0.05),
    "latents": (0.0, 0.5),
    "masked_spec_embed": (0.0, 0.5),
}
"""Last part of a tensor's name to the mean and the deviation of its values."""
CODEBOOK = "quantizer.codebook.weight"
LAST_CONVOLUTION = "decoder.model.6.weight_g"
Shapes = Mapping[str, tuple[int, ...]]
Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class SyntheticWeights:
    """The rule that gives every tensor its values."""

    salt: str = ""
    """Another salt draws another, equally valid set."""

    def fill(self, shapes: Shapes) -> Weights:
        """A value for every tensor; weight_g becomes a true length of its weight_v."""
        result: Weights = {}
        for name, shape in shapes.items():
            counts = name.endswith("num_batches_tracked")
            result[name] = np.zeros(shape, np.int64) if counts else self.value(name, shape)
        for name in result:
            if name.endswith("weight_g"):
                direction = result[name[:-1] + "v"].astype(np.float64)
                axes = tuple(axis for axis, length in enumerate(result[name].shape) if length == 1)
                length = np.sqrt((direction**2).sum(axis=axes, keepdims=True))
                result[name] = (result[name] * length).astype(np.float32)
        return result

    def value(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """One float tensor. NumPy never changes the stream of `RandomState`, so this is the same on every version."""
        seed = zlib.crc32((self.salt + name).encode())
        noise: NDArray[np.float64] = np.asarray(np.random.RandomState(seed).standard_normal(shape))
        return _scaled(name, noise).astype(np.float32)


def _scaled(name: str, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise in the range where the layer that it belongs to behaves."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf in FLOAT_RULES:
        mean, deviation = FLOAT_RULES[leaf]
        return mean + deviation * noise
    if leaf in ("running_var", "alpha"):
        return 1 + 0.2 * np.abs(noise)
    if leaf == "cluster_size":
        return np.ones_like(noise)
    if leaf == "gamma":
        return (1.0 if "perceiver" in name else 0.3) * (1 + 0.1 * noise)
    if leaf == "weight_g":  # The last convolution small, so that its tanh is not saturated.
        return (0.005 if name == LAST_CONVOLUTION else 1) * (1 + 0.1 * noise)
    if leaf == "weight" and noise.ndim == 1:
        return 1 + 0.1 * noise
    if name in (CODEBOOK, EMBEDDING):
        return noise if name == CODEBOOK else 0.08 * noise
    return noise / math.sqrt(math.prod(noise.shape[1:]))


def write_checkpoint(sizes: Sizes, folder: Path, *, weights: SyntheticWeights | None = None) -> None:
    """Write a whole checkpoint folder."""
    weights = weights or SyntheticWeights()
    for sub in (CODEC_FOLDER, LANGUAGE_MODEL_FOLDER, WAV2VEC2_FOLDER):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(sizes.audio), sort_keys=False), encoding="utf-8")
    _write_codec(sizes, folder / CODEC_FOLDER, weights)
    _write_language_model(sizes, folder / LANGUAGE_MODEL_FOLDER, weights)
    _write_wav2vec2(sizes, folder / WAV2VEC2_FOLDER, weights)


def _write_codec(sizes: Sizes, folder: Path, weights: SyntheticWeights) -> None:
    config = {"audio_tokenizer": sizes.codec}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    with torch.device("meta"):
        codec = BiCodec(BiCodecConfig.from_dict(sizes.codec))
    shapes = {name: tuple(tensor.shape) for name, tensor in codec.state_dict().items()}
    save_file(weights.fill(shapes), folder / SAFETENSORS_NAME, {"format": "pt"})


def _write_language_model(sizes: Sizes, folder: Path, weights: SyntheticWeights) -> None:
    codes = sizes.codec["quantizer"]["codebook_size"]
    ids = write_tokenizer(folder, text_ids=sizes.text_ids, semantic_codes=codes, published_ends=sizes.published_ends)
    config = {**sizes.language_model, "eos_token_id": ids["<|im_end|>"], "bos_token_id": ids["<|endoftext|>"]}
    config.setdefault("vocab_size", max(ids.values()) + 3)
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file(weights.fill(expected_shapes(read_decoder_config(folder))), folder / SAFETENSORS_NAME, {"format": "pt"})


def _write_wav2vec2(sizes: Sizes, folder: Path, weights: SyntheticWeights) -> None:
    (folder / "config.json").write_text(json.dumps(sizes.wav2vec2, indent=1), encoding="utf-8")
    preprocessor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1, "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=1), encoding="utf-8")
    with torch.device("meta"):
        model = Wav2Vec2Model(Wav2Vec2Config.from_dict(sizes.wav2vec2))
    shapes = {"wav2vec2." + published_name(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tensors = {name: torch.from_numpy(array) for name, array in weights.fill(shapes).items()}
    torch.save(tensors, folder / PICKLE_NAME)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write a checkpoint with synthetic weights.")
    parser.add_argument("--size", choices=("tiny", "full"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--salt", default="", help="draw another set of weights")
    given = parser.parse_args()
    sizes = full_sizes() if given.size == "full" else tiny_sizes()
    write_checkpoint(sizes, given.out, weights=SyntheticWeights(given.salt))


if __name__ == "__main__":
    main()

"""The tensors of a Qwen2 decoder: checked by name and shape, laid out as the graph multiplies with them, and as the
model of transformers that the graph is compared with."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.weights import TensorFiles, load_strictly
from sparktts_onnx.export.language.config import DecoderConfig, read_decoder_config

HEAD = "lm_head.weight"
EMBEDDING = "model.embed_tokens.weight"
_IGNORED_SUFFIX = "rotary_emb.inv_freq"
"""Older files store the rotary frequencies; they follow from the configuration."""


class DecoderWeights:
    """Reads one tensor at a time, so that a conversion never holds the model."""

    def __init__(self, config: DecoderConfig, files: TensorFiles) -> None:
        """Compare the files' tensors with what the configuration calls for."""
        self._config = config
        self._files = files
        self._check_head()
        expected = expected_shapes(config)
        found = {name for name in files.shapes if not name.endswith(_IGNORED_SUFFIX)}
        if config.tie_word_embeddings:
            found.discard(HEAD)
        if missing := sorted(expected.keys() - found):
            raise CheckpointError(f"the language model in {files.folder} lacks the tensor {missing[0]}")
        if extra := sorted(found - expected.keys()):
            raise CheckpointError(f"the language model in {files.folder} has a tensor too many: {extra[0]}")
        for name, shape in expected.items():
            if files.shapes[name] != shape:
                raise CheckpointError(
                    f"{name} in {files.folder} has shape {list(files.shapes[name])}, config.json says {list(shape)}"
                )

    def _check_head(self) -> None:
        """Compare the output head with what the configuration says of it."""
        stored, folder = HEAD in self._files.shapes, self._files.folder
        if not stored and not self._config.tie_word_embeddings:
            raise CheckpointError(
                f"the language model in {folder} lacks {HEAD}, and config.json does not say that it is the embedding: "
                "set tie_word_embeddings to true there if it is"
            )
        if stored and self._config.tie_word_embeddings and EMBEDDING in self._files.shapes:
            head, embedding = self._files.read(HEAD), self._files.read(EMBEDDING)
            if head.shape != embedding.shape or not bool((head == embedding).all()):
                raise CheckpointError(
                    f"the language model in {folder} has {HEAD} of its own, but config.json says that it is the "
                    "embedding: set tie_word_embeddings to false there to use it, or remove the tensor"
                )

    def read(self, name: str) -> np.ndarray:
        """One tensor, float32."""
        array: np.ndarray = self._files.read(name).numpy()
        if array.dtype != np.float32:
            raise CheckpointError(
                f"{name} in {self._files.folder} holds {array.dtype}, expected floating-point numbers"
            )
        return array

    def queries_keys_values(self, layer: int, *, group: int) -> tuple[np.ndarray, np.ndarray]:
        """The fused projection: weight float32 [(group + 2) · Hkv · Dh, D] and its bias.

        Args:
            layer: its number.
            group: query heads for each key head; those that the model does not have are zeros.
        """
        prefix = f"model.layers.{layer}.self_attn."
        weights = [self._pad_heads(self.read(f"{prefix}{part}_proj.weight")) for part in "qkv"]
        biases = [self._pad_heads(self.read(f"{prefix}{part}_proj.bias")[:, None]) for part in "qkv"]
        weights[0], biases[0] = self._pad_groups(weights[0], group), self._pad_groups(biases[0], group)
        return np.concatenate(weights), np.concatenate(biases)[:, 0]

    def attention_output(self, layer: int, *, group: int) -> np.ndarray:
        """The projection of the attended heads: float32 [D, group · Hkv · Dh]; `group` as in `queries_keys_values`."""
        heads = self._pad_heads(self.read(f"model.layers.{layer}.self_attn.o_proj.weight").T)
        return self._pad_groups(heads, group).T

    def _pad_groups(self, rows: np.ndarray, group: int) -> np.ndarray:
        """Zero heads after the query heads of each key head: [H · Dh, D] to [group · Hkv · Dh, D]."""
        missing = group - self._config.group
        if not missing:
            return rows
        groups = rows.reshape(self._config.num_key_value_heads, -1, rows.shape[1])
        padded = np.pad(groups, ((0, 0), (0, missing * self._config.cache_dim), (0, 0)))
        return padded.reshape(-1, rows.shape[1])

    def _pad_heads(self, rows: np.ndarray) -> np.ndarray:
        """Zeros after each half of each head: rotation pairs element i with element i + Dh / 2."""
        half, padded = self._config.head_dim // 2, self._config.cache_dim // 2
        if half == padded:
            return rows
        halves = rows.reshape(-1, half, rows.shape[1])
        return np.pad(halves, ((0, 0), (0, padded - half), (0, 0))).reshape(-1, rows.shape[1])


def language_model_files(folder: Path) -> TensorFiles:
    """The tensors of an `LLM` folder, under the names that transformers gives them."""
    return TensorFiles(folder).beginning("model.", "embed_tokens.weight")


@cache
def expected_shapes(config: DecoderConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of a Qwen2 decoder of these sizes; a head that is the embedding is none of its own."""
    shapes = {name: tuple(tensor.shape) for name, tensor in _unfilled(config).state_dict().items()}
    if config.tie_word_embeddings:
        del shapes[HEAD]
    return shapes


def read_reference(folder: Path) -> nn.Module:
    """The model of an `LLM` folder as transformers computes it, in float32, of the tensors that the graph has."""
    config = read_decoder_config(folder)
    tensors = language_model_files(folder).read_all(expected_shapes(config))
    if config.tie_word_embeddings:
        tensors[HEAD] = tensors[EMBEDDING]
    model = _unfilled(config)
    # Its frequencies are no tensor of the checkpoint.
    model.model.rotary_emb = type(model.model.rotary_emb)(config=model.config)
    load_strictly(model, tensors, source=folder)
    result: nn.Module = model.eval().requires_grad_(False)
    return result


def _unfilled(config: DecoderConfig) -> Any:
    """The model of transformers, without memory for its tensors."""
    settings = Qwen2Config(**asdict(config))
    settings._attn_implementation = "eager"
    with torch.device("meta"):
        return Qwen2ForCausalLM(settings)

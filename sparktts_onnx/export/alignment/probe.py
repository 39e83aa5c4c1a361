"""The attention of every head of a written graph, over the text of a whole answer at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import Alignment, LanguageModelLayout
from sparktts_onnx.export.language.config import DecoderConfig
from sparktts_onnx.export.language.graph import cache_names
from sparktts_onnx.export.language.queries import expose_projections
from sparktts_onnx.export.verify.language_model import GraphRunner
from sparktts_onnx.runtime.language.alignment import Array
from sparktts_onnx.runtime.language.attention import rotate, text_masses


class AttentionProbe:
    """A graph that tells its projections."""

    def __init__(self, folder: Path, layout: LanguageModelLayout, config: DecoderConfig, *, capacity: int) -> None:
        """`folder`: where `language_model.onnx` lies; `capacity`: positions that prompt and answer may take."""
        path = folder / f"{LANGUAGE_MODEL}.probe.onnx"
        self._names = expose_projections(folder / f"{LANGUAGE_MODEL}.onnx", path)
        self._config = config
        self.runner = GraphRunner(path, layout, capacity=capacity)
        path.unlink()

    def masses(self, ids: Sequence[int], columns: range, frames: range) -> Array:
        """How each head's attention is spread over the columns: float32 [layers, heads, frames, columns].

        Args:
            ids: prompt and answer.
            columns: positions of the text.
            frames: positions whose attention is wanted; each chooses the id behind it.
        """
        config = self._config
        keys = cache_names("present", config.num_hidden_layers)[::2]
        outputs = self.runner.outputs(ids, [*self._names, *keys])
        projected, kept = outputs[: config.num_hidden_layers], outputs[config.num_hidden_layers :]
        return np.stack([self._layer(*pair, columns, frames) for pair in zip(projected, kept, strict=True)])

    def _layer(self, projected: Array, keys: Array, columns: range, frames: range) -> Array:
        """Of one layer: fused projections [1, S, W], keys [1, Hkv, P, Dh]: float32 [heads, frames, columns]."""
        config, width = self._config, keys.shape[3]
        alignment = Alignment(rope_theta=config.rope_theta, rope_dim=config.head_dim)
        heads = projected[0, frames.start : frames.stop].reshape(len(frames), -1, width)
        groups = heads[:, : -2 * config.num_key_value_heads].reshape(len(frames), config.num_key_value_heads, -1, width)
        queries = groups[:, :, : config.group].reshape(len(frames), config.num_attention_heads, width)
        rotated = rotate(queries.transpose(1, 0, 2).astype(np.float32), np.asarray(frames), alignment)
        seen = keys[0, :, columns.start : columns.stop].astype(np.float32) * np.float32(config.head_dim**-0.5)
        return np.stack([text_masses(rotated[[i]], seen[[i // config.group]]) for i in range(len(rotated))])

"""The attention of every head of a written graph, over the text of a whole answer at once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import Alignment, LanguageModelLayout
from sparktts_onnx.export.language.config import DecoderConfig
from sparktts_onnx.export.language.graph import cache_names
from sparktts_onnx.export.language.queries import expose_projections
from sparktts_onnx.export.verify.language_model import GraphRunner
from sparktts_onnx.runtime.language.alignment import Array, TextColumns
from sparktts_onnx.runtime.language.attention import rotate, text_masses


@dataclass(frozen=True)
class ProbedAnswer:
    """Prompt and answer, and where the text and the audio tokens are."""

    ids: tuple[int, ...]
    text: TextColumns
    frames: range
    """Positions that choose the audio tokens: each the id behind it."""


class AttentionProbe:
    """A graph that tells its projections."""

    def __init__(self, folder: Path, layout: LanguageModelLayout, config: DecoderConfig, *, capacity: int) -> None:
        """`folder`: where `language_model.onnx` lies; `capacity`: positions that prompt and answer may take."""
        path = folder / f"{LANGUAGE_MODEL}.probe.onnx"
        self._names = expose_projections(folder / f"{LANGUAGE_MODEL}.onnx", path)
        self._config = config
        self.runner = GraphRunner(path, layout, capacity=capacity)
        path.unlink()

    def masses(self, answer: ProbedAnswer) -> Array:
        """How each head's attention is spread over the text: float32 [layers, heads, frames, columns]."""
        config = self._config
        keys = cache_names("present", config.num_hidden_layers)[::2]
        outputs = self.runner.outputs(answer.ids, [*self._names, *keys])
        layers = zip(outputs[: config.num_hidden_layers], outputs[config.num_hidden_layers :], strict=True)
        return np.stack([self._layer(*layer, answer.text.positions, answer.frames) for layer in layers])

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

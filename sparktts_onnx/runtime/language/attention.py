"""Where in its text an answer is: the attention of chosen heads over the text's tokens, step by step.

The graph gives each step's queries; the keys of the text are copied once from the cache, when the prompt is read. So
it does not matter where the cache lies, whether it grows, or who else is speaking.
"""

from typing import Any

import numpy as np

from sparktts_onnx.bundle.manifest import Alignment


class TextAttention:
    """The attention of one answer over a part of its prompt. One thread records, another may read."""

    def __init__(self, alignment: Alignment, columns: range) -> None:
        """`columns`: positions of the text's tokens in the prompt, at least one."""
        self.columns = columns
        self._alignment = alignment
        self._keys: np.ndarray[Any, Any] = np.zeros(0, np.float32)
        self._first = 0
        self._queries: list[np.ndarray[Any, Any]] = []

    def begin(self, keys: np.ndarray[Any, Any], position: int) -> None:
        """Take the keys [heads, columns, Dh] and the position whose query comes first, the prompt's last."""
        self._keys = keys.astype(np.float32) * np.float32(self._alignment.rope_dim**-0.5)
        self._first = position

    def record(self, queries: np.ndarray[Any, Any]) -> None:
        """Keep the queries [heads, Dh], not rotated, that chose the next token."""
        self._queries.append(queries)

    def masses(self, step: int) -> np.ndarray[Any, Any]:
        """How the attention that chose token `step` of the answer is spread over the columns: float32 [C], sum 1."""
        queries = rotate(self._queries[step].astype(np.float32), self._first + step, self._alignment)
        masses: np.ndarray[Any, Any] = text_masses(queries[:, None], self._keys)[0]
        return masses


def text_masses(queries: np.ndarray[Any, Any], keys: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Attention over the columns alone, the mean of the heads: float32 [S, C].

    Args:
        queries: rotated, float32 [heads, S, Dh].
        keys: rotated and scaled, float32 [heads, C, Dh].
    """
    scores = queries @ keys.transpose(0, 2, 1)
    scores = np.exp(scores - scores.max(axis=2, keepdims=True))
    masses: np.ndarray[Any, Any] = (scores / scores.sum(axis=2, keepdims=True)).mean(axis=0)
    return masses


def rotate(queries: np.ndarray[Any, Any], positions: Any, alignment: Alignment) -> np.ndarray[Any, Any]:
    """Turn queries float32 [.., Dh] as the graph's attention does: element i together with element i + Dh / 2.

    Args:
        queries: as the graph gives them.
        positions: of their ids in prompt and answer, whole numbers of any shape that spreads over [..].
        alignment: base and width of the rotation.
    """
    half = queries.shape[-1] // 2
    frequencies = np.zeros(half)
    turning = np.arange(0, alignment.rope_dim, 2) / alignment.rope_dim
    frequencies[: len(turning)] = alignment.rope_theta**-turning
    angles = np.asarray(positions)[..., None] * frequencies
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    first, second = queries[..., :half], queries[..., half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)

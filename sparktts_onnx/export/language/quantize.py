"""Weights of the language model in 4 bits: blocks along the input, a scale a block, symmetric around zero."""

import numpy as np

BLOCKS = (32, 16)
"""Weights that share a scale; 16 is the fewest that the operator knows.

With larger blocks ONNX Runtime's products round otherwise for one row than for several, so that an answer would depend
on what else is being spoken.
"""
_ZERO = 8
"""The stored value that means 0."""
_CHUNK_WEIGHTS = 1 << 20
"""Weights that are quantized together: the search's temporaries stay in the cache."""
_SHRINKS = (1.0, 0.95, 0.9, 0.85, 0.8)
"""Scales that the search tries, as parts of the one that just holds the largest weight."""


def block_of(inputs: int) -> int | None:
    """The largest block that divides a row of so many weights evenly; None if none does."""
    return next((block for block in BLOCKS if inputs % block == 0), None)


def quantize(weight: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored values and scales of float32 [rows, inputs]: uint8 [rows, blocks, block / 2], float32 [rows, blocks].

    A byte holds two values, the first in its low half.
    """
    rows, inputs = weight.shape
    stored = np.empty((rows, inputs // block, block), np.uint8)
    scales = np.empty(stored.shape[:2], np.float32)
    step = max(1, _CHUNK_WEIGHTS // inputs)
    for start in range(0, rows, step):
        values, scale = _quantize_blocks(weight[start : start + step].reshape(-1, block))
        stored[start : start + step] = values.reshape(-1, *stored.shape[1:])
        scales[start : start + step] = scale.reshape(-1, scales.shape[1])
    return stored[..., 0::2] | (stored[..., 1::2] << 4), scales


def _quantize_blocks(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, block] and float32 [n, 1] of float32 [n, block], of the least squared error that the search finds.

    The largest weight takes the most negative value, -8, so a scale carries its sign.
    """
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1)
    best_scale = np.zeros_like(largest)
    best_error = np.full_like(largest, np.inf)
    for shrink in _SHRINKS:
        scale = largest * np.float32(-shrink / _ZERO)
        scale = _refit(weights, _round(weights, scale), scale)
        error = np.square(_round(weights, scale) * scale - weights).sum(axis=1, keepdims=True)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scale = np.where(better, scale, best_scale)
    return (_round(weights, best_scale) + _ZERO).astype(np.uint8), best_scale


def _round(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=np.abs(scale) >= np.finfo(np.float32).tiny)
    rounded: np.ndarray = np.clip(np.rint(weights * inverse), -_ZERO, _ZERO - 1)
    return rounded


def _refit(weights: np.ndarray, rounded: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The scale of least squared error for given roundings."""
    square = np.square(rounded).sum(axis=1, keepdims=True)
    product = (rounded * weights).sum(axis=1, keepdims=True)
    refitted: np.ndarray = np.divide(product, square, out=scale.copy(), where=square > 0)
    return refitted

"""Weights in 8 bits with a scale for each row."""

import numpy as np


def quantize_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stored values int8 [rows, inputs] and scales float32 [rows]: weight ≈ values · scale, symmetric."""
    scales = np.abs(weight).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    return np.rint(weight * inverse[:, None]).astype(np.int8), scales

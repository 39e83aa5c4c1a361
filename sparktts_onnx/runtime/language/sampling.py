"""Choosing the next token: temperature, then top-k, then top-p, then one draw, as the original samples."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktts_onnx.errors import GenerationError, OptionError
from sparktts_onnx.runtime.values import number, whole_number


@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are chosen; the defaults are the original model's."""

    temperature: float = 0.8
    """Divides the logits; 0 always takes the likeliest token."""
    top_k: int = 50
    """Only this many likeliest tokens, and those equal to the last of them; 0 for all."""
    top_p: float = 0.95
    """Only the likeliest tokens whose probabilities reach this sum; 1 for all."""
    max_new_tokens: int = 3000
    """Limit on the length of an answer."""

    def __post_init__(self) -> None:
        number("temperature", self.temperature, 0, 100)
        whole_number("top_k", self.top_k, 0)
        if number("top_p", self.top_p, 0, 1) == 0:
            raise OptionError(f"top_p is {self.top_p!r}; expected a number above 0, at most 1", field="top_p")
        whole_number("max_new_tokens", self.max_new_tokens, 1)


def sample(logits: np.ndarray[Any, Any], options: SamplingOptions, rng: np.random.Generator) -> int:
    """Index of the chosen token among `logits` float32 [n]; one number is drawn, none where it is greedy."""
    best = int(logits.argmax())
    if not math.isfinite(logits[best]):
        raise GenerationError("the language model's output is not a number; the bundle or the computation is damaged")
    if options.temperature == 0:
        return best
    kept = _top_k(logits, options.top_k)
    weights = np.exp((logits[kept] - logits[best]).astype(np.float64) / options.temperature)
    order = np.argsort(-weights, kind="stable")
    sums = np.cumsum(weights[order])
    count = _top_p_count(sums, options.top_p)
    drawn = np.searchsorted(sums[:count], rng.random() * sums[count - 1], side="right")
    return int(kept[order[min(int(drawn), count - 1)]])


def _top_k(logits: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    """Ascending indices of the k largest values and of those equal to the smallest of them."""
    if not 0 < k < len(logits):
        return np.arange(len(logits))
    threshold = np.partition(logits, len(logits) - k)[len(logits) - k]
    return np.flatnonzero(logits >= threshold)


def _top_p_count(sums: np.ndarray[Any, Any], top_p: float) -> int:
    """How many of the likeliest reach `top_p`, at least one; `sums` are running sums from the likeliest down."""
    return min(int(np.searchsorted(sums, top_p * sums[-1], side="left")) + 1, len(sums))

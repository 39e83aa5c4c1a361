"""What contenders have in common: the interface of language models, their timing, and the judgment of outputs."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import WrongOutputError
from sparktts_onnx.bundle.manifest import IdRange
from sparktts_onnx.export.verify.graphs import overall_error
from sparktts_onnx.export.verify.language_model import logit_error

Logits = NDArray[np.float32]
Wave = NDArray[np.float32]
Written = tuple[int, float]
"""An id, and when it was written, by `time.perf_counter`."""


def stamped(ids: Iterable[int]) -> list[Written]:
    """Ids as they come."""
    return [(token, time.perf_counter()) for token in ids]


TEMPERATURE, TOP_K, TOP_P = 0.8, 50, 0.95
"""Sampling of the original; every side samples."""


def random_ids(rows: IdRange, length: int, *, seed: int = 0) -> list[int]:
    """Random ids, as the work does not depend on which, that also a model has that is cut to the rows of speech."""
    return [int(i) for i in np.random.default_rng(seed).integers(rows.first, rows.stop, length)]


class LanguageModelSide(Protocol):
    """A language model with its weights loaded."""

    name: str
    tolerance: float
    """Largest root mean square deviation of the logits that its precision explains, in standard deviations."""

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits after a prompt over the rows of speech: float32 [V]."""
        ...

    def write(self, prompt: Sequence[int], count: int) -> list[Written]:
        """Sampled ids, exactly `count` of them."""
        ...


def time_answer(side: LanguageModelSide, prompt: Sequence[int], count: int) -> dict[str, float]:
    """Let a side answer, and see that it wrote what it was asked for: ids a second of the prompt and of the answer."""
    began = time.perf_counter()
    written = side.write(prompt, count)
    if len(written) != count:
        raise WrongOutputError(f"{side.name} wrote {len(written)} ids where {count} were asked for")
    if len({token for token, _ in written}) < min(count, 8) // 2:
        raise WrongOutputError(f"{side.name} wrote the same ids again and again")
    first, last = written[0][1], written[-1][1]
    return {"prefill": len(prompt) / (first - began), "decode": (count - 1) / (last - first)}


def judge_logits(side: LanguageModelSide, prompt: Sequence[int], expected: Logits) -> None:
    """Compare a side's logits with those of PyTorch in float32."""
    found = side.logits(prompt)
    error = logit_error(found, expected) if found.shape == expected.shape else math.nan
    if not error <= side.tolerance:
        raise WrongOutputError(f"{side.name}: logits deviate by {error:.2g}, allowed are {side.tolerance:.2g}")


def snr_db(found: Wave, expected: Wave) -> float:
    """Signal over deviation, in decibels, 200 at most; the longer one is cut to the length of the other."""
    n = min(len(found), len(expected))
    return -20 * math.log10(max(overall_error(found[:n], expected[:n]), 1e-10))

"""What the language model's contenders have in common: the interface, the timing, and the judgment of their output."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import WrongOutputError

Logits = NDArray[np.float32]

TEMPERATURE, TOP_K, TOP_P = 0.8, 50, 0.95
"""Sampling of the original; every side samples."""


@dataclass(frozen=True)
class SpeechRows:
    """The ids that speech can use; prompts are drawn from them, so that a model cut to them can be asked the same."""

    first: int
    count: int

    def prompt(self, length: int, *, seed: int = 0) -> list[int]:
        """Random ids: the work does not depend on which."""
        generator = np.random.default_rng(seed)
        return [int(i) for i in generator.integers(self.first, self.first + self.count, length)]


class LanguageModelSide(Protocol):
    """A language model with its weights loaded."""

    name: str
    tolerance: float
    """Largest root mean square deviation of the logits that its precision explains, in standard deviations."""

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits after a prompt over the rows of speech: float32 [V]."""
        ...

    def generate(self, prompt: Sequence[int], count: int) -> Iterator[int]:
        """Sampled ids, exactly `count` of them, each as soon as it is there."""
        ...


@dataclass(frozen=True)
class Timing:
    """One answer."""

    ids: tuple[int, ...]
    prefill_seconds: float
    """From the request to the first id."""
    decode_seconds: float
    """From the first id to the last."""


def time_answer(side: LanguageModelSide, prompt: Sequence[int], count: int) -> Timing:
    """Let a side answer, and see that it wrote what it was asked for."""
    ids: list[int] = []
    began = first = time.perf_counter()
    for token in side.generate(prompt, count):
        if not ids:
            first = time.perf_counter()
        ids.append(token)
    last = time.perf_counter()
    if len(ids) != count:
        raise WrongOutputError(f"{side.name} wrote {len(ids)} ids where {count} were asked for")
    if len(set(ids)) < min(count, 8) // 2:
        raise WrongOutputError(f"{side.name} wrote the same ids again and again")
    return Timing(tuple(ids), first - began, last - first)


def judge_logits(side: LanguageModelSide, prompt: Sequence[int], expected: Logits) -> str:
    """Compare a side's logits with those of PyTorch in float32."""
    error = logit_error(side.logits(prompt), expected)
    if not error <= side.tolerance:
        raise WrongOutputError(f"{side.name}: logits deviate by {error:.2g}, allowed are {side.tolerance:.2g}")
    return f"logits deviate by {error:.2g} of their spread (allowed {side.tolerance:.2g})"


def logit_error(found: Logits, expected: Logits) -> float:
    """Root mean square deviation over the standard deviation; NaN where a value is not a number."""
    if found.shape != expected.shape:
        return float("nan")
    deviation = found.astype(np.float64) - expected
    return float(np.sqrt(np.mean(deviation**2)) / max(float(expected.std()), 1e-12))

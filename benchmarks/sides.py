"""What contenders have in common: the interface of language models, their timing, and the judgment of outputs."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import WrongOutputError

Logits = NDArray[np.float32]
Wave = NDArray[np.float32]
Written = tuple[int, float]
"""An id, and when it was written, by `time.perf_counter`."""


def stamped(ids: Iterable[int]) -> list[Written]:
    """Ids as they come."""
    return [(token, time.perf_counter()) for token in ids]


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
    error = logit_error(side.logits(prompt), expected)
    if not error <= side.tolerance:
        raise WrongOutputError(f"{side.name}: logits deviate by {error:.2g}, allowed are {side.tolerance:.2g}")


def logit_error(found: Logits, expected: Logits) -> float:
    """Root mean square deviation over the standard deviation; NaN where a value is not a number."""
    if found.shape != expected.shape:
        return float("nan")
    deviation = found.astype(np.float64) - expected
    return float(np.sqrt(np.mean(deviation**2)) / max(float(expected.std()), 1e-12))


def snr_db(found: Wave, expected: Wave) -> float:
    """Signal over deviation, in decibels; the longer one is cut to the length of the other."""
    n = min(len(found), len(expected))
    signal = float(np.sum(np.square(expected[:n], dtype=np.float64)))
    noise = float(np.sum(np.square(found[:n].astype(np.float64) - expected[:n])))
    return 10 * float(np.log10(max(signal, 1e-20) / max(noise, 1e-20)))

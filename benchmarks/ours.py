"""This software's language model, asked through the product's scheduler, or directly while no scheduler runs."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.harness import WrongOutputError
from benchmarks.sides import TEMPERATURE, TOP_K, TOP_P, Logits, Written, stamped
from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import IdRange, read_manifest
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.sampling import SamplingOptions, sample
from sparktts_onnx.runtime.language.scheduler import Grammar, Request, Scheduler

TOLERANCES = {"fp32": 1e-3, "fp16": 1e-2, "int8": 0.12, "int4": 0.7}
"""On random weights, where rounding hurts most; what a precision does to speech is measured on speech."""


class _Endless:
    """A grammar of speech that never ends: the benchmark says how many ids there are."""

    def __init__(self, ids: IdRange) -> None:
        self._span = ids.first, ids.stop

    def legal(self) -> Sequence[tuple[int, int]]:
        """Semantic ids."""
        return (self._span,)

    def accept(self, token_id: int) -> bool:
        """Never over."""
        return False


class OurLanguageModel:
    """A bundle's language model."""

    def __init__(self, bundle: Path, precision: str, *, threads: int, slots: int = 8, device: str = "cpu") -> None:
        self.name = f"ours {precision}"
        self.tolerance = TOLERANCES[precision]
        self.manifest = read_manifest(bundle)
        self.sessions = Sessions(bundle, self.manifest, device=device, threads=threads)
        layout = self.manifest.language_model
        self.speech_rows = IdRange(layout.head_first_id, layout.head_rows)
        """The rows that the head was cut to."""
        self._model = LanguageModel(self.sessions[LANGUAGE_MODEL], layout, slots=slots)
        self._scheduler = Scheduler(self._model)
        self._semantic = self.manifest.token_ids.semantic_tokens

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits after a prompt over the rows of speech: float32 [V]."""
        return np.asarray(self.forced_logits(prompt, ())[0])

    def forced_logits(self, prompt: Sequence[int], ids: Sequence[int]) -> Logits:
        """Logits after a prompt and after each of the ids that follow it: float32 [1 + len(ids), V]."""
        model = self._without_scheduler()
        logits: Logits = np.stack([model.prefill(0, prompt), *(model.step([0], [token])[0] for token in ids)])
        return logits

    def generate(
        self, prompt: Sequence[int], count: int, *, seed: int = 0, grammar: Grammar | None = None
    ) -> Iterator[int]:
        """Sampled ids; without a grammar exactly `count` of them."""
        wanted = grammar or _Endless(self._semantic)
        return self._scheduler.generate(Request(tuple(prompt), wanted, _sampling(count), seed))

    def write(self, prompt: Sequence[int], count: int) -> list[Written]:
        """Sampled ids, through the scheduler."""
        return stamped(self.generate(prompt, count))

    def generate_plainly(self, prompt: Sequence[int], count: int) -> Iterator[int]:
        """The same ids from a plain loop over the same graph: what the scheduler costs is the difference."""
        model, options, rng = self._without_scheduler(), _sampling(count), np.random.default_rng(0)
        first = self._semantic.first - self.speech_rows.first
        logits = model.prefill(0, prompt)
        for number in range(count):
            token = self._semantic.first + sample(logits[first : first + self._semantic.count], options, rng)
            yield token
            if number + 1 < count:
                logits = model.step([0], [token])[0]

    def judge_ids(self, prompts: Sequence[Sequence[int]], *, count: int = 20) -> None:
        """See that each answer is the same alone, with the others, and from the plain loop."""
        alone = [list(self.generate(prompt, count)) for prompt in prompts]
        with ThreadPoolExecutor(len(prompts)) as pool:
            together = list(pool.map(lambda prompt: list(self.generate(prompt, count)), prompts))
        if different := sum(a != b for a, b in zip(alone, together, strict=True)):
            raise WrongOutputError(f"{self.name}: {different} of {len(prompts)} answers differ in company")
        if list(self.generate_plainly(prompts[0], count)) != alone[0]:
            raise WrongOutputError(f"{self.name}: the plain loop writes a different answer")

    def rate_together(self, prompts: Sequence[Sequence[int]], count: int) -> float:
        """Ids a second of several answers together, while all of them are being written."""
        with ThreadPoolExecutor(len(prompts)) as pool:
            stamps = list(pool.map(lambda prompt: [at for _, at in self.write(prompt, count)], prompts))
        began, ended = max(row[0] for row in stamps), min(row[-1] for row in stamps)
        if ended <= began or any(len(row) != count for row in stamps):
            raise WrongOutputError(f"{self.name}: the answers were not written together, or not whole")
        return sum(began < stamp <= ended for row in stamps for stamp in row) / (ended - began)

    def rate_plainly(self, prompt: Sequence[int], count: int) -> float:
        """Ids a second of one answer from the plain loop."""
        written = stamped(self.generate_plainly(prompt, count))
        return (count - 1) / (written[-1][1] - written[0][1])

    def close(self) -> None:
        """Let go of the model."""
        self._scheduler.close()
        self.sessions.close()

    def _without_scheduler(self) -> LanguageModel:
        """The model, once the scheduler's worker has ended.

        The worker frees the model's memory when nothing is asked for, so nobody else may use the model while it lives.
        """
        self._scheduler.close()
        self._scheduler = Scheduler(self._model)
        return self._model


def _sampling(count: int) -> SamplingOptions:
    return SamplingOptions(TEMPERATURE, TOP_K, TOP_P, count)

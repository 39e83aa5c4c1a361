"""This software's language model, for one answer and for several at once, through the product's scheduler."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.harness import WrongOutputError
from benchmarks.sides import TEMPERATURE, TOP_K, TOP_P, Logits, SpeechRows
from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.runtime.graphs.huge_pages import FilledMemory
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler

TOLERANCES = {"fp32": 1e-3, "fp16": 1e-2, "int8": 0.12, "int4": 0.7}
"""On random weights, where rounding hurts most; what a precision does to speech is measured on speech."""


class _Endless:
    """A grammar of speech that never ends: the benchmark says how many ids there are."""

    def __init__(self, first: int, stop: int) -> None:
        self._span = (first, stop)

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
        self.precision = precision
        self.tolerance = TOLERANCES[precision]
        manifest = read_manifest(bundle)
        self.layout = manifest.language_model
        self._sessions = Sessions(bundle, manifest, device=device, threads=threads)
        with FilledMemory() as weights:
            session = self._sessions[LANGUAGE_MODEL]
        self._model = LanguageModel(session, self.layout, slots=slots, weights=weights)
        self._scheduler = Scheduler(self._model)
        self._semantic = manifest.token_ids.semantic_tokens

    @property
    def speech_rows(self) -> SpeechRows:
        """The rows that the head was cut to."""
        return SpeechRows(self.layout.head_first_id, self.layout.head_rows)

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits of the rows of speech."""
        logits: Logits = self._model.prefill(0, prompt)
        return logits

    def generate(self, prompt: Sequence[int], count: int, *, seed: int = 0) -> Iterator[int]:
        """Sampled ids."""
        sampling = SamplingOptions(TEMPERATURE, TOP_K, TOP_P, count)
        grammar = _Endless(self._semantic.first, self._semantic.stop)
        return self._scheduler.generate(Request(tuple(prompt), grammar, sampling, seed))

    def judge_company(self, prompts: Sequence[Sequence[int]], *, count: int = 20) -> None:
        """See that each of several answers is the same whether it is written alone or with the others."""
        alone = [list(self.generate(prompt, count)) for prompt in prompts]
        with ThreadPoolExecutor(len(prompts)) as pool:
            together = list(pool.map(lambda prompt: list(self.generate(prompt, count)), prompts))
        if different := sum(a != b for a, b in zip(alone, together, strict=True)):
            raise WrongOutputError(f"{self.name}: {different} of {len(prompts)} answers are others in company")

    def rate_together(self, prompts: Sequence[Sequence[int]], count: int) -> float:
        """Ids a second of several answers together, while all of them are being written."""
        with ThreadPoolExecutor(len(prompts)) as pool:
            stamps = list(pool.map(lambda prompt: self._stamps(prompt, count), prompts))
        began, ended = max(row[0] for row in stamps), min(row[-1] for row in stamps)
        if ended <= began:
            raise WrongOutputError(f"{self.name}: the answers were written one after the other, not together")
        return sum(began < stamp <= ended for row in stamps for stamp in row) / (ended - began)

    def _stamps(self, prompt: Sequence[int], count: int) -> list[float]:
        """When each id of an answer came."""
        stamps = [time.perf_counter() for _ in self.generate(prompt, count)]
        if len(stamps) != count:
            raise WrongOutputError(f"{self.name} wrote {len(stamps)} ids where {count} were asked for")
        return stamps

    def close(self) -> None:
        """Let go of the model."""
        self._scheduler.close()
        self._sessions.close()

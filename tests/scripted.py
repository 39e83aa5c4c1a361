"""A language model that writes what a test tells it to, in place of the bundle's."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import nano
import numpy as np

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.manifest import LanguageModelLayout
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.scheduler import Scheduler
from sparktts_onnx.runtime.speech.speaking import SegmentSpeaker

Script = Callable[[], Iterable[int]]
"""Makes the token ids of one answer."""


def speech(numbers: Iterable[int], *, ends: bool = True) -> list[int]:
    """An answer of these semantic ids."""
    ids = [nano.TOKEN_IDS.semantic_tokens.first + number for number in numbers]
    return [*ids, nano.TOKEN_IDS.end_semantic] if ends else ids


def endless(numbers: Iterable[int]) -> Iterator[int]:
    """An answer of these semantic ids for ever."""
    return (nano.TOKEN_IDS.semantic_tokens.first + number for number in numbers)


class ScriptedModel:
    """Writes the first script for the first prompt, the second for the second, and the last one ever after."""

    def __init__(self, layout: LanguageModelLayout, *scripts: Script, slots: int = 1) -> None:
        self.layout = layout
        self.slots = slots
        self.steps = 0
        self.prompts: list[list[int]] = []
        self.fails_at: int | None = None
        """Raise at this step."""
        self.gate: threading.Semaphore | None = None
        """If set, a step waits for it."""
        self._scripts = [*scripts[:-1]]
        self._last = scripts[-1]
        self._answers: dict[int, Iterator[int]] = {}
        self._next: dict[int, int] = {}

    def prefill(self, slot: int, ids: Sequence[int]) -> np.ndarray[Any, Any]:
        script = self._scripts.pop(0) if self._scripts else self._last
        self._answers[slot] = iter(script())
        self._next[slot] = next(self._answers[slot])
        self.prompts.append(list(ids))
        return self._logits(slot)

    def extend(self, slot: int, ids: Sequence[int]) -> np.ndarray[Any, Any]:
        self.prompts[-1] += ids
        return self._logits(slot)

    def step(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        if self.gate is not None:
            self.gate.acquire()
        self.steps += 1
        if self.steps == self.fails_at:
            raise RuntimeError("the arithmetic unit is on fire")
        for slot in slots:
            self._next[slot] = next(self._answers[slot])
        return np.stack([self._logits(slot) for slot in slots])

    def queries(self, slot: int) -> np.ndarray[Any, Any]:
        return np.zeros((1, self.layout.head_dim), np.float32)

    def keys(self, slot: int, positions: range) -> np.ndarray[Any, Any]:
        return np.zeros((1, len(positions), self.layout.head_dim), np.float32)

    def release_memory(self) -> None:
        self._answers.clear()

    def _logits(self, slot: int) -> np.ndarray[Any, Any]:
        logits = np.full(self.layout.head_rows, -1000, np.float32)
        logits[self._next[slot] - self.layout.head_first_id] = 0
        return logits


def install(tts: SparkTTSONNX, *scripts: Script, slots: int = 1) -> ScriptedModel:
    """Let a model speak from scripts."""
    model = ScriptedModel(tts.manifest.language_model, *scripts, slots=slots)
    tts._engine.loaded = speaker_of(tts, model)
    return model


def speaker_of(tts: SparkTTSONNX, model: Any) -> SegmentSpeaker:
    """What speaks segments with a model and everything else of a bundle."""
    prompter = Prompter(nano.BUNDLE / "tokenizer.json", tts.manifest.token_ids)
    return SegmentSpeaker(tts.manifest, prompter, Scheduler(model), tts._engine.vocoder)


def walk(length: int, start: int = 0) -> list[int]:
    """Semantic ids without a loop."""
    return list(itertools.islice(nano.walks(start), length))

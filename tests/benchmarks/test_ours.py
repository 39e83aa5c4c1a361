"""Our side of the language model's comparison: only one thread uses the model, and every way writes the same ids."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import nano
import pytest

from benchmarks.harness import WrongOutputError
from benchmarks.ours import OurLanguageModel
from sparktts_onnx.runtime.language import scheduler
from sparktts_onnx.runtime.language.language_model import LanguageModel

PROMPT = nano.clone_prompt("Hello", (1, 2, 3, 4))
ROUNDS = 30


class Watched:
    """A model that counts the calls that begin while another one runs."""

    def __init__(self, model: LanguageModel) -> None:
        self.clashes = 0
        self._model = model
        self._in_use = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        return self._watched(found) if callable(found) else found

    def _watched(self, call: Any) -> Any:
        def watched(*arguments: Any) -> Any:
            if not self._in_use.acquire(blocking=False):
                self.clashes += 1
                raise AssertionError(f"two threads use the model: {call.__name__}")
            try:
                time.sleep(0.003)
                return call(*arguments)
            finally:
                self._in_use.release()

        return watched


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> Iterator[OurLanguageModel]:
    """A language model whose scheduler frees its memory as soon as nothing is asked for."""
    monkeypatch.setattr(scheduler, "_IDLE_SECONDS", 0.001)
    model = OurLanguageModel(nano.BUNDLE, "fp32", threads=1)
    model._model = Watched(model._model)  # type: ignore[assignment]
    model._scheduler = scheduler.Scheduler(model._model)
    yield model
    model.close()


def clashes(side: OurLanguageModel) -> int:
    """Calls that met another one, while answers and direct calls alternate."""
    watched: Any = side._model
    for _ in range(ROUNDS):
        list(side.generate(PROMPT, 2))
        try:
            assert side.logits(PROMPT).shape == (side.speech_rows.count,)
        except AssertionError:
            break
    side._scheduler.close()
    return int(watched.clashes)


def test_the_model_is_asked_directly_only_while_no_scheduler_uses_it(side: OurLanguageModel) -> None:
    assert clashes(side) == 0


def test_the_watch_finds_a_direct_call_beside_the_scheduler(
    side: OurLanguageModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(side, "_without_scheduler", lambda: side._model)
    assert clashes(side) > 0


def test_the_plain_loop_writes_what_the_scheduler_writes(side: OurLanguageModel) -> None:
    prompts = [PROMPT, nano.clone_prompt("Good day", (4, 3, 2, 1))]
    side.judge_ids(prompts, count=5)
    assert len(list(side.generate_plainly(PROMPT, 7))) == 7


def test_a_plain_loop_that_writes_something_else_is_refused(
    side: OurLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side, "generate_plainly", lambda prompt, count: iter([0] * count))
    with pytest.raises(WrongOutputError, match="plain loop writes a different answer"):
        side.judge_ids([PROMPT], count=5)

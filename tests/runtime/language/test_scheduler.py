"""Continuous batching over a model of a few lines: who joins, leaves and fails, and that company changes nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from sparktts_onnx.bundle.manifest import Alignment, LanguageModelLayout
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.language.attention import TextAttention
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import PROMPT_PIECE, Request, Scheduler

FIRST, SLOTS, VOCABULARY = 100, 3, 40
END = FIRST


class FakeModel:
    """Logits are a hash of the slot's ids alone; the cache is a list of ids."""

    def __init__(self) -> None:
        self.layout = LanguageModelLayout(1, 1, 16, 4096, "float32", FIRST, VOCABULARY, 200)
        self.slots = SLOTS
        self.past: dict[int, list[int]] = {}
        self.steps: list[int] = []
        """Slots of each step so far."""
        self.begun = 0
        """Steps begun so far."""
        self.pieces: list[int] = []
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.released = 0

    def prefill(self, slot: int, ids: Sequence[int]) -> np.ndarray:
        self.past[slot] = []
        return self.extend(slot, ids)

    def extend(self, slot: int, ids: Sequence[int]) -> np.ndarray:
        self.pieces.append(len(ids))
        self.past[slot] += ids
        return self.logits(slot)

    def step(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray:
        self.begun += 1
        assert self.gate.wait(30)
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        assert len(set(slots)) == len(slots) <= SLOTS
        self.steps.append(len(slots))
        for slot, token in zip(slots, ids, strict=True):
            self.past[slot].append(token)
        return np.stack([self.logits(slot) for slot in slots])

    def queries(self, slot: int) -> np.ndarray:
        return np.full((1, 2), len(self.past[slot]), np.float32)

    def keys(self, slot: int, positions: range) -> np.ndarray:
        return np.array([[[self.past[slot][i], 0] for i in positions]], np.float32)

    def release_memory(self) -> None:
        self.past.clear()
        self.released += 1

    def logits(self, slot: int) -> np.ndarray:
        return np.random.default_rng(self.past[slot]).normal(0, 2, VOCABULARY).astype(np.float32)


class FakeGrammar:
    """Ids from two ranges; `END` ends an answer of at least `shortest` ids."""

    def __init__(self, shortest: int = 5) -> None:
        self.accepted: list[int] = []
        self.shortest = shortest

    def legal(self) -> Sequence[tuple[int, int]]:
        spans = [(FIRST + 5, FIRST + 12), (FIRST + 20, FIRST + 30)]
        return [*spans, (END, END + 1)] if len(self.accepted) >= self.shortest else spans

    def accept(self, token_id: int) -> bool:
        self.accepted.append(token_id)
        return token_id == END


def request(seed: int, *, prompt: int = 4, limit: int = 60, grammar: FakeGrammar | None = None) -> Request:
    ids = tuple(range(seed, seed + prompt))
    return Request(ids, grammar or FakeGrammar(), SamplingOptions(max_new_tokens=limit), seed)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def scheduler(model: FakeModel) -> Iterator[Scheduler]:
    scheduler = Scheduler(model)
    yield scheduler
    model.gate.set()
    scheduler.close()


def together(calls: Sequence[Callable[[], object]]) -> list[object]:
    """Results of calls in threads of their own; exceptions are results."""
    results: list[object] = [None] * len(calls)

    def run(index: int) -> None:
        try:
            results[index] = calls[index]()
        except GenerationError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_ids_are_legal_reach_the_grammar_and_end_with_it(scheduler: Scheduler) -> None:
    grammar = FakeGrammar()
    ids = list(scheduler.generate(request(1, grammar=grammar, limit=1000)))
    assert ids == grammar.accepted
    assert ids[-1] == END and END not in ids[:-1]
    assert {i - FIRST for i in ids[:-1]} <= {*range(5, 12), *range(20, 30)}


def test_the_limit_ends_an_answer(scheduler: Scheduler) -> None:
    assert len(list(scheduler.generate(request(1, limit=7, grammar=FakeGrammar(99))))) == 7


def test_company_does_not_change_an_answer(scheduler: Scheduler, model: FakeModel) -> None:
    seeds = range(12)
    alone = [list(scheduler.generate(request(seed, prompt=3 + 40 * (seed % 4)))) for seed in seeds]
    model.steps.clear()
    model.gate.clear()
    threading.Timer(0.3, model.gate.set).start()
    beside = together(
        [lambda s=s: list(scheduler.generate(request(s, prompt=3 + 40 * (s % 4)))) for s in seeds]  # type: ignore[misc]
    )
    assert beside == alone
    assert max(model.steps) == SLOTS, "answers were to be written side by side"


def test_the_seed_decides(scheduler: Scheduler) -> None:
    runs = [list(scheduler.generate(Request((1, 2, 3), FakeGrammar(), SamplingOptions(), seed))) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_a_long_prompt_is_read_in_pieces_between_steps_of_others(scheduler: Scheduler, model: FakeModel) -> None:
    running = scheduler.generate(request(1, limit=400, grammar=FakeGrammar(400)))
    next(running)
    steps = len(model.steps)
    long = scheduler.generate(request(2, prompt=3 * PROMPT_PIECE + 5, limit=2))
    next(long)
    assert model.pieces[1:] == [PROMPT_PIECE, PROMPT_PIECE, PROMPT_PIECE, 5]
    assert len(model.steps) - steps >= 3
    running.close()
    long.close()


@pytest.mark.parametrize(("at_once", "slots"), [(8, [3]), (1, [2, 3])])
def test_prompts_that_come_together_are_read_before_the_next_step(
    scheduler: Scheduler, model: FakeModel, monkeypatch: pytest.MonkeyPatch, at_once: int, slots: list[int]
) -> None:
    monkeypatch.setattr("sparktts_onnx.runtime.language.scheduler.PIECES_BETWEEN_STEPS", at_once)
    running = scheduler.generate(request(1, limit=400, grammar=FakeGrammar(400)))
    next(running)
    model.gate.clear()
    time.sleep(0.05)  # a step that was let through already goes on to the next, which waits
    wait_until(lambda: model.begun > len(model.steps))
    steps = len(model.steps)
    calls = [lambda seed=seed: list(scheduler.generate(request(seed, limit=9))) for seed in (2, 3)]
    thread = threading.Thread(target=together, args=(calls,))
    thread.start()
    wait_until(lambda: len(scheduler._waiting) == 2)
    model.gate.set()
    thread.join(60)
    more = [count for count in model.steps[steps:] if count > 1]
    assert more[: len(slots)] == slots
    running.close()


def test_closing_frees_the_slot_for_the_next(scheduler: Scheduler, model: FakeModel) -> None:
    held = [scheduler.generate(request(seed, limit=3000, grammar=FakeGrammar(3000))) for seed in range(SLOTS)]
    for answer in held:
        next(answer)
    held[1].close()
    assert len(list(scheduler.generate(request(9, limit=5)))) <= 5
    for answer in held:
        answer.close()
    wait_until(lambda: not scheduler._running)
    written = len(model.steps)
    time.sleep(0.05)
    assert len(model.steps) == written, "nobody reads, so nothing is to be computed"


def test_a_failing_step_reaches_every_caller_and_the_next_request_works(scheduler: Scheduler, model: FakeModel) -> None:
    answers = [scheduler.generate(request(seed, limit=3000, grammar=FakeGrammar(3000))) for seed in range(SLOTS)]
    for answer in answers:
        next(answer)
    model.fault = RuntimeError("out of electricity")
    for error in together([lambda a=a: list(a) for a in answers]):  # type: ignore[misc]
        assert isinstance(error, GenerationError)
        assert "out of electricity" in str(error)
    assert list(scheduler.generate(request(4)))


def test_a_request_that_cannot_be_sampled_fails_alone(scheduler: Scheduler, model: FakeModel) -> None:
    class Broken(FakeGrammar):
        def legal(self) -> Sequence[tuple[int, int]]:
            if len(self.accepted) == 3:
                raise GenerationError("nothing is legal")
            return super().legal()

    expected = list(scheduler.generate(request(1)))
    results = together(
        [
            lambda: list(scheduler.generate(request(1))),
            lambda: list(scheduler.generate(request(2, grammar=Broken()))),
        ]
    )
    assert results[0] == expected
    assert isinstance(results[1], GenerationError)


def test_closing_the_scheduler_reaches_who_waits(scheduler: Scheduler, model: FakeModel) -> None:
    answers = [scheduler.generate(request(seed, limit=3000, grammar=FakeGrammar(3000))) for seed in range(SLOTS)]
    for answer in answers:
        next(answer)
    closing = threading.Timer(0.05, scheduler.close)
    closing.start()
    for error in together([lambda a=a: list(a) for a in [*answers, scheduler.generate(request(8))]]):  # type: ignore[misc]
        assert isinstance(error, GenerationError)
    closing.join()
    with pytest.raises(GenerationError, match="closed"):
        next(scheduler.generate(request(1)))


def test_an_idle_scheduler_gives_memory_and_thread_back_and_starts_again(
    scheduler: Scheduler, model: FakeModel
) -> None:
    first = list(scheduler.generate(request(1)))
    wait_until(lambda: scheduler._worker is None)
    assert model.released == 1
    assert not [t for t in threading.enumerate() if t.name == "spark-tts-language-model"]
    assert list(scheduler.generate(request(1))) == first


SCRIPT = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process started in the background may ignore it
sys.path.insert(0, {tests!r})
from test_scheduler import FakeGrammar, FakeModel, request
from sparktts_onnx.runtime.language.scheduler import Scheduler

class Slow(FakeModel):
    def step(self, slots, ids):
        time.sleep(0.02)
        return super().step(slots, ids)

scheduler = Scheduler(Slow())
answer = scheduler.generate(request(1, limit=10**6, grammar=FakeGrammar(10**6)))
next(answer)
print("speaking", flush=True)
{ending}
"""
ENDINGS = {
    "the main thread ends": "",
    "an exception": "raise SystemExit(3)",
    "a daemon thread reads": "threading.Thread(target=list, args=(answer,), daemon=True).start(); time.sleep(0.1)",
}


def start(ending: str) -> "subprocess.Popen[str]":
    code = SCRIPT.format(tests=str(Path(__file__).parent), ending=ending)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_answer_nobody_can_read_any_more_does_not_keep_the_process(ending: str) -> None:
    process = start(ENDINGS[ending])
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (3 if "exception" in ending else 0, "speaking\n")
    # A daemon thread may be told, if it still runs at that moment, that nothing more will come, and the process may
    # end while it is still writing that.
    assert err == "" or ("daemon" in ending and err.startswith("Exception in thread"))


@pytest.mark.skipif(sys.platform == "win32", reason="a console event there, not a signal to one process")
def test_an_interrupt_ends_the_main_thread_s_waiting_and_the_process() -> None:
    process = start("for token in answer: pass")
    assert process.stdout is not None
    assert process.stdout.readline() == "speaking\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err


def test_attention_is_recorded_for_those_who_ask() -> None:
    """The keys of a prompt that is read in pieces, and the queries behind each id, whoever speaks beside."""
    scheduler, columns = Scheduler(FakeModel()), range(1, PROMPT_PIECE + 3)
    watched = [RecordedAttention(Alignment(rope_dim=2), columns) for _ in range(2)]
    prompts = [tuple(range(PROMPT_PIECE + length)) for length in (3, 40)]
    requests = [
        Request(prompt, FakeGrammar(), SamplingOptions(max_new_tokens=9), 1, attention=attention)
        for prompt, attention in zip(prompts, watched, strict=True)
    ]
    answers = [list(pair) for pair in zip(*(scheduler.generate(request) for request in requests), strict=False)]
    scheduler.close()
    for prompt, attention in zip(prompts, watched, strict=True):
        assert attention.keys == [float(i) for i in columns] and attention.position == len(prompt) - 1
        assert attention.lengths[: len(answers)] == [len(prompt) + i for i in range(len(answers))]


class RecordedAttention(TextAttention):
    """Keeps what it was given."""

    def begin(self, keys: np.ndarray, position: int) -> None:
        self.keys, self.position, self.lengths = keys[0, :, 0].tolist(), position, list[int]()

    def record(self, queries: np.ndarray) -> None:
        self.lengths.append(int(queries[0, 0]))

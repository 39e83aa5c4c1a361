"""Work ends within a step of being cancelled, whatever it waits for, with a language model that never ends."""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import nano
import numpy as np
import pytest
from scripted import ScriptedModel, endless, install

from sparktts_onnx import SparkTTSONNX, SpeechStream, Voice
from sparktts_onnx.errors import GenerationError

LONG = " ".join(f"Sentence number {n} says something of its own, and then it ends." for n in range(4))
OPTIONS: dict[str, Any] = {"seed": 1, "segment_seconds": 60}


def ours() -> list[str]:
    """Threads that work on a segment."""
    return [thread.name for thread in threading.enumerate() if thread.name == "segment"]


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(12_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


@pytest.fixture
def gate() -> Iterator[threading.Semaphore]:
    """Holds the work in a state; opened when the test ends."""
    gate = threading.Semaphore(0)
    yield gate
    gate.release(100_000)


def taken(stream: SpeechStream) -> tuple[threading.Thread, list[np.ndarray[Any, Any]]]:
    """A thread that takes a stream to its end, and what it got."""
    heard: list[np.ndarray[Any, Any]] = []
    thread = threading.Thread(target=lambda: heard.extend(stream))
    thread.start()
    return thread, heard


def ends_when_cancelled(stream: SpeechStream, thread: threading.Thread, *, let_go: Callable[[], None]) -> None:
    """Cancelling wakes who takes the stream, and `let_go` ends the one step that is under way."""
    began = time.perf_counter()
    stream.cancel()
    let_go()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert time.perf_counter() - began < 5
    assert stream.info is None
    wait_until(lambda: not ours())


def test_waiting_for_a_slot(tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore) -> None:
    model = install(tts, lambda: endless(nano.walks()), slots=1)
    model.gate = gate
    gate.release(60)
    holder, holding = taken(first := tts.stream(LONG, voice=voice, **OPTIONS))
    wait_until(lambda: model.steps >= 60)
    waiting = tts.stream(LONG, voice=voice, **OPTIONS)
    thread, heard = taken(waiting)
    wait_until(lambda: len(ours()) == 2)
    waiting.cancel()
    thread.join(timeout=10)  # no step of the model was needed
    assert not thread.is_alive() and not heard and waiting.info is None
    assert len(model.prompts) == 1
    wait_until(lambda: holding)  # the first was not disturbed
    ends_when_cancelled(first, holder, let_go=lambda: gate.release(2))


def test_reading_a_prompt(
    tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    reading, prefill = threading.Event(), model.prefill

    def slow(*given: Any) -> Any:
        reading.set()
        gate.acquire()
        return prefill(*given)

    monkeypatch.setattr(model, "prefill", slow)
    thread, _ = taken(stream := tts.stream(LONG, voice=voice, **OPTIONS))
    assert reading.wait(10)
    ends_when_cancelled(stream, thread, let_go=lambda: gate.release())
    wait_until(lambda: not model._answers)
    assert model.steps == 0


def test_writing(tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = gate
    gate.release(40)
    thread, _ = taken(stream := tts.stream(LONG, voice=voice, **OPTIONS))
    wait_until(lambda: model.steps >= 40)
    ends_when_cancelled(stream, thread, let_go=lambda: gate.release())
    wait_until(lambda: not model._answers)
    assert model.steps <= 42


def test_decoding(tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One window of the vocoder is the step that ends."""
    install(tts, lambda: endless(nano.walks()))
    windows: list[int] = []

    def slow(*given: Any) -> Iterator[np.ndarray[Any, Any]]:
        while True:
            windows.append(1)
            gate.acquire()
            yield np.zeros(nano.HOP, np.float32)

    monkeypatch.setattr(tts._engine.vocoder, "render", slow)
    thread, heard = taken(stream := tts.stream(LONG, voice=voice, **OPTIONS))
    wait_until(lambda: windows)
    ends_when_cancelled(stream, thread, let_go=lambda: gate.release(5))
    assert len(windows) == 1 and not heard


def test_blocked_on_a_slow_reader(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    stream = tts.stream(LONG * 10, voice=voice, max_new_tokens=3000, **OPTIONS)
    next(stream)

    def stands_still() -> bool:
        steps = model.steps
        time.sleep(0.05)
        return steps == model.steps > 0

    wait_until(stands_still)
    stream.close()
    assert not ours()
    assert stream.info is None


@pytest.mark.parametrize("leave", [KeyboardInterrupt, OSError])
def test_an_exception_where_the_sound_is_taken(tts: SparkTTSONNX, voice: Voice, leave: type[BaseException]) -> None:
    model = install(tts, lambda: endless(nano.walks()), slots=2)

    def fail(done: int, total: int) -> None:
        raise leave

    with pytest.raises(leave):
        tts.inference(LONG, voice=voice, seed=1, retries=0, max_new_tokens=30, segment_seconds=2, on_progress=fail)
    assert not ours()
    steps = model.steps
    time.sleep(0.1)
    assert model.steps == steps


def test_an_interrupt_while_the_caller_waits(tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore) -> None:
    """Ctrl-C reaches the main thread, which waits for a segment."""
    model: ScriptedModel = install(tts, lambda: endless(nano.walks()))
    model.gate = gate
    gate.release(20)

    def interrupt() -> None:
        wait_until(lambda: model.steps >= 20)
        signal.raise_signal(signal.SIGINT)
        gate.release(2)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        tts.inference(LONG, voice=voice, **OPTIONS)
    wait_until(lambda: not ours())
    assert model.steps <= 23


def test_a_stream_that_is_forgotten_in_a_cycle_never_blocks(tts: SparkTTSONNX, voice: Voice) -> None:
    """The garbage collector ends it in any thread, under any lock that the thread holds."""
    before = gc.get_threshold()
    gc.set_threshold(40)
    try:
        for seed in range(40):
            stream = tts.stream(LONG, voice=voice, seed=seed, segment_seconds=2)
            next(stream)
            stream.me = stream  # type: ignore[attr-defined]
            del stream
    finally:
        gc.set_threshold(*before)
    gc.collect()
    wait_until(lambda: not ours())
    assert tts.inference(LONG, voice=voice, seed=1)[1].segments


def test_a_stream_belongs_to_the_thread_that_takes_it(tts: SparkTTSONNX, voice: Voice) -> None:
    made: list[SpeechStream] = []
    maker = threading.Thread(target=lambda: made.append(tts.stream(LONG, voice=voice, seed=1)), daemon=True)
    maker.start()
    maker.join()
    assert list(made[0])
    assert made[0].info is not None
    assert made[0]._cancellation._owner is threading.current_thread()


@pytest.mark.parametrize("name", ["segment", "spark-tts-language-model"])
def test_a_thread_that_cannot_start_is_an_error(
    tts: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tts.warm_up()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == name and ours():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(GenerationError, match="no thread could be started"):
        tts.inference(LONG, voice=voice, seed=1, segment_seconds=2)
    wait_until(lambda: not ours())


def test_a_text_in_pieces_whose_thread_cannot_start_is_an_error(
    tts: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "text":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(GenerationError, match="no thread could be started"):
        list(tts.stream(iter(["Hello there."]), voice=voice, seed=1))


@pytest.mark.parametrize("pool", ["loading", "vocoder"])
def test_a_thread_of_a_pool_that_cannot_start_is_an_error(
    voice: Voice, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith(f"spark-tts-{pool}"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with SparkTTSONNX(nano.BUNDLE, threads=2) as tts:
        with monkeypatch.context() as short_of_threads:
            short_of_threads.setattr(threading.Thread, "start", refuse)
            with pytest.raises(GenerationError, match="no thread could be started"):
                tts.inference("Hello there.", voice=voice, seed=1)
        assert len(tts.inference("Hello there.", voice=voice, seed=1)[0])


def test_closing_the_model_ends_the_vocoder_too(
    tts: SparkTTSONNX, voice: Voice, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[int] = []

    def slow(*given: Any) -> Iterator[np.ndarray[Any, Any]]:
        while True:
            windows.append(1)
            gate.acquire()
            yield np.zeros(nano.HOP, np.float32)

    monkeypatch.setattr(tts._engine.vocoder, "render", slow)
    errors: list[GenerationError] = []

    def speak() -> None:
        try:
            tts.inference("Hello there.", voice=voice, seed=1)
        except GenerationError as error:
            errors.append(error)

    thread = threading.Thread(target=speak)
    thread.start()
    wait_until(lambda: windows)
    tts.close()
    gate.release(5)
    thread.join(10)
    assert "the model was closed" in str(errors[0])
    assert len(windows) == 1

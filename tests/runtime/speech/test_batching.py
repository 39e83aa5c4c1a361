"""Batches: every item as alone, errors where they belong, nothing left behind."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
from scripted import endless, install

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.errors import OptionError, TextError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.pipeline import ITEMS_A_SLOT
from sparktts_onnx.runtime.speech.batching import BatchResults


@pytest.fixture
def items(voice: Voice, other_voice: Voice) -> list[dict[str, Any]]:
    return [
        {"text": "One thing, said aloud.", "voice": voice, "seed": 1},
        {"text": "And another thing that is longer than the first one.", "voice": other_voice, "seed": 2},
        {"text": "Made up.", "gender": "male", "seed": 3},
        {"text": "One thing, said aloud.", "voice": voice, "seed": 4, "temperature": 0.5},
        {"text": "Hi.", "voice": voice, "temperature": 0},
        {"text": " ".join(["Several sentences that make more than one segment."] * 4), "gender": "female", "seed": 6},
    ]


def alone(tts: SparkTTSONNX, item: dict[str, Any]) -> np.ndarray[Any, Any]:
    return tts.inference(**item)[0]


def test_every_item_is_as_alone(tts: SparkTTSONNX, items: list[dict[str, Any]]) -> None:
    spoken = tts.inference_batch(items)
    assert len(spoken) == len(items)
    for item, (wav, info) in zip(items, spoken, strict=True):
        np.testing.assert_array_equal(wav, alone(tts, item))
        assert info.stop_reason == "end"
        assert info.warnings == ()


def test_more_items_than_rows(voice: Voice) -> None:
    with SparkTTSONNX(nano.BUNDLE, threads=1, slots=2) as tts:
        items = [{"text": f"Item {letter}.", "voice": voice, "temperature": 0} for letter in "abcdefg"]
        for item, (wav, _) in zip(items, tts.inference_batch(items), strict=True):
            assert nano.heard(wav) == nano.spoken(item["text"], voice.global_ids)


def test_the_next_answer_is_written_while_the_vocoder_speaks(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    prefill, d_vector, read = LanguageModel.prefill, Vocoder.d_vector, threading.Semaphore(0)

    def reading(self: LanguageModel, *given: Any) -> Any:
        read.release()
        return prefill(self, *given)

    def speaking(self: Vocoder, *given: Any) -> Any:
        """Not before two prompts were read for one answer that is spoken: its own and the next one's."""
        assert all(read.acquire(timeout=20) for _ in range(2)), "the row was idle while the vocoder spoke"
        return d_vector(self, *given)

    monkeypatch.setattr(LanguageModel, "prefill", reading)
    monkeypatch.setattr(Vocoder, "d_vector", speaking)
    with SparkTTSONNX(nano.BUNDLE, threads=1, slots=1) as tts:
        results = tts.iter_batch({"text": f"Item {n}.", "voice": voice, "seed": n} for n in itertools.count())
        assert next(results).error is None
        monkeypatch.setattr(Vocoder, "d_vector", d_vector)
        results.close()


def test_nothing_in_nothing_out(tts: SparkTTSONNX) -> None:
    assert tts.inference_batch([]) == []


def test_an_item_that_fails_does_not_disturb_the_others(tts: SparkTTSONNX, items: list[dict[str, Any]]) -> None:
    mixed = [items[0], {"text": ""}, items[1], {"text": "Hi.", "top_p": 2}, "no mapping", {}]
    results = {result.index: result for result in tts.iter_batch(mixed)}  # type: ignore[arg-type]
    assert sorted(results) == [0, 1, 2, 3, 4, 5]
    for index in (0, 2):
        np.testing.assert_array_equal(results[index].get()[0], alone(tts, mixed[index]))  # type: ignore[arg-type]
    for index, kind in ((1, TextError), (3, OptionError), (4, OptionError), (5, TextError)):
        assert results[index].speech is None
        with pytest.raises(kind):
            results[index].get()
    with pytest.raises(TextError):
        tts.inference_batch(mixed)  # type: ignore[arg-type]


def test_items_are_taken_as_places_get_free(tts: SparkTTSONNX, voice: Voice) -> None:
    taken = itertools.count()

    def endless_items() -> Iterator[dict[str, Any]]:
        for n in taken:
            yield {"text": f"Number {n}.", "voice": voice, "seed": n}

    results = tts.iter_batch(endless_items())
    assert [next(results).speech is not None for _ in range(3)] == [True] * 3
    assert next(taken) <= 3 + ITEMS_A_SLOT * SparkTTSONNX.DEFAULT_SLOTS
    results.close()


def test_closing_stops_the_work(tts: SparkTTSONNX, voice: Voice) -> None:
    """One answer is short, the others never end: they stop when the batch is closed."""
    model = install(tts, lambda: [nano.TOKEN_IDS.semantic_tokens.first, 260], lambda: endless(nano.walks()), slots=8)
    long_text = "word " * 150
    items = [{"text": "Hi.", "voice": voice, "retries": 0, "seed": 1}]
    items += [{"text": long_text, "voice": voice, "seed": n, "segment_seconds": 60} for n in range(7)]
    results = tts.iter_batch(items)
    assert next(results).error is None
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("item")]
    stopped = model.steps
    assert model.steps == stopped


def test_the_stop_of_one_item_is_not_the_stop_of_another() -> None:
    def speak(item: Any, cancellation: Cancellation) -> Any:
        assert not cancellation.cancelled
        cancellation.cancel()
        return item

    results = list(BatchResults([{"n": n} for n in range(9)], speak, at_once=3))
    assert sorted(result.index for result in results) == list(range(9))
    assert all(result.error is None for result in results)


def test_an_error_that_is_none_of_ours_is_not_hidden() -> None:
    def speak(item: Any, cancellation: Cancellation) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(BatchResults([{}], speak, at_once=2))


LEAVES = """
import sys, time
sys.path.insert(0, {tests!r})
import nano
from scripted import endless, install, speech, walk
from sparktts_onnx import SparkTTSONNX, Voice

tts = SparkTTSONNX(nano.BUNDLE, threads=1)
voice = Voice(tts.manifest.codec.fingerprint, (1, 2, 3, 4))
model = install(tts, lambda: speech(walk(12)), lambda: endless(nano.walks()), slots=4)
step = model.step

def slow_step(*given):
    time.sleep(0.1)
    return step(*given)

model.step = slow_step
items = [{{"text": "Hi.", "retries": 0, "voice": voice}}]
items += [{{"text": "word " * 150, "segment_seconds": 60, "voice": voice}}] * 3
results = tts.iter_batch(items)
print(next(results).error)
"""


def test_a_program_that_ends_in_the_middle_of_a_batch_ends() -> None:
    tests = Path(nano.__file__).parent
    program = LEAVES.format(tests=str(tests))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=tests.parent
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "None\n", "")

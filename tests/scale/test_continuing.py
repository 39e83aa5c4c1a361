"""A speech that another worker takes over."""

import nano
import numpy as np
import pytest

from sparktts_onnx import GenerationError, MissingDependencyError, OptionError, SparkTTSONNX, TextError
from sparktts_onnx.scale.continuing import Continuation
from sparktts_onnx.scale.messages import Chunk, Failure, checked
from sparktts_onnx.scale.settings import ModelSettings, Replicas

SPEECH = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)


def pieces(speech: Chunk, size: int) -> list[Chunk]:
    return [speech[start : start + size] for start in range(0, len(speech), size)]


@pytest.mark.parametrize("size", [1, 7, 100, 999, 2000])
@pytest.mark.parametrize("heard", [0, 100, 300, 1000])
def test_a_second_attempt_goes_on_where_the_first_fell_silent(size: int, heard: int) -> None:
    continuation = Continuation()
    got = [continuation.new(chunk) for chunk in pieces(SPEECH[:heard], 100)]
    continuation.restart()
    got += [continuation.new(chunk) for chunk in pieces(SPEECH, size)]
    continuation.finish()
    assert np.array_equal(np.concatenate(got), SPEECH)
    assert continuation.samples == len(SPEECH)


def test_a_third_attempt_goes_on_where_the_second_fell_silent() -> None:
    continuation = Continuation()
    got = []
    for length in (300, 700, 200, 1000):
        continuation.restart()
        got += [continuation.new(chunk) for chunk in pieces(SPEECH[:length], 64)]
    continuation.finish()
    assert np.array_equal(np.concatenate(got), SPEECH)


def test_another_speech_is_never_spliced_in() -> None:
    continuation = Continuation()
    continuation.new(SPEECH[:300])
    continuation.restart()
    other = SPEECH.copy()
    other[299] = np.nextafter(other[299], np.float32(2))
    with pytest.raises(GenerationError, match="speaks otherwise"):
        continuation.new(other)


def test_a_shorter_speech_is_never_taken_for_whole() -> None:
    continuation = Continuation()
    continuation.new(SPEECH[:300])
    continuation.restart()
    continuation.new(SPEECH[:200])
    with pytest.raises(GenerationError, match="speaks otherwise"):
        continuation.finish()


def test_the_real_model_says_the_same_again() -> None:
    continuation = Continuation()
    text = "One sentence. And a second one, which is longer."
    with SparkTTSONNX(nano.BUNDLE, threads=1) as tts:
        whole = np.concatenate(list(tts.stream(text, gender="female", seed=5)))
        with tts.stream(text, gender="female", seed=5) as first:
            got = [continuation.new(next(first))]
        continuation.restart()
        got += [continuation.new(chunk) for chunk in tts.stream(text, gender="female", seed=5)]
    continuation.finish()
    assert len(got[0]) < len(whole)
    assert np.array_equal(np.concatenate(got), whole)


def test_errors_travel_as_values() -> None:
    error = MissingDependencyError("AAC", needs="av", extra="aac")
    for original in (TextError("nothing to speak"), error):
        with pytest.raises(type(original)) as raised:
            checked(Failure.of(original))
        assert str(raised.value) == str(original)
    assert checked("an answer") == "an answer"


def test_replicas_are_a_number_or_a_range() -> None:
    assert Replicas.parse("3") == Replicas(3, 3)
    assert Replicas.parse("1:16") == Replicas(1, 16)


@pytest.mark.parametrize("text", ["", "0", "-1", "4:2", "1:", "a", "1:b", "1.5", "1:100000"])
def test_other_replicas_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="workers are"):
        Replicas.parse(text)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"slots": 0}, {"gpus": -1.0}])
def test_workers_without_means_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="a worker needs"):
        ModelSettings(nano.BUNDLE, **wrong)  # type: ignore[arg-type]

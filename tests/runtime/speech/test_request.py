"""Every option out of range and of a wrong type is one `OptionError` that names it."""

from typing import Any

import numpy as np
import pytest

from sparktts_onnx import Lexicon, SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.bundle.manifest import SamplingDefaults
from sparktts_onnx.errors import OptionError, TextError
from sparktts_onnx.runtime.speech.request import MAX_SEED, MAX_TEXT_CHARACTERS, SpeechOptions, make_utterance

NAN, INFINITY = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "voice": ["me.json", 5, {"codec": "x"}, True],
    "gender": ["robot", 0.5, 2, [], True],
    "pitch": ["loud", 0.3, -1, NAN, [], True],
    "speed": ["loud", 0.3, 2, INFINITY, {}, True],
    "temperature": [-0.1, 101, NAN, INFINITY, "1", True, []],
    "top_k": [-1, 1.5, "50", True, []],
    "top_p": [0, -0.1, 1.1, NAN, "0.9", True, []],
    "max_new_tokens": [0, -1, 1.5, "10", True],
    "seed": [-1, MAX_SEED + 1, 1.0, "1", True, []],
    "normalize": [0, 1, "no", [], NAN],
    "check_words": [0, 1, "no", [], NAN],
    "lexicon": ["words.json", {"a": "b"}, 5, True],
    "retries": [-1, 21, 1.5, "2", True, []],
    "segment_seconds": [1.9, 60.1, -1, NAN, INFINITY, "12", True],
    "ssml": [0, 1, "yes", [], NAN],
    "voices": ["me.json", ["a"], {"a": "a.json"}, {5: None}, True],
    "tempo": [0, 0.24, 4.1, -1, NAN, "1", True, []],
}


def test_every_option_is_tried() -> None:
    assert WRONG.keys() == SpeechOptions.__annotations__.keys()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_bad_option_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=rf"^{name}(\[.*\])? (is|should be) "):
        make_utterance("Hello.", {name: value}, SamplingDefaults())


def test_an_option_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"unknown option 'sed'; the options are .*seed"):
        make_utterance("Hello.", {"sed": 1}, SamplingDefaults())


@pytest.mark.parametrize("name", sorted(WRONG))
def test_none_is_the_default(name: str) -> None:
    given = make_utterance("Hello.", {"seed": 1, name: None} if name != "seed" else {}, SamplingDefaults())
    default = make_utterance("Hello.", {"seed": 1} if name != "seed" else {"seed": given.seed}, SamplingDefaults())
    assert given == default


def test_defaults_are_the_bundles() -> None:
    chosen = make_utterance("Hello.", {"top_k": 7}, SamplingDefaults(temperature=0.5, top_k=3, top_p=0.6)).sampling
    assert (chosen.temperature, chosen.top_k, chosen.top_p) == (0.5, 7, 0.6)


def test_seeds_are_drawn_and_numbers_of_numpy_are_numbers() -> None:
    drawn = {make_utterance("Hello.", {}, SamplingDefaults()).seed for _ in range(5)}
    assert len(drawn) > 1
    given = make_utterance("Hello.", {"seed": np.int64(5), "tempo": np.float32(1.5)}, SamplingDefaults())
    assert (given.seed, given.tempo) == (5, 1.5)
    assert type(given.seed) is int


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_no_text(text: str) -> None:
    with pytest.raises(TextError, match="the text is empty"):
        make_utterance(text, {}, SamplingDefaults())


@pytest.mark.parametrize("text", [None, 5, b"Hello", ["Hello"]])
def test_a_text_of_another_type(text: Any) -> None:
    with pytest.raises(TextError, match=f"the text is of type {type(text).__name__}; expected a str"):
        make_utterance(text, {}, SamplingDefaults())


def test_too_much_text_and_text_that_is_none() -> None:
    with pytest.raises(TextError, match="the limit is"):
        make_utterance("a" * (MAX_TEXT_CHARACTERS + 1), {}, SamplingDefaults())
    with pytest.raises(TextError, match=r"'\\udcff', which is not a character"):
        make_utterance("Hello \udcff.", {}, SamplingDefaults())


def test_a_gender_cannot_change_a_given_voice(voice: Voice) -> None:
    with pytest.raises(OptionError, match="gender belongs to a created voice"):
        make_utterance("Hello.", {"voice": voice, "gender": "male"}, SamplingDefaults())
    utterance = make_utterance("Hello.", {"voice": voice, "pitch": "high"}, SamplingDefaults())
    assert utterance.voice == voice
    assert utterance.style is not None
    assert utterance.style.pitch == "high"


def test_a_lexicon_is_taken() -> None:
    lexicon = Lexicon({"a": "b"})
    assert make_utterance("Hello.", {"lexicon": lexicon}, SamplingDefaults()).lexicon is lexicon


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("look_ahead", value) for value in (-1, 1.5, "10", None, True, 10_000)],
        *[("first_look_ahead", value) for value in (-1, None)],
        *[("first_chunk", value) for value in (0, -1, 1.5, "10", None, 101)],
        *[("largest_chunk", value) for value in (0, -1, 1.5, "10", None, 10_000)],
    ],
)
def test_bad_stream_options_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"^{name} is "):
        StreamOptions(**{name: value})


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda tts: tts.inference("Hi.", save_dir=5), "save_dir"),
        (lambda tts: tts.inference("Hi.", file_format="ogx"), "format"),
        (lambda tts: tts.inference("Hi.", file_format=5), "format"),
        (lambda tts: tts.inference("Hi.", sed=5), "sed"),
        (lambda tts: tts.stream("Hi.", stream_options=5), "stream_options"),
        (lambda tts: tts.stream("Hi.", temperature=-1), "temperature"),
        (lambda tts: tts.process_prompt(5), "recording"),
        (lambda tts: tts.process_prompt(None), "recording"),
        (lambda tts: tts.process_prompt("x.wav", transcript=5), "transcript"),
        (lambda tts: tts.process_prompt("x.wav", transcript="\udcff"), "transcript"),
        (lambda tts: tts.load_voice(5), "voice file"),
        (lambda tts: tts.create_voice("robot"), "gender"),
        (lambda tts: tts.create_voice(seed="1"), "seed"),
        (lambda tts: tts.inference_batch(["Hello."]), "item 0"),
        (lambda tts: tts.inference_batch([{"text": "Hello.", "sed": 1}]), "sed"),
    ],
)
def test_bad_arguments_of_the_library(tts: SparkTTSONNX, call: Any, name: str) -> None:
    with pytest.raises(OptionError, match=name):
        call(tts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("slots", value) for value in (0, -1, 1.5, "8", None, True, 10_000)],
        *[("threads", value) for value in (0, -1, 1.5, "2", True)],
        *[("device", value) for value in ("gpu", 5, None)],
        *[("model", value) for value in (None, 5, b"x")],
    ],
)
def test_bad_arguments_of_the_model(name: str, value: Any) -> None:
    import nano

    with pytest.raises(OptionError, match=f"^{name} is "):
        SparkTTSONNX(**{"model": nano.BUNDLE, name: value})

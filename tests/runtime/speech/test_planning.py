"""What is planned for a text: nothing for signs alone, and a warning for letters that the model does not speak."""

import logging
from dataclasses import fields
from typing import Any

import pytest

from sparktts_onnx.bundle.manifest import CodecLayout, SamplingDefaults
from sparktts_onnx.errors import NothingToSpeakError
from sparktts_onnx.runtime.speech.planning import plan_segments
from sparktts_onnx.runtime.speech.request import make_utterance
from sparktts_onnx.text import DEFAULT_BUDGET, Lexicon, expected_tokens

SIZES: dict[str, Any] = {field.name: 1 for field in fields(CodecLayout)}
CODEC = CodecLayout(**SIZES | {"sample_rate": 16000, "hop_length": 320})


def planned(text: str, **options: Any) -> list[str]:
    utterance = make_utterance(text, options, SamplingDefaults())
    return [segment.text for segment in plan_segments(utterance, CODEC)]


@pytest.mark.parametrize("text", ["#", "$", "- - -", "—", "...", "•\n•", "***", "%", "(!?)", "😀", "<3"])
def test_signs_alone_are_nothing_to_speak(text: str) -> None:
    with pytest.raises(NothingToSpeakError, match="there is nothing to speak"):
        planned(text)


@pytest.mark.parametrize(("text", "spoken"), [("C#", "C#"), ("$5", "five dollars"), ("#1", "number one")])
def test_signs_with_a_letter_or_a_digit_are_spoken(text: str, spoken: str) -> None:
    assert planned(text) == [spoken]


def test_segments_hold_the_budget_of_the_text_module() -> None:
    costs = [expected_tokens(segment) for segment in planned("and on and on " * 200)]
    assert DEFAULT_BUDGET / 2 < max(costs) <= DEFAULT_BUDGET


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Привет. Hello. Привет.", "Cyrillic"),
        ("สวัสดี", "Thai"),
        ("مرحبا and שלום", "Arabic and Hebrew"),
        ("नमस्ते", "Devanagari"),
        ("안녕하세요", "Hangul"),
        ("γεια σου", "Greek"),
    ],
)
def test_letters_that_the_model_does_not_speak_are_told_once(
    text: str, scripts: str, caplog: pytest.LogCaptureFixture
) -> None:
    planned(text)
    (message,) = caplog.messages
    assert message.startswith(f"the text has letters in {scripts}; the model speaks English and Chinese")


@pytest.mark.parametrize(
    "text", ["Hello, café Łódź!", "你好，〇 々。", "日本の こんにちは", "π is 3.14, 5 µm, 5 kΩ", "٣ a"]
)
def test_other_letters_are_not(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planned(text)
    planned("Я said so", lexicon=Lexicon({"Я": "Ya"}))
    assert caplog.messages == []

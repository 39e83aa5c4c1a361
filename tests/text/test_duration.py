"""Predicted lengths against speech that espeak-ng made, and bounds that hold it but nothing cut or run on.

espeak_seconds.json is written by measure_espeak.py.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text.duration import TOKENS_PER_SECOND, expected_seconds, expected_tokens, token_bounds

ROWS = json.loads(Path(__file__).with_name("espeak_seconds.json").read_text(encoding="utf-8"))
MEASURED = [pytest.param(row["text"], row["seconds"], id=row["text"][:40]) for row in ROWS]
LONG = [case for case in MEASURED if case.values[1]["1.0"] > 2]  # type: ignore[index]


@pytest.mark.parametrize(("text", "seconds"), MEASURED)
def test_slow_usual_and_fast_speech_lies_within_the_bounds(text: str, seconds: dict[str, float]) -> None:
    bounds = token_bounds(text)
    for speed in ("0.6", "1.0", "1.7"):
        assert bounds.shortest <= seconds[speed] * TOKENS_PER_SECOND <= bounds.longest, speed


@pytest.mark.parametrize(("text", "seconds"), LONG)
def test_speech_cut_to_a_quarter_or_run_on_threefold_does_not(text: str, seconds: dict[str, float]) -> None:
    bounds = token_bounds(text)
    natural = expected_seconds(text)  # espeak-ng speaks Chinese slowly, so cut the shorter of the two
    assert min(seconds["1.0"], natural) * 0.25 * TOKENS_PER_SECOND < bounds.shortest
    assert (max(seconds["1.0"], natural) * 3 + 1) * TOKENS_PER_SECOND > bounds.longest


def test_predictions_are_right_on_average() -> None:
    english = [row for row in ROWS if row["text"].isascii() and row["seconds"]["1.0"] > 1]
    shares = [row["seconds"]["1.0"] / expected_seconds(row["text"]) for row in english]
    assert 0.95 < sum(shares) / len(shares) < 1.05
    assert min(shares) > 0.65
    assert max(shares) < 1.35


@pytest.mark.parametrize("text", ["", " ", "\n", "...", "!?", "()", "“”", "#", "$", "%", "- - -", "•", "***", "~"])
def test_nothing_to_say_takes_no_time(text: str) -> None:
    assert expected_seconds(text) == 0
    assert expected_tokens(text) == 0
    assert token_bounds(text).shortest == 0
    assert token_bounds(text).longest == TOKENS_PER_SECOND


@pytest.mark.parametrize("text", ["A", "5", "好", "あ", "한", "ж", "C#", "$5", "#1", "é"])
def test_one_character_takes_some(text: str) -> None:
    assert 0.2 < expected_seconds(text) < 1
    assert 0 < token_bounds(text).shortest < expected_tokens(text) < token_bounds(text).longest


def test_speed_divides_time() -> None:
    text = "The quick brown fox jumps over the lazy dog."
    assert expected_seconds(text, 2.0) == pytest.approx(expected_seconds(text) / 2)
    assert token_bounds(text, 2.0).longest < token_bounds(text).longest


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_speed_is_checked(speed: float) -> None:
    with pytest.raises(OptionError, match="speed is"):
        expected_seconds("text", speed)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_bounds_hold_the_prediction_of_any_text(text: str) -> None:
    bounds = token_bounds(text)
    assert bounds.shortest >= 0
    assert min(bounds.shortest, 3) <= expected_tokens(text) <= bounds.longest

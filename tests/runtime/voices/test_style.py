"""Gender, pitch and speed: names or numbers, nothing else."""

from typing import Any

import numpy as np
import pytest

from sparktts_onnx import VoiceStyle
from sparktts_onnx.errors import OptionError
from sparktts_onnx.runtime.voices.style import LEVELS


@pytest.mark.parametrize(("level", "name"), list(enumerate(LEVELS)))
def test_names_and_numbers_mean_the_same(level: int, name: str) -> None:
    number = level / 4
    for spelling in (name, name.upper(), name.replace("_", "-"), f" {name.replace('_', ' ')} ", number, str(number)):
        assert VoiceStyle.of(None, spelling, spelling).levels == (0, level, level)
    assert VoiceStyle.of(None, np.float32(number), np.float64(number)).levels == (0, level, level)


@pytest.mark.parametrize(("gender", "number"), [("female", 0), ("Male", 1), (0, 0), (1.0, 1), ("1", 1), (None, 0)])
def test_genders(gender: Any, number: int) -> None:
    assert VoiceStyle.of(gender).levels == (number, 2, 2)


@pytest.mark.parametrize(
    "value",
    ["", "loud", "veryhigh", 0.3, -0.25, 1.25, 2, "0.3", float("nan"), float("inf"), "nan", "-inf", True, [], b"low"],
)
@pytest.mark.parametrize("option", ["pitch", "speed"])
def test_what_is_no_level_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{option} is .*very_low, low, moderate, high, very_high.*steps of 0.25"):
        VoiceStyle.of(**{"gender": None, option: value})


@pytest.mark.parametrize("value", ["neutral", 0.5, -1, 2, True, [], object()])
def test_what_is_no_gender_is_refused_by_name(value: Any) -> None:
    with pytest.raises(OptionError, match=r"gender is .*female, male, or 0 or 1$"):
        VoiceStyle.of(value)

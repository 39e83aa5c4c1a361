"""The style of a created voice: gender, pitch and speed in the model's own levels."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from sparktts_onnx.errors import OptionError

GENDERS = ("female", "male")
LEVELS = ("very_low", "low", "moderate", "high", "very_high")


@dataclass(frozen=True)
class VoiceStyle:
    """What a created voice should be like."""

    gender: str = "female"
    """One of `GENDERS`."""
    pitch: str = "moderate"
    """One of `LEVELS`."""
    speed: str = "moderate"
    """One of `LEVELS`."""

    @classmethod
    def of(
        cls, gender: str | float | None, pitch: str | float | None = None, speed: str | float | None = None
    ) -> "VoiceStyle":
        """A style from names, or from numbers between 0 and 1 in equal steps; None is female or moderate.

        Raises:
            OptionError: a name or number that is not a level.
        """
        return cls(
            gender=_choice("gender", gender, GENDERS, default=GENDERS[0]),
            pitch=_choice("pitch", pitch, LEVELS, default="moderate"),
            speed=_choice("speed", speed, LEVELS, default="moderate"),
        )

    @property
    def levels(self) -> tuple[int, int, int]:
        """Numbers of the gender, pitch and speed tokens."""
        return GENDERS.index(self.gender), LEVELS.index(self.pitch), LEVELS.index(self.speed)

    def __str__(self) -> str:
        return f"{self.gender}, pitch {self.pitch}, speed {self.speed}"


def _choice(option: str, value: str | float | None, names: tuple[str, ...], *, default: str) -> str:
    if value is None:
        return default
    position = _level(value) * (len(names) - 1)
    if isinstance(value, str) and (name := value.strip().lower().replace("-", "_").replace(" ", "_")) in names:
        return name
    if 0 <= position <= len(names) - 1 and position == int(position):
        return names[int(position)]
    step = 1 / (len(names) - 1)
    numbers = "0 or 1" if step == 1 else f"a number from 0 to 1 in steps of {step:g}"
    raise OptionError(f"{option} is {value!r}; expected one of {', '.join(names)}, or {numbers}", field=option)


def _level(value: Any) -> float:
    """The number that a value is or spells; NaN where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | Real):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan

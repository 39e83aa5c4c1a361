"""What callers give, checked in one place: a value of a wrong type or out of range is an `OptionError` by name."""

import os
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any

from sparktts_onnx.errors import OptionError


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """The value, a whole number of any kind, from `low` to `high`, if there is a highest."""
    whole = not isinstance(value, bool) and isinstance(value, Integral)
    if not whole or int(value) < low or (high is not None and int(value) > high):
        raise OptionError(
            f"{name} is {value!r}; expected a whole number from {low}{'' if high is None else f' to {high}'}",
            field=name,
        )
    return int(value)


def number(name: str, value: Any, low: float, high: float) -> float:
    """The value, a number of any kind, from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        raise OptionError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}", field=name)
    return float(value)


def instance_of(name: str, value: Any, kind: type | UnionType, expected: str) -> Any:
    """The value, seen to be of a type."""
    if not isinstance(value, kind):
        raise OptionError(f"{name} is {value!r}; expected {expected}", field=name)
    return value


def path_named(name: str, value: Any) -> Path:
    """The value, a path."""
    if not isinstance(value, str | os.PathLike) or value == "":
        raise OptionError(f"{name} is {value!r}; expected a path", field=name)
    return Path(value)


def broken_character(text: str) -> str | None:
    """The first half of a surrogate pair that stands alone, as a message shows it; such text was decoded wrongly.

    No encoding of Unicode can write it, and tokenizers refuse it.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return ascii(text[error.start])
    return None

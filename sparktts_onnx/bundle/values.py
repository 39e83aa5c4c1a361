"""Plain data from JSON or YAML as annotated values: types and bounds are checked, and a fault is named by its place."""

import dataclasses
import re
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bounds:
    """Beside a type in `Annotated`: between what a number lies, or the length of a tuple."""

    least: float
    most: float

    def check(self, value: Any, where: str) -> None:
        """Refuse a number or a length outside; NaN is."""
        found = len(value) if isinstance(value, tuple) else value
        if not self.least <= found <= self.most:
            kind = "has the length" if isinstance(value, tuple) else "is"
            raise ValueError(f"{where} {kind} {shown(found)}, expected {self.least} to {self.most}")


@dataclass(frozen=True)
class Matches:
    """Beside a type in `Annotated`: what a text is like."""

    pattern: str
    expected: str
    """The pattern in words."""

    def check(self, value: str, where: str) -> None:
        """Refuse a text that is not all of the pattern."""
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"{where} is {shown(value)}, expected {self.expected}")


@dataclass(frozen=True)
class OneOf:
    """Beside a type in `Annotated`: the values that there are."""

    values: tuple[Any, ...]

    def check(self, value: Any, where: str) -> None:
        """Refuse any other."""
        if value not in self.values:
            raise ValueError(f"{where} is {shown(value)}, expected {' or '.join(map(str, self.values))}")


def build(kind: Any, value: Any, where: str) -> Any:
    """Turn plain data into an annotated value, refusing what the annotation does not say.

    Raises:
        TypeError, ValueError: what is wrong, and where.
    """
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        result = build(arguments[0], value, where)
        arguments[1].check(result, where)
        return result
    if origin in (typing.Union, types.UnionType):
        return _build_union(arguments, value, where)
    if origin is tuple:
        return tuple(build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_list(value, where)))
    if origin is Mapping:
        return {key: build(arguments[1], item, f"{where}.{key}") for key, item in _dict(value, where).items()}
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 1e300 else value
    if type(value) is not kind:
        raise TypeError(f"{where} should be of type {kind.__name__}, found {shown(value)}")
    return value


def shown(value: Any) -> str:
    """A value for a message, however large it is."""
    return reprlib.repr(value)


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    given, hints = _dict(value, where), typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(str(key) for key in given.keys() - fields.keys()):
        raise ValueError(f"unknown key {where}.{unknown[0]}")
    if missing := sorted(name for name, field in fields.items() if name not in given and not _has_default(field)):
        raise ValueError(f"missing key {where}.{missing[0]}")
    return kind(**{name: build(hints[name], item, f"{where}.{name}") for name, item in given.items()})


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _build_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    plain = [kind for kind in kinds if kind is not type(None)]
    matching = [kind for kind in plain if kind is type(value)]
    return build((matching or plain)[0], value, where)


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{where} should be an object, found {shown(value)}")
    return value


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{where} should be a list, found {shown(value)}")
    return value

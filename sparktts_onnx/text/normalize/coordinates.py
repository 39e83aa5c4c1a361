"""Degrees with a direction, or with minutes and seconds: 40.7°N, 40°42′, 74°0′21″W."""

import re

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, SIGNED, START, Found, Rule

_DIRECTIONS = {"N": ("north", "北纬"), "S": ("south", "南纬"), "E": ("east", "东经"), "W": ("west", "西经")}
_VALUE = r"\d+(?:\.\d+)?"
_NAMES = (("degree", "度"), ("minute", "分"), ("second", "秒"))


def _parts(found: Found) -> tuple[list[str], str]:
    """(the numbers of degrees, minutes and seconds, direction or nothing)"""
    direction = found.text[-1] if found.text[-1] in _DIRECTIONS else ""
    return re.findall(rf"[-−]?{_VALUE}", found.text), direction


def _english(found: Found) -> str:
    values, direction = _parts(found)
    words = [
        f"{english.number(value)} {name}{'' if value == '1' else 's'}"
        for value, (name, _) in zip(values, _NAMES, strict=False)
    ]
    return " ".join([*words, _DIRECTIONS[direction][0]] if direction else words)


def _chinese(found: Found) -> str:
    """北纬40°N says the direction once."""
    values, direction = _parts(found)
    words = "".join(chinese.number(value) + name for value, (_, name) in zip(values, _NAMES, strict=False))
    of = _DIRECTIONS[direction][1] if direction else ""
    return words if found.before.endswith(of) else of + words


def _english_belt(found: Found) -> str:
    """20–30°N"""
    low, high = re.findall(_VALUE, found.text)
    return f"{english.number(low)} to {english.number(high)} degrees {_DIRECTIONS[found.text[-1]][0]}"


def _chinese_belt(found: Found) -> str:
    low, high = re.findall(_VALUE, found.text)
    return f"{_DIRECTIONS[found.text[-1]][1]}{chinese.number(low)}到{chinese.number(high)}度"


_SECONDS = rf"\s?{_VALUE}\s?(?:[\"”″]|''|’’|′′)"
_MINUTES = rf"\s?{_VALUE}\s?['’′](?:{_SECONDS})?"
_DIRECTION = rf"\s?[NSEW](?!{LETTER_OR_DIGIT}|['’])"
RULES = (
    Rule("units", rf"{START}{_VALUE}{DASH}{_VALUE}\s?°{_DIRECTION}", _english_belt, _chinese_belt),
    Rule("units", rf"{START}{SIGNED}\s?°(?:{_MINUTES}(?:{_DIRECTION})?|{_DIRECTION})", _english, _chinese),
)

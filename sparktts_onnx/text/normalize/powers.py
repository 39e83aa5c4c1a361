"""Powers, alone and of ten behind a number: 5², 10⁻³, 3×10⁸ m/s, 1e-5, E=mc²."""

import re

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.quantities import UNIT, UNITS
from sparktts_onnx.text.normalize.rule import AMOUNT, START, Found, Rule

_SMALL = {"2": ("squared", "的平方"), "²": ("squared", "的平方"), "3": ("cubed", "的立方"), "³": ("cubed", "的立方")}
_PARTS = re.compile(rf"(?P<base>{AMOUNT})(?:\^|(?P<ten>[eE]))(?P<exponent>[-−+]?\d+)\s?(?P<unit>.*)")


def _english_power(found: Found) -> str | None:
    parts = _PARTS.fullmatch(found.text)
    if parts is None:
        return None
    base = english.number(parts["base"]) + (" times ten" if parts["ten"] else "")
    unit = f" {UNITS[parts['unit']][1]}" if parts["unit"] else ""
    return f"{base} to the power of {english.number(parts['exponent'].lstrip('+'))}{unit}"


def _chinese_power(found: Found) -> str | None:
    parts = _PARTS.fullmatch(found.text)
    if parts is None:
        return None
    base = chinese.number(parts["base"]) + ("乘十" if parts["ten"] else "")
    unit = UNITS[parts["unit"]][2] if parts["unit"] else ""
    return f"{base}的{chinese.number(parts['exponent'].lstrip('+'))}次方{unit}"


def _english_small_power(found: Found) -> str:
    return f" {_SMALL[found.text[-1]][0]}"


def _chinese_small_power(found: Found) -> str:
    return _SMALL[found.text[-1]][1]


def _english_square(found: Found) -> str:
    return english.number(found.text[:-1]) + _english_small_power(found)


def _chinese_square(found: Found) -> str:
    return chinese.number(found.text[:-1]) + _chinese_small_power(found)


def _english_product(found: Found) -> str:
    """The mc² of E = mc²: letters one by one."""
    return " ".join(found.text.rstrip("²³23^")) + _english_small_power(found)


def _chinese_product(found: Found) -> str:
    return " ".join(found.text.rstrip("²³23^")) + _chinese_small_power(found)


_NO_CODE = r"(?<!\w[-−])(?!\d+[eE]\d)"
"""No part of a code such as 4e-12e-7f, and no 3e8, which may be one."""

_NO_MORE = rf"(?!{LETTER_OR_DIGIT}|\^|\.\d)"
_END = rf"(?!{LETTER_OR_DIGIT}|[\^-]|\.\d)"
_E_NOTATION = r"(?:\d+\.\d+|\d+)[eE][-−+]?\d{1,3}"
_PRODUCT = rf"(?:(?<==)|(?<==\s))(?![kcmd]m)[A-Za-z]{{2}}(?:[²³]|\^[23])(?!{LETTER_OR_DIGIT}|[²³.])"
RULES = (
    Rule("symbols", rf"(?<![\w.])\d+\^[-−]?\d+(?:{UNIT}|{_NO_MORE})", _english_power, _chinese_power),
    Rule("symbols", rf"{START}{_NO_CODE}{_E_NOTATION}(?:{UNIT}|{_END})", _english_power, _chinese_power),
    Rule("symbols", rf"{START}{AMOUNT}[²³](?!{LETTER_OR_DIGIT})", _english_square, _chinese_square),
    Rule("symbols", _PRODUCT, _english_product, _chinese_product),
)
"""Tried before plain numbers, which would take the base alone."""

BEHIND_LETTERS = (
    Rule(
        "symbols",
        r"(?<=[A-Za-z\d])[²³](?![\w²³])|(?<=[A-Za-z])\^[23](?![\w.])",
        _english_small_power,
        _chinese_small_power,
    ),
)

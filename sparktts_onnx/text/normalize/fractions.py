"""Fractions, ratings and quotients: what is written with a slash."""

import re
import unicodedata

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import AMOUNT, END, START, Found, Rule, leave

VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_DENOMINATORS = frozenset({*range(2, 13), 15, 16, 20, 24, 25, 30, 32, 36, 40, 50, 60, 64, 100})
"""Anything else is rather a date (12/31), a score or a code."""

_USUAL = frozenset({16, 20})
"""Of those that may be the day of a month, as in 12/25."""

_CHINESE_SAYINGS = {"24/7": "七乘二十四小时", "50/50": "五十比五十"}
_SAYINGS = {"24/7": "twenty-four seven", "9/11": "nine eleven", "50/50": "fifty fifty", "20/20": "twenty twenty"}


def _english_fraction(found: Found) -> str | None:
    if found.text in _SAYINGS:
        return _SAYINGS[found.text]
    whole, top, bottom = _fraction(found.text)
    if bottom not in _DENOMINATORS:
        return None
    if top >= bottom and whole is None and bottom > 4:
        return f"{english.cardinal(top)} out of {english.cardinal(bottom)}"
    if bottom == 100 and whole is None and top > 1:
        return f"{english.cardinal(top)} out of one hundred"
    if whole is None and _may_be_a_day(top, bottom) and not found.after.startswith(" of "):
        return f"{english.cardinal(top)} over {english.cardinal(bottom)}"
    part = _english_part(top, bottom)
    if whole is None:
        return part
    return f"{english.cardinal(whole)} and {'a' + part[3:] if part.startswith('one ') else part}"


def _may_be_a_day(top: int, bottom: int) -> bool:
    return 1 < top <= 12 < bottom <= 31 and bottom not in _USUAL


def _english_part(top: int, bottom: int) -> str:
    name = {2: "half", 4: "quarter"}.get(bottom) or english.ordinal(bottom)
    if top == 1:
        return f"one {name}"
    return f"{english.cardinal(top)} {'halves' if bottom == 2 else name + 's'}"


def _chinese_fraction(found: Found) -> str | None:
    if found.text in _CHINESE_SAYINGS:
        return _CHINESE_SAYINGS[found.text]
    whole, top, bottom = _fraction(found.text)
    if bottom < 2:
        return None
    part = f"{chinese.cardinal(bottom)}分之{chinese.cardinal(top)}"
    return part if whole is None else f"{chinese.cardinal(whole)}又{part}"


def _fraction(text: str) -> tuple[int | None, int, int]:
    """(whole or None, top, bottom) of 1/2, 2 1/2 or 2½."""
    if text[-1] in VULGAR:
        top, bottom = unicodedata.normalize("NFKC", text[-1]).split("\u2044")
        return (int(text[:-1]) if text[:-1].strip() else None), int(top), int(bottom)
    *whole, top, bottom = re.findall(r"\d+", text)
    return (int(whole[0]) if whole else None), int(top), int(bottom)


def _english_rating(found: Found) -> str:
    """7.5/10"""
    return " out of ".join(english.number(part) for part in found.text.split("/"))


def _english_pressure(found: Found) -> str:
    """120/80 mmHg"""
    return " over ".join(english.number(part) for part in found.text.split("/"))


def _english_quotient(found: Found) -> str:
    return " divided by ".join(english.number(part) for part in re.findall(AMOUNT, found.text))


def _chinese_quotient(found: Found) -> str:
    return "除以".join(chinese.number(part) for part in re.findall(AMOUNT, found.text))


_SLASHED = r"(?:\d{1,4}\s)?\d{1,4}/\d{1,4}(?!/|\s?=|[月日号])"
RULES = (
    Rule("fractions", rf"{START}\d{{2,3}}/\d{{2,3}}(?=\s?mmHg)", _english_pressure, leave),
    Rule("fractions", rf"{START}{_SLASHED}{END}", _english_fraction, _chinese_fraction),
    Rule("fractions", rf"{START}(?:\d{{1,4}}\s?)?[{VULGAR}]", _english_fraction, _chinese_fraction),
    Rule("fractions", rf"{START}\d+\.\d+/\d+(?!/){END}", _english_rating, leave),
    Rule("fractions", rf"{START}{AMOUNT}\s?/\s?{AMOUNT}(?=\s?=)", _english_quotient, _chinese_quotient),
)

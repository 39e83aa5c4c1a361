"""Fractions and ratings: what is written with a slash."""

import re
import unicodedata

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Rule

VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_DENOMINATORS = frozenset({*range(2, 13), 15, 16, 20, 24, 25, 30, 32, 36, 40, 50, 60, 64, 100})
"""Anything else is rather a date (12/31), a score or a code."""
_USUAL = frozenset({16, 20})
"""Of those that may be the day of a month, as in 12/25."""


_OF_EYES = re.compile(
    r"\s(?:vision|acuity|eyesight|O[DSU]\b|(?:in|with|without)\s(?:the|his|her|both|right|left|glasses|correct))"
)
_SAYS_EYES = re.compile(r"\b(?:vision|acuity|eyesight|O[DSU])(?:\s(?:is|was|of|at|to))?:?\s$", re.IGNORECASE)
_SHARED = re.compile(r"\s(?:of|mile|miles|inch|km|cup|cups|second|seconds)\b")
"""What 3/10 is a share of; otherwise one gives that many out of ten."""


def _fraction(found: Found) -> str | None:
    spoken = read_fraction(found, found.text.lstrip("-−"), is_sure=bool(found["th"]))
    minus = found.pick("minus ", "负") if found.text[0] in "-−" else ""
    return minus + spoken if spoken else None


def _lower_end(found: Found) -> str | None:
    """The 1 of 1-1½ hours, the ½ of ½-1 teaspoon: the higher end is read as what it is."""
    low = found["low"]
    spoken = found.number(low) if low.isdigit() else read_fraction(found, low)
    return spoken + found.pick(" to ", "到") if spoken else None


def read_fraction(found: Found, written: str, *, is_sure: bool = False) -> str | None:
    """1/2, 2 1/2 or 2½ in words; None where it is rather something else."""
    whole, top, bottom = _parts(written)
    if found.language == "zh":
        part = f"{chinese.cardinal(bottom)}分之{chinese.cardinal(top)}"
        return None if bottom < 2 else part if whole is None else f"{chinese.cardinal(whole)}又{part}"
    if bottom not in _DENOMINATORS and not is_sure:
        return None
    if whole is None and not is_sure:
        if top == 20 and (_OF_EYES.match(found.after) or _SAYS_EYES.search(found.before)):
            return f"twenty {english.cardinal(bottom)}"
        if top + bottom == 100 and top % 5 == 0:
            return f"{english.cardinal(top)} {english.cardinal(bottom)}"  # as 80/20
        is_rating = bottom == 10 and top > 1 and not _SHARED.match(found.after)
        if is_rating or (top >= bottom > 4) or (bottom == 100 and top > 1):
            return f"{english.cardinal(top)} out of {english.cardinal(bottom)}"
        if 1 < top <= 12 < bottom <= 31 and bottom not in _USUAL and not found.after.startswith(" of "):
            return f"{english.cardinal(top)} over {english.cardinal(bottom)}"  # it may be a day
    part = _english_part(top, bottom)
    if whole is None:
        return part
    return f"{english.cardinal(whole)} and {_one_part(part) if part.startswith('one ') else part}"


def _one_part(part: str) -> str:
    """A half for one half, an eighth for one eighth"""
    name = part.removeprefix("one ")
    return f"{'an' if name.startswith('e') else 'a'} {name}"


def _english_part(top: int, bottom: int) -> str:
    name = {2: "half", 4: "quarter"}.get(bottom) or english.ordinal(bottom)
    if top == 1:
        return f"one {name}"
    return f"{english.cardinal(top)} {'halves' if bottom == 2 else name + 's'}"


def _parts(text: str) -> tuple[int | None, int, int]:
    """(whole or None, top, bottom) of 1/2, 2 1/2 or 2½."""
    if text[-1] in VULGAR:
        text = f"{text[:-1]} {unicodedata.normalize('NFKC', text[-1])}"
    *whole, top, bottom = re.findall(r"\d+", text)
    return (int(whole[0]) if whole else None), int(top), int(bottom)


def rules() -> tuple[Rule, ...]:
    """Tried before numbers, which would take a part alone."""
    minus, fraction = rf"(?:(?<!{LETTER_OR_DIGIT})(?<![_)])[-−](?=\d))?", r"(?:\d{1,4}\s)?\d{1,4}/\d{1,4}"
    mixed = rf"(?:\d{{1,3}}\s?)?[{VULGAR}]"
    measured = r"(?=\s(?:cups?|tsp|tbsp|inch|inches|miles?|hours?|lbs?|pounds?|teaspoons?|tablespoons?|liters?)\b)"
    return (
        Rule(rf"{START}(?P<th>)(?P<low>{mixed}|\d{{1,3}}){DASH}(?={mixed})", _lower_end),
        Rule(rf"{START}(?P<th>)(?P<low>{mixed}){DASH}(?=\d)", _lower_end),
        Rule(rf"{START}(?P<th>)(?P<low>\d/\d|\d{{1,3}}){DASH}(?=(?:\d\s)?\d/\d{measured})", _lower_end),
        Rule(rf"{START}{minus}{fraction}(?P<th>(?:th|rd|nd|st)s?)?(?!/|\s?=|[月日号]){END}", _fraction),
        Rule(rf"{START}(?P<th>)\d{{1,2}}\s/\s\d{{1,2}}(?!\s?[/=]){END}", _fraction, only="zh"),
        Rule(rf"{START}{minus}(?P<th>)(?:\d{{1,4}}\s?)?[{VULGAR}]", _fraction),
        Rule(
            rf"{START}\d{{1,3}}\.\d{{1,2}}/(?:\d|10|20|25|30|50|100)(?!/){END}",  # 7.5/10
            lambda found: " out of ".join(map(found.number, found.text.split("/"))),
            only="en",
        ),
    )

"""Amounts of money: a sign or a code before or after a number."""

import re
from functools import cache
from typing import NamedTuple

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, END, OVER, START, Found, Rule
from sparktts_onnx.text.normalize.tables import entries, one_of, rows, spellings, words


class _Unit(NamedTuple):
    one: str
    many: str
    chinese: str
    cent: str
    cents: str


@cache
def scales() -> dict[str, tuple[str, int]]:
    """(in English, zeros) of each spelling in small letters: thousand and 3 for k."""
    return {spelling.lower(): (row[1], int(row[2])) for row in rows("scales") for spelling in spellings(row[0])}


def _scale(written: str) -> tuple[str, int]:
    return scales()[written.strip(" -").lower()]


def sign_behind() -> str:
    """A sign or a code right behind an amount."""
    return one_of(sign for sign in words("currencies") if sign.isalpha() or len(sign) == 1) + OVER


def _amount(found: Found, amount: str, scale: str, unit: _Unit) -> str:
    if found.language == "zh":
        return _chinese_amount(amount, scale)
    if scale:
        return f"{english.number(amount)} {_scale(scale)[0]} {unit.many}"
    whole, _, cents = amount.replace(",", "").partition(".")
    cents = cents.rstrip("0").ljust(2, "0") if len(cents) > 2 else cents
    if len(cents) == 2 and unit.cent:
        return _coins(whole or "0", int(cents), unit)
    return f"{english.number(amount)} {unit.one if whole == '1' and not cents else unit.many}"


def _coins(whole: str, cents: int, unit: _Unit) -> str:
    large = f"{english.number(whole)} {unit.one if whole == '1' else unit.many}"
    small = f"{english.cardinal(cents)} {unit.cent if cents == 1 else unit.cents}"
    if not cents:
        return large
    return f"{large} and {small}" if whole.strip("0") else small


def _chinese_amount(amount: str, scale: str) -> str:
    amount = chinese.of_money(amount)
    word, zeros = _scale(scale) if scale else ("", 0)
    if scale and word.isascii():
        return chinese.scaled(amount, zeros)
    return chinese.counted(amount) + word


def _low(found: Found, unit: _Unit) -> str:
    """The lower end of a range, whose unit stands behind the higher: $20.00-$35.00."""
    low, scale = found["low"].removesuffix(".00"), found["low_scale"]
    if found.language == "zh":
        return _chinese_amount(low, scale)
    if scale:
        return f"{english.number(low)} {_scale(scale)[0]}"
    has_cents = unit.cent and re.search(r"\.\d\d$", low)
    return _amount(found, low, "", unit) if has_cents else english.number(low)


def _loss(found: Found) -> str:
    """$(0.34), as accounts have it"""
    return found.pick("minus ", "负") + _money(found)


def _money(found: Found) -> str:
    unit = _Unit(*entries("currencies")[found["unit"]])
    if found.is_before_a_noun():
        unit = unit._replace(many=unit.one, cents=unit.cent)
    minus = found.pick("minus ", "负") if re.match(r"\D*[-−]", found.text) else ""
    if found["high"]:
        spoken = _low(found, unit) + found.pick(" to ", "到") + _amount(found, found["high"], found["high_scale"], unit)
    else:
        spoken = _amount(found, found["low"], found["low_scale"], unit)
    return minus + spoken + ("" if found.language == "en" or found.after.startswith(unit.chinese) else unit.chinese)


def rules() -> tuple[Rule, ...]:
    """Tried before units and numbers, which would take the amount alone."""
    signs = one_of(sign for sign in words("currencies") if not sign.isalpha())
    codes = one_of(sign for sign in words("currencies") if sign.isalpha())
    long_scale = r"(?:[\s-]?(?:thousand|million|billion|trillion|lakh|crore)(?![a-z])|\s?(?:万亿|万|亿|萬|億))"
    letters = one_of(words("scales", "letter"))
    scale = rf"(?:{long_scale}|{letters}{OVER})"
    amount = (
        rf"(?P<low>{AMOUNT})(?P<low_scale>{scale})?"
        rf"(?:(?:{signs})?{DASH}(?:{signs})?(?P<high>{AMOUNT})(?P<high_scale>{scale})?)?"
    )
    return (
        Rule(rf"(?<!{LETTER_OR_DIGIT})[-−]?(?P<unit>{signs})\s?[-−]?{amount}{END}", _money),
        Rule(rf"(?<!{LETTER_OR_DIGIT})(?P<unit>{signs})\((?P<low>{AMOUNT})\)(?P<low_scale>{scale})?(?P<high>)", _loss),
        Rule(rf"{START}(?<![A-Z]/)(?P<unit>{codes})\s?{amount}{END}(?:/-(?!\w))?", _money),
        Rule(rf"{START}[-−]?{amount}\s?(?P<unit>{sign_behind()})", _money),
    )

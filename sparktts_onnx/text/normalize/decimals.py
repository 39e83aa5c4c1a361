"""Numbers with a decimal comma, as most of Europe writes them, for those with a decimal point."""

import re
from functools import cache

from sparktts_onnx.text.normalize.currency import sign_behind
from sparktts_onnx.text.normalize.options import NormalizeOptions
from sparktts_onnx.text.normalize.quantities import unit_pattern
from sparktts_onnx.text.normalize.rule import DASH, START

_AMOUNT = r"(?:\d{1,3}(?:[. ]\d{3})+|\d+),\d{1,2}"
_BEHIND_EURO = rf"(?:(?<=€)|(?<=€\s)|(?<=\bEUR\s)){_AMOUNT}(?![\d,.]*\d)"


def point_decimals(text: str, options: NormalizeOptions) -> str:
    """10,5 € as 10.5 €, and 1.234,56 € as 1234.56 €; 1,234 € stays."""
    kinds = tuple(kind for kind in ("currency", "percents", "units", "numbers") if kind not in options.skip)
    return _decimal_comma(kinds).sub(_pointed, text) if kinds and "," in text else text


@cache
def _decimal_comma(kinds: tuple[str, ...]) -> re.Pattern[str]:
    """By what stands behind an amount, of the kinds that read both: without it, 1,5 may as well be two numbers."""
    tails = {
        "currency": rf"\s?{sign_behind()}",
        "percents": r"\s?[%‰]",
        "units": unit_pattern(),
        "numbers": r"\s(?:euros?|percent|per\scent|million|billion|trillion)\b",
    }
    behind = "|".join(tails[kind] for kind in kinds)
    shapes = [rf"{START}(?<![/=?&]){_AMOUNT}(?=(?:{DASH}\d[\d.,]*)?(?:{behind}))"]
    return re.compile("|".join(shapes + ([_BEHIND_EURO] if "currency" in kinds else [])))


def _pointed(match: re.Match[str]) -> str:
    whole, _, part = match[0].partition(",")
    return re.sub(r"\D", "", whole) + "." + part

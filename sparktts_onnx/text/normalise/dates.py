"""Dates, years and decades."""

import datetime
import re

from sparktts_onnx.text.normalise import chinese, english
from sparktts_onnx.text.normalise.rule import DASH, END, START, Found, Rule

_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = _MONTH_NAMES.split()
_SHORT = {name[:3]: name for name in _MONTHS} | {"Sept": "September"}
_MONTH = "(?:" + "|".join(_MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.?)"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d|20)\d\d"
_EXACT_YEAR = r"(?:1[5-9]|20)(?:\d[1-9]|[1-9]0)"
"""Not a round number, which before 前 or 以来 would be a span of years."""

_NAMED_PARTS = re.compile(
    rf"(?P<month>{_MONTH})\s(?P<day>{_DAY})(?:{DASH}(?P<until>{_DAY}))?(?:,?\s(?P<year>{_YEAR}))?"
)
_DAY_FIRST_PARTS = re.compile(
    rf"(?P<day>{_DAY})(?:{DASH}(?P<until>{_DAY}))?\s(?:of\s)?(?P<month>{_MONTH})(?:,?\s(?P<year>{_YEAR}))?"
)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def _numeric(found: Found) -> tuple[int, int, int] | None:
    """(year, month, day) of 2024-05-01, 2024/5/1, 5/1/2024 or 31.12.2024; None if there is no such day."""
    first, second, third = (int(part) for part in re.split(r"[-/.]", found.text))
    if first > 31:
        order = (first, second, third)
    elif second > 12 or (first <= 12 and found.month_first and "." not in found.text):
        order = (third, first, second)
    else:
        order = (third, second, first)
    return order if _is_date(*order) else None


def _english_numeric(found: Found) -> str | None:
    date = _numeric(found)
    if date is None:
        return None
    year, month, day = date
    return f"{_MONTHS[month - 1]} {english.ordinal(day)}, {english.year(year)}"


def _chinese_numeric(found: Found) -> str | None:
    date = _numeric(found)
    if date is None:
        return None
    year, month, day = date
    return f"{chinese.digits(str(year))}年{chinese.cardinal(month)}月{chinese.cardinal(day)}日"


def _month_name(written: str) -> str:
    return _SHORT.get(written.rstrip("."), written)


def _day(written: str) -> str:
    return english.ordinal(int(re.sub(r"\D", "", written)))


def _english_named(found: Found) -> str | None:
    parts = _NAMED_PARTS.fullmatch(found.text)
    return _with_days(parts, "{month} {days}") if parts else None


def _english_day_first(found: Found) -> str | None:
    parts = _DAY_FIRST_PARTS.fullmatch(found.text)
    return _with_days(parts, "the {days} of {month}", before=found.before) if parts else None


def _with_days(parts: re.Match[str], form: str, *, before: str = "") -> str:
    days = _day(parts["day"]) + (f" to {_day(parts['until'])}" if parts["until"] else "")
    if re.search(r"\bthe\s$", before, re.IGNORECASE):
        form = form.removeprefix("the ")
    spoken = form.format(month=_month_name(parts["month"]), days=days)
    return spoken + (f", {english.year(int(parts['year']))}" if parts["year"] else "")


def _english_month_year(found: Found) -> str:
    month, year = found.text.split()
    return f"{_month_name(month.rstrip(','))} {english.year(int(year))}"


def _years(found: Found) -> list[str]:
    return re.findall(r"\d+", found.text)


def _english_years(found: Found) -> str:
    first, last = _years(found)
    end = english.year(int(last)) if len(last) == 4 else english.two_digits(int(last))
    return f"{english.year(int(first))} to {end}"


def _chinese_years(found: Found) -> str:
    return "到".join(chinese.digits(year) for year in _years(found))


def _english_decade(found: Found) -> str:
    return english.decade(int(_years(found)[0]))


def _chinese_decade(found: Found) -> str:
    year = _years(found)[0]
    return (chinese.digits(year) if len(year) == 4 else chinese.cardinal(int(year))) + "年代"


def _chinese_year(found: Found) -> str:
    """2024年: a year is read digit by digit."""
    return "到".join(chinese.digits(year) for year in _years(found)) + "年"


def _leave(_: Found) -> None:
    """Written in Chinese: left alone where the text is to be read in English."""


def _chinese_padded(found: Found) -> str:
    """05月"""
    return chinese.cardinal(int(found.text))


def _chinese_generation(found: Found) -> str:
    """90后: those born in the nineties."""
    return chinese.digits(found.text)


_NUMERIC = rf"{_YEAR}(?:-\d\d?-|/\d\d?/|\.\d\d?\.)\d\d?|\d\d?(?:/\d\d?/|-\d\d?-|\.\d\d?\.){_YEAR}"
_NAMED = rf"{_MONTH}\s{_DAY}(?:{DASH}{_DAY})?(?:,?\s{_YEAR})?"
_DAY_FIRST = rf"{_DAY}(?:{DASH}{_DAY})?\s(?:of\s)?{_MONTH}(?:,?\s{_YEAR})?"
_ERA = rf"(?:{_YEAR}{DASH})?(?:{_EXACT_YEAR}年|{_YEAR}年(?![前后内来间以多历]))"
_SPAN = r"(?:1[89]|20)\d\d[-–—](?:(?:1[89]|20)\d\d|\d\d)"
RULES = (
    Rule("dates", rf"{START}(?:{_NUMERIC}){END}", _english_numeric, _chinese_numeric),
    Rule("dates", rf"{START}{_NAMED}{END}", _english_named, _english_named),
    Rule("dates", rf"{START}{_MONTH},?\s{_YEAR}{END}", _english_month_year, _english_month_year),
    Rule("dates", rf"{START}{_DAY_FIRST}{END}", _english_day_first, _english_day_first),
    Rule("dates", rf"{START}{_ERA}", _leave, _chinese_year),
    Rule("dates", rf"{START}0[1-9](?=[月日点时])", _leave, _chinese_padded),
    Rule("dates", rf"{START}(?:[5-9]0|10)(?=后(?!的?[天年月日]))", _leave, _chinese_generation),
    Rule("dates", rf"{START}{_SPAN}{END}(?![-–])", _english_years, _chinese_years),
    Rule("dates", rf"{START}['’]?(?:{_YEAR}|[2-9]0)['’]?s{END}", _english_decade, _chinese_decade),
)

"""Dates, years and decades."""

import datetime
import re
from dataclasses import replace

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Rule, leave

_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = _MONTH_NAMES.split()
_SHORT = {name[:3]: name for name in _MONTHS} | {"Sept": "September"}
_MONTH = "(?:" + "|".join(_MONTHS) + r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.?)"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d|20)\d\d"
_EXACT_YEAR = r"(?:1[5-9]|20)(?:\d[1-9]|[1-9]0)"
"""Not a round number, which before 前 or 以来 would be a span of years."""

_THIS_CENTURY = 40
"""Years of two digits below are of the 21st century, others of the 20th."""

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


def _short_year(found: Found) -> tuple[int, int, int] | None:
    """(year, month, day) of 04/05/24: up to 39 in this century."""
    first, second, year = found.text.split("/")
    century = "20" if int(year) < _THIS_CENTURY else "19"
    return _numeric(replace(found, text=f"{first}/{second}/{century}{year}"))


def _english_date(date: tuple[int, int, int] | None) -> str | None:
    if date is None:
        return None
    year, month, day = date
    return f"{_MONTHS[month - 1]} {english.ordinal(day)}, {english.year(year)}"


def _english_short_year(found: Found) -> str | None:
    return _english_date(_short_year(found))


def _day_of_any_year(found: Found) -> tuple[int, int] | None:
    """(month, day) of 12/25 or 25/12, in a leap year."""
    date = _numeric(replace(found, text=f"{found.text}/2024"))
    return date[1:] if date else None


def _english_day(found: Found) -> str | None:
    date = _day_of_any_year(found)
    return f"{_MONTHS[date[0] - 1]} {english.ordinal(date[1])}" if date else None


def _chinese_day(found: Found) -> str | None:
    date = _day_of_any_year(found)
    return f"{chinese.cardinal(date[0])}月{chinese.cardinal(date[1])}日" if date else None


def _english_numeric(found: Found) -> str | None:
    return _english_date(_numeric(found))


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
    end = english.two_digits(int(last)) if len(last) == 2 and int(last) else english.year(_full(last, int(first)))
    return f"{english.year(int(first))} to {end}"


def _full(last: str, first: int) -> int:
    """2000 for the 00 of 1999/00."""
    return int(last) if len(last) == 4 else first - first % 100 + 100


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
_SEASON = "(?:19|20)(?:" + "|".join(f"{year:02}/(?:19|20)?{(year + 1) % 100:02}" for year in range(100)) + ")"
"""2023/24: a year and the next."""

_CUES = "on by born until till since from before after dated due"
_CHINESE_CUES = "在 于 到 至 自 从 截止 日期："
_AFTER_A_CUE = "|".join(
    [rf"(?<=\b[{word[0]}{word[0].upper()}]{word[1:]}\s)" for word in _CUES.split()]
    + [rf"(?<={word})" for word in _CHINESE_CUES.split()]
    + [r"(?<=day\s)", r"(?<=day,\s)", r"(?<=/[23]\d\sto\s)"]
)
"""Behind words of time 12/25 is a day."""

_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_LATE_DAY = r"(?:1[345789]|2[1-9]|3[01])"
"""Above 12, and below the line of no usual fraction."""

_DAY_OF_MONTH = rf"(?:{_MONTH_NUMBER}/{_LATE_DAY}|(?:1[3-9]|2\d|3[01])/{_MONTH_NUMBER})"
_SURE_DAY = r"(?<=\b[Oo]n\s)(?:1[02]/(?:1[026]|20)|11/11)"
"""Nobody writes twelve twentieths; but one agrees on 8/10 points."""

_NO_SHARE = r"(?!\s(?:of|(?!(?:is|was|has|this|his|its|as|us)\b)[a-z]+s)\b)"
"""Neither 12/25 of them nor 3/21 shots."""

_SHORT_YEAR = r"(?:0\d|[12]\d|3[01])/(?:0\d|[12]\d|3[01])/\d\d"
_ROUND = r"[1-3][05]/[1-3][05]/\d[05]"
"""10/20/30 are rather three numbers."""

_NO_AMOUNT = r"(?!\s?(?:%|[cmk]?m\b|[mk]?g\b|ml\b)|/|-\d|\s?=)"
RULES = (
    Rule("dates", rf"{START}(?:{_NUMERIC}){END}", _english_numeric, _chinese_numeric),
    Rule("dates", rf"{START}(?!{_ROUND}){_SHORT_YEAR}{_NO_AMOUNT}{END}", _english_short_year, leave),
    Rule(
        "dates",
        rf"(?=\d)(?:{_AFTER_A_CUE})(?:\d|[0-3]\d)/[0-3]?\d/\d\d{_NO_AMOUNT}{END}",
        _english_short_year,
        leave,
    ),
    Rule(
        "dates",
        rf"(?=\d)(?:(?:{_AFTER_A_CUE}){_DAY_OF_MONTH}|{_SURE_DAY}){_NO_SHARE}{_NO_AMOUNT}{END}",
        _english_day,
        _chinese_day,
    ),
    Rule("dates", rf"{START}{_NAMED}{END}", _english_named, _english_named),
    Rule("dates", rf"{START}{_MONTH},?\s{_YEAR}{END}", _english_month_year, _english_month_year),
    Rule("dates", rf"{START}{_DAY_FIRST}{END}", _english_day_first, _english_day_first),
    Rule("dates", rf"{START}{_ERA}", leave, _chinese_year),
    Rule("dates", rf"{START}0[1-9](?=[月日点时])", leave, _chinese_padded),
    Rule("dates", rf"{START}(?:[5-9]0|10)(?=后(?!的?[天年月日]))", leave, _chinese_generation),
    Rule("dates", rf"{START}{_SPAN}{END}(?![-–])", _english_years, _chinese_years),
    Rule("dates", rf"{START}{_SEASON}(?!/|\s?=|[月日号]){END}", _english_years, _chinese_years),
    Rule("dates", rf"{START}['’]?(?:{_YEAR}|[2-9]0)['’]?s{END}", _english_decade, _chinese_decade),
)

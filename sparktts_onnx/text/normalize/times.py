"""Times of day, and ratios written the same way."""

import re

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Rule

_CLOCK = r"(?:2[0-4]|[01]?\d):[0-5]\d(?::[0-5]\d)?"
_HALF = r"(?:[ap]\.m\.?|[ap]m|[AP]\.M\.?|[AP]M)"
_HOUR = r"(?:1[0-2]|0?[1-9])"
_ONE_TIME = rf"(?:{_CLOCK}(?:\s?{_HALF}(?![A-Za-z]))?|{_HOUR}\s?{_HALF}(?![A-Za-z]))"
_BARE_HOUR = rf"{_HOUR}(?=[-–—~]{_HOUR}\s?{_HALF})"
"""The first hour of 5-6pm."""

_RATIO_BEFORE = re.compile(r"\b(?:scored?|scale|ratio|odds|won|wins|lost|leads?)(?:\s(?:was|is|of|by))?:?\s$")
_RATIO_AFTER = re.compile(r"\s(?:scale|ratio|odds|win|lead|split|mix|aspect)\b")
_OFFSET = r"(?:UTC|GMT)\s?[+−-]\d{1,2}(?::?[0-5]\d)?"
_TIME = re.compile(rf"(?P<hour>\d\d?)(?::(?P<minute>\d\d))?(?::(?P<second>\d\d))?(?:\s?(?P<half>{_HALF}))?")


def _halves(text: str) -> list[str]:
    """The one or two times of a range."""
    return re.split(DASH, text)


def _english_time(written: str) -> str | None:
    parts = _TIME.fullmatch(written)
    if parts is None:
        return None
    hour, minute = int(parts["hour"]), int(parts["minute"] or "0")
    half = f" {parts['half'][0].lower()} m" if parts["half"] else ""
    is_exact = not minute and parts["second"] in (None, "00")
    if minute:
        spoken = f"{english.cardinal(hour)} {english.two_digits(minute)}"
    elif half or not is_exact or not parts["minute"]:
        spoken = english.cardinal(hour)
    else:
        spoken = f"{english.cardinal(hour)} o'clock" if hour <= 12 else f"{english.cardinal(hour)} hundred"
    if parts["second"] and not is_exact:
        seconds = int(parts["second"])
        spoken += f" and {english.cardinal(seconds)} second{'' if seconds == 1 else 's'}"
    return spoken + half


def _chinese_time(written: str) -> str | None:
    parts = _TIME.fullmatch(written)
    if parts is None:
        return None
    hour, minute = int(parts["hour"]), int(parts["minute"] or "0")
    spoken = "" if not parts["half"] else "上午" if parts["half"][0] in "aA" else "下午"
    spoken += ("两" if hour == 2 else chinese.cardinal(hour)) + "点"
    if minute or parts["second"]:
        spoken += _padded(minute) + "分"
    return spoken + (_padded(int(parts["second"])) + "秒" if parts["second"] else "")


def _padded(value: int) -> str:
    return ("零" if 0 < value < 10 else "") + chinese.cardinal(value)


def _is_ratio(found: Found) -> bool:
    """Whether the words around 2:10 say that it is no time of day."""
    is_plain = re.fullmatch(r"\d+:\d+", found.text) is not None
    return is_plain and bool(_RATIO_BEFORE.search(found.before) or _RATIO_AFTER.match(found.after))


def _english(found: Found) -> str | None:
    if _is_ratio(found):
        return _english_ratio(found)
    times = [_english_time(part) for part in _halves(found.text)]
    spoken = [time for time in times if time is not None]
    return found.keep_stop(" to ".join(spoken)) if len(spoken) == len(times) else None


def _chinese(found: Found) -> str | None:
    times = [_chinese_time(part) for part in _halves(found.text)]
    spoken = [time for time in times if time is not None]
    return "到".join(spoken) if len(spoken) == len(times) else None


def _english_ratio(found: Found) -> str:
    return " to ".join(english.number(part) for part in found.text.split(":"))


def _chinese_ratio(found: Found) -> str:
    return "比".join(chinese.number(part) for part in found.text.split(":"))


def _english_span(found: Found) -> str:
    """2h 45m, 1h30m, 5'30\": hours, minutes and seconds, or the last two of them."""
    parts = zip(*_span(found), strict=True)
    return " ".join(f"{english.cardinal(value)} {name}{'' if value == 1 else 's'}" for value, name in parts)


def _chinese_span(found: Found) -> str:
    values, names = _span(found)
    spoken = {"hour": "小时", "minute": "分", "second": "秒"}
    first = "两" if values[0] == 2 else chinese.cardinal(values[0])
    return "".join(
        (_padded(value) if at else first) + spoken[name]
        for at, (value, name) in enumerate(zip(values, names, strict=True))
    )


def _span(found: Found) -> tuple[list[int], tuple[str, ...]]:
    values = [int(value) for value in re.findall(r"\d+", found.text)]
    names = ("hour", "minute", "second")
    return values, names[: len(values)] if "h" in found.text else names[1:]


def _offset(found: Found) -> tuple[str, str, int, int]:
    """(name, sign, hours, minutes) of UTC+05:30"""
    digits = re.sub(r"\D", "", found.text)
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    return found.text[:3], found.text[3:].lstrip()[0], int(hours), int(minutes)


def _english_offset(found: Found) -> str:
    name, sign, hours, minutes = _offset(found)
    if not hours and not minutes:
        return name
    spoken = f"{name} {'plus' if sign == '+' else 'minus'} {english.cardinal(hours)}"
    return f"{spoken} {english.two_digits(minutes)}" if minutes else spoken


def _chinese_offset(found: Found) -> str:
    name, sign, hours, minutes = _offset(found)
    if not hours and not minutes:
        return name
    spoken = name + ("加" if sign == "+" else "减") + chinese.cardinal(hours)
    return f"{spoken}小时{chinese.cardinal(minutes)}分" if minutes else spoken


_HOURS_AND_MINUTES = r"\d{1,3}\s?(?:h|hrs?)\s?[0-5]?\d\s?(?:mins?|m)(?:\s?[0-5]?\d\s?s(?:ecs?)?)?(?![\w/'’])"
_MINUTES_AND_SECONDS = r"\d{1,2}['’′](?:0\d|1[2-9]|[2-5]\d)(?:[\"”″]|''|’’|′′)"
"""More than eleven inches, or as no inches are written."""

RULES = (
    Rule("times", rf"{START}(?:{_HOURS_AND_MINUTES}|{_MINUTES_AND_SECONDS})", _english_span, _chinese_span),
    Rule("times", rf"{START}{_OFFSET}(?![\d:])", _english_offset, _chinese_offset),
    Rule(
        "times", rf"{START}(?:{_BARE_HOUR}|{_ONE_TIME})(?:{DASH}{_ONE_TIME})?(?![A-Za-z0-9]|[:.]\d)", _english, _chinese
    ),
    Rule("times", rf"{START}\d{{1,3}}:\d{{1,3}}{END}", _english_ratio, _chinese_ratio),
)

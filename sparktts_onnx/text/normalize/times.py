"""Times of day, spans of time, and ratios written the same way."""

import re
from functools import cache

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, rows, words

_CLOCK = r"(?:2[0-4]|[01]?\d):[0-5]\d(?::[0-5]\d)?"
_HALF = r"(?:[ap]\.m\.?|[ap]m|[AP]\.M\.?|[AP]M)"
_HOUR = r"(?:1[0-2]|0?[1-9])"
_ONE_TIME = (
    rf"(?:{_CLOCK}(?:\s?{_HALF}(?![A-Za-z]))?|{_HOUR}\.[0-5]\d\s?{_HALF}(?![A-Za-z])|{_HOUR}\s?{_HALF}(?![A-Za-z]))"
)
_BARE_HOUR = rf"{_HOUR}(?=[-–—~]{_HOUR}\s?{_HALF})"
"""The first hour of 5-6pm."""
_RATIO_BEFORE = re.compile(
    r"\b(?:scored?|scale|ratio|odds|won|wins|lost|leads?)(?:\s(?:was|is|of|by))?:?\s$"
    r"|(?:比例尺?|配比|比率|比值|比分|赔率|按|以|之比)[是为约：:]*\s?$"
)
_RATIO_AFTER = re.compile(r"\s(?:scale|ratio|odds|win|lead|split|mix|aspect)\b|的?(?:比例|配比|稀释|混合|兑水)")
_TIME = re.compile(rf"(?P<hour>\d\d?)(?:[:.](?P<minute>\d\d))?(?::(?P<second>\d\d))?(?:\s?(?P<half>{_HALF}))?")


def _english_time(parts: re.Match[str]) -> str:
    hour, minute = int(parts["hour"]), int(parts["minute"] or "0")
    half = f" {parts['half'][0].lower()} m" if parts["half"] else ""
    if hour in (0, 24) and parts["minute"] == "00" and parts["second"] in (None, "00") and not half:
        return "midnight"
    is_exact = not minute and parts["second"] in (None, "00")
    spoken = english.cardinal(hour)
    if minute:
        spoken += f" {english.two_digits(minute)}"
    elif not half and is_exact and parts["minute"]:
        spoken += " o'clock" if hour <= 12 else " hundred"
    if parts["second"] and not is_exact:
        seconds = int(parts["second"])
        spoken += f" and {english.cardinal(seconds)} second{'' if seconds == 1 else 's'}"
    return spoken + half


def _chinese_time(parts: re.Match[str]) -> str:
    hour, minute = int(parts["hour"]), int(parts["minute"] or "0")
    spoken = "" if not parts["half"] else "上午" if parts["half"][0] in "aA" else "下午"
    spoken += chinese.counted(str(hour)) + "点"
    if minute or parts["second"]:
        spoken += _padded(minute) + "分"
    return spoken + (_padded(int(parts["second"])) + "秒" if parts["second"] else "")


def _padded(value: int) -> str:
    return ("零" if 0 < value < 10 else "") + chinese.cardinal(value)


def _time(found: Found) -> str | None:
    is_plain = re.fullmatch(r"\d+:\d+", found.text) is not None
    if is_plain and (_RATIO_BEFORE.search(found.before) or _RATIO_AFTER.match(found.after)):
        return _ratio(found)
    parts = [_TIME.fullmatch(part) for part in re.split(DASH, found["times"])]
    spoken = [(_english_time if found.language == "en" else _chinese_time)(part) for part in parts if part]
    if len(spoken) != len(parts):
        return None
    zone = " " + " ".join(found["zone"]) if found["zone"] else ""
    text = found.pick(" to ", "到").join(spoken) + zone
    return text if _goes_on().match(found.after) else found.keep_stop(text)


@cache
def _goes_on() -> re.Pattern[str]:
    """What tells more of a time: 5 p.m. Tuesday, 5 p.m. EST."""
    days = one_of(words("weekdays") | {row[1] for row in rows("weekdays")})
    return re.compile(rf"\s(?:{days}|{one_of(words('timezones'))}|Eastern|Central|Mountain|Pacific)")


def _ratio(found: Found) -> str:
    return found.pick(" to ", "比").join(map(found.number, found.text.split(":")))


def _verses(found: Found) -> str:
    """John 3:16-18"""
    chapter, first, last = map(found.number, re.findall(r"\d+", found.text))
    return f"{chapter} {first} to {last}"


def _span(found: Found) -> str:
    """2h 45m, 1h30m, 2m 30s, 5'30": hours, minutes and seconds, or the last two of them."""
    values = [int(value) for value in re.findall(r"\d+", found.text)]
    names = (("hour", "小时"), ("minute", "分"), ("second", "秒"))["h" not in found.text :][: len(values)]
    if found.language == "en":
        parts = zip(values, names, strict=True)
        return " ".join(f"{english.cardinal(value)} {name}{'' if value == 1 else 's'}" for value, (name, _) in parts)
    numbers = [chinese.counted(str(values[0])), *map(_padded, values[1:])]
    return "".join(number + name for number, (_, name) in zip(numbers, names, strict=True))


def _offset(found: Found) -> str:
    """UTC+05:30"""
    name, hours, minutes = found["name"], int(found["hours"]), int(found["minutes"] or "0")
    if not hours and not minutes:
        return name
    sign = found.pick(" plus ", "加") if found["sign"] == "+" else found.pick(" minus ", "减")
    spoken = name + sign + found.number(str(hours))
    if not minutes:
        return spoken
    return spoken + found.pick(f" {english.two_digits(minutes)}", f"小时{chinese.cardinal(minutes)}分")


def rules() -> tuple[Rule, ...]:
    """Tried before numbers and units, which would take a part alone."""
    hours = r"\d{1,3}\s?(?:h|hrs?)\s?[0-5]?\d\s?(?:mins?|m)(?:\s?[0-5]?\d\s?s(?:ecs?)?)?(?![\w/'’])"
    minutes = r"\d{1,2}['’′](?:0\d|1[2-9]|[2-5]\d)(?:[\"”″]|''|’’|′′)"  # more than eleven inches, or not as inches are
    short = r"\d{1,2}m\s?[0-5]?\ds(?![\w/'’])"
    offset = r"(?P<name>UTC|GMT)\s?(?P<sign>[+−-])(?P<hours>\d\d?)(?::?(?P<minutes>[0-5]\d))?"
    times = rf"(?P<times>(?:{_BARE_HOUR}|{_ONE_TIME})(?:{DASH}{_ONE_TIME})?)"
    zone = rf"(?P<zone>{one_of(words('timezones'))})?"
    return (
        Rule(rf"{START}(?:{hours}|{minutes}|{short})", _span),
        Rule(rf"{START}{offset}(?![\d:])", _offset),
        Rule(rf"{START}\d{{1,3}}:[1-9]\d{{0,2}}[-–]\d{{1,3}}(?!:|\s?[ap]\.?m){END}", _verses, only="en"),
        Rule(rf"{START}{times}{zone}(?![A-Za-z0-9]|[:.]\d)", _time),
        Rule(rf"{START}(?:\d{{1,3}}:\d{{1,3}}|(?<!-)1:\d{{4,6}}){END}", _ratio),
    )

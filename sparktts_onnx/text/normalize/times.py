"""Times of day, spans of time, and ratios written the same way."""

import re
from functools import cache

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, rows, spellings, words

_CLOCK = r"(?:2[0-4]|[01]?\d):[0-5]\d(?::[0-5]\d)?"
_HALF = r"(?:[ap]\.m\.?|[ap]m|[AP]\.M\.?|[AP]M)"
_LETTER = r"[ap](?![\w.])"
"""6:00a-10:00p, 8a–8p"""
_HOUR = r"(?:1[0-2]|0?[1-9])"
_ONE_TIME = (
    rf"(?:{_CLOCK}(?:\s?{_HALF}(?![A-Za-z])|{_LETTER})?|{_HOUR}\.[0-5]\d\s?{_HALF}(?![A-Za-z])"
    rf"|{_HOUR}\s?{_HALF}(?![A-Za-z]))"
)
_LETTERED = rf"{_HOUR}(?::[0-5]\d)?[ap]"
_BARE_HOUR = rf"{_HOUR}(?=[-–—~]{_HOUR}(?::[0-5]\d)?\s?{_HALF})"
"""The first hour of 5-6pm."""
_RATIO_BEFORE = re.compile(
    r"\b(?:scored?|scale|ratio|odds|won|wins|lost|leads?)(?:\s(?:was|is|of|by))?:?\s$"
    r"|(?:比例尺?|配比|比率|比值|比分|赔率|按|以|之比)[是为约：:]*\s?$"
)
_BESIDE_SCORE = re.compile(r"(?<!\d)(\d{1,3}):(\d{1,3})(?!\d)")
_JOINS_SCORES = (re.compile(r"\d:\d{1,3}[、,和及\s]{1,2}$"), re.compile(r"[、,和及\s]{1,2}\d{1,3}:\d"))
_CHINESE_BOOK = re.compile("(?:福音|诗篇|箴言|马书|前书|后书|世记|及记|示录|行传)$")
_TOOK = re.compile(r"\b(?:in|ran|time of|clocked)\s$")
"""Behind these, 34:12 is minutes and seconds."""
_RATIO_AFTER = re.compile(r"\s(?:scale|ratio|odds|win|lead|split|mix|aspect)\b|的?(?:比例|配比|稀释|混合|兑水)")
_TIME = re.compile(rf"(?P<hour>\d\d?)(?:[:.](?P<minute>\d\d))?(?::(?P<second>\d\d))?(?:\s?(?P<half>{_HALF}|[ap]))?")


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
    if is_plain and (_RATIO_BEFORE.search(found.before) or _RATIO_AFTER.match(found.after) or _is_among_scores(found)):
        return _ratio(found)
    parts = [_TIME.fullmatch(part) for part in re.split(DASH, found["times"])]
    spoken = [(_english_time if found.language == "en" else _chinese_time)(part) for part in parts if part]
    if len(spoken) != len(parts):
        return None
    zone = " " + " ".join(found["zone"]) if found["zone"] else ""
    text = found.pick(" to ", "到").join(spoken) + zone
    return text if _goes_on().match(found.after) else found.keep_stop(text)


def _is_among_scores(found: Found) -> bool:
    """Whether another score stands beside it that is no time of day: 25:20、23:25."""
    before, after = _JOINS_SCORES
    beside = before.search(found.before), after.match(found.after)
    texts = [found.before] * bool(beside[0]) + [found.after] * bool(beside[1])
    scores = [score for text in texts for score in _BESIDE_SCORE.findall(text)]
    return any(int(hour) > 24 or int(minute) > 59 or len(minute) == 1 for hour, minute in scores)


@cache
def _goes_on() -> re.Pattern[str]:
    """What tells more of a time: 5 p.m. Tuesday, 5 p.m. EST."""
    days = one_of(words("weekdays") | {row[1] for row in rows("weekdays")})
    return re.compile(rf"\s(?:{days}|{one_of(words('timezones'))}|Eastern|Central|Mountain|Pacific)")


def _ratio(found: Found) -> str:
    if found.language == "en" and _TOOK.search(found.before) and re.fullmatch(r"\d\d:[0-5]\d", found.text):
        minutes, seconds = map(int, found.text.split(":"))
        return f"{english.cardinal(minutes)} {english.two_digits(seconds) if seconds else 'flat'}"
    return found.pick(" to ", "比").join(map(found.number, found.text.split(":")))


def _lap(found: Found) -> str:
    """1:29.708"""
    minutes, seconds = found.text.split(":")
    whole, part = seconds.split(".")
    if found.language == "zh":
        return f"{chinese.counted(minutes)}分{chinese.cardinal(int(whole))}秒{chinese.digits(part)}"
    return f"{english.number(minutes)} {english.two_digits(int(whole))} point {english.digits(part)}"


@cache
def _books() -> dict[str, str]:
    return {name: row[0] for row in rows("books") for name in (row[0], *spellings(row[1]))}


def _scripture(found: Found) -> str | None:
    """Ps. 23:4, 1 Cor. 13:4-7"""
    if found["book"] not in _books():
        return None
    part = english.ordinal(int(found["part"])).title() + " " if found["part"] else ""
    verses = " to ".join(found.number(verse) for verse in (found["first"], found["last"]) if verse)
    return f"{part}{_books()[found['book']]} {found.number(found['chapter'])} {verses}"


def _chinese_scripture(found: Found) -> str | None:
    """约翰福音3:16"""
    if not _CHINESE_BOOK.search(found.before):
        return None
    chapter, *verses = map(found.number, re.findall(r"\d+", found.text))
    return f"{chapter}章{'到'.join(verses)}节"


def _verses(found: Found) -> str:
    """Sura 3:16-18"""
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
    times = rf"(?P<times>{_LETTERED}{DASH}{_LETTERED}|(?:{_BARE_HOUR}|{_ONE_TIME})(?:{DASH}{_ONE_TIME})?)"
    zone = rf"(?P<zone>{one_of(words('timezones'))})?"
    return (
        Rule(rf"{START}(?:{hours}|{minutes}|{short})", _span),
        Rule(rf"{START}{offset}(?![\d:])", _offset),
        Rule(
            rf"{START}(?:(?P<part>[1-3])\s)?(?P<book>[A-Z][a-z']{{1,14}})\.?\s(?P<chapter>\d{{1,3}}):(?P<first>\d{{1,3}})"
            rf"(?:[-–](?P<last>\d{{1,3}}))?(?!\s?[ap]\.?m){END}",
            _scripture,
            only="en",
        ),
        Rule(rf"{START}\d{{1,3}}:\d{{1,3}}(?:[-–—~～]\d{{1,3}})?{END}", _chinese_scripture, only="zh"),
        Rule(rf"{START}\d{{1,3}}:[1-9]\d{{0,2}}[-–]\d{{1,3}}(?!:|\s?[ap]\.?m){END}", _verses, only="en"),
        Rule(rf"{START}\d{{1,2}}:[0-5]\d\.\d{{1,3}}{END}", _lap),
        Rule(rf"{START}{times}{zone}(?![A-Za-z0-9]|[:.]\d|,\d{{3}})", _time),
        Rule(rf"{START}(?:\d{{1,3}}:\d{{1,3}}|(?<!-)1:(?:\d{{4,7}}|\d{{1,3}}(?:,\d{{3}})+)){END}", _ratio),
    )

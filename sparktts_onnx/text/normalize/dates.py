"""Dates, years and decades."""

import datetime
import re
from functools import cache

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.language import Language
from sparktts_onnx.text.normalize.rule import DASH, END, START, Found, Reader, Rule
from sparktts_onnx.text.normalize.tables import entries, one_of, rows, spellings, words

_DAY = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d|20)\d\d"
_EXACT_YEAR = r"(?:1[5-9]|20)(?:\d[1-9]|[1-9]0)"
"""Not a round number, which before 前 or 以来 would be a span of years."""
_THIS_CENTURY = 40
"""Years of two digits below are of the 21st century, others of the 20th."""
_BEHIND_MONTHLY = re.compile(
    r"\b(?:[Ii]n|[Uu]ntil|[Tt]ill|[Ss]ince|[Ff]rom|[Bb]etween|[Bb]efore|[Aa]fter|[Ll]ast|[Tt]his|[Nn]ext|[Ee]arly|[Ll]ate|[Mm]id"
    r"|[Ee]very|[Bb]y|[Tt]hrough|to|and)[\s-]$"
)
"""Words of time, behind which a capitalized Oct is a month."""
_WORDS = frozenset({"may", "march", "mar"})
"""Months that in small letters are rather words: only with a year, or behind a word of time."""
_BEHIND_TIME = re.compile(
    r"\b(?:on|by|until|till|since|from|before|after|of|in|to|due|between)\s(?:the\s)?$", re.IGNORECASE
)


@cache
def months() -> tuple[tuple[str, ...], ...]:
    """The names of each month: the full one, then those shortened."""
    return tuple((row[0], *spellings(row[1])) for row in rows("months"))


@cache
def _month_of() -> dict[str, int]:
    return {name.lower(): number for number, names in enumerate(months(), 1) for name in names}


def _ordered(written: str) -> datetime.date | None:
    """2024-05-01, 2024/5/1, 5/1/2024 or 31.12.2024; None if there is no such day."""
    first, second, third = (int(part) for part in re.split(r"[-/.·]", written))
    if first > 31:
        year, month, day = first, second, third
    elif second > 12 or (first <= 12 and "." not in written):
        year, month, day = third, first, second
    else:
        year, month, day = third, second, first
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _day_of_month(found: Found, date: datetime.date) -> str:
    of_english = f"{months()[date.month - 1][0]} {english.ordinal(date.day)}"
    return found.pick(of_english, f"{chinese.cardinal(date.month)}月{chinese.cardinal(date.day)}日")


def _numeric(found: Found) -> str | None:
    return None if _SAYS_CODE.search(found.before) else _in_words(found, found.text)


def _short_year(found: Found) -> str | None:
    """04/05/24, or behind words of time 4/5/24: up to 39 in this century."""
    is_padded = len(found.text) == 8 and not _ROUND.fullmatch(found.text)
    if not is_padded and not _DATED.search(found.before):
        return None
    first, second, year = found.text.split("/")
    return _in_words(found, f"{first}/{second}/{'20' if int(year) < _THIS_CENTURY else '19'}{year}")


def _in_words(found: Found, written: str) -> str:
    date = _ordered(written)
    if date is None:
        return found.text
    day = _day_of_month(found, date)
    return found.pick(f"{day}, {english.year(date.year)}", f"{chinese.digits(str(date.year))}年{day}")


def _dated(found: Found) -> str | None:
    """12/25 or 25/12 behind words of time, 05/12 anywhere"""
    is_date = _LATE_DAY.fullmatch(found.text) and _DATED.search(found.before)
    is_sure = _SURE_DAY.fullmatch(found.text) and re.search(r"\b[Oo]n\s$", found.before)
    is_told = _DAY_OF_YEAR.fullmatch(found.text) and _ON.search(found.before) and _says_day(found)
    is_label = found.last_word().lower() in words("lists", "label")
    is_padded = found.language == "en" and re.search(r"\b0\d", found.text) is not None and not is_label
    is_day = is_date or is_sure or is_told or is_padded or _BEHIND_WEEKDAY.search(found.before)
    return _any_year(found) if is_day else None


def _says_day(found: Found) -> bool:
    """On 7/10 we met; we met on 7/10; on 7/10 at noon; not on 7/10 points."""
    if found.text in words("sayings"):
        return False
    begins = re.search(r"(?:^|[.!?]\s)On\s$", found.before) and found.after.startswith(",")
    happens = _HAPPENED.search(found.before) and _CLAUSE_ENDS.match(found.after)
    return bool(begins or happens or _HAPPENS.match(found.after))


def _any_year(found: Found) -> str:
    """12/25 or 25/12, in a leap year."""
    date = _ordered(f"{found.text.replace('-', '/')}/2024")
    return _day_of_month(found, date) if date else found.text


def _month_of_year(found: Found) -> str | None:
    """2019-07, but not 2007-08, which in English is rather a span of years."""
    year, month = sorted(re.findall(r"\d+", found.text), key=len, reverse=True)
    if found.language == "en":
        return f"{months()[int(month) - 1][0]} {english.year(int(year))}" if int(month) <= int(year[2:]) else None
    return f"{chinese.digits(year)}年{chinese.cardinal(int(month))}月"


def _month_then_year(found: Found) -> str:
    """10/2025"""
    month, year = map(int, found.text.split("/"))
    return f"{months()[month - 1][0]} {english.year(year)}"


def _month(found: Found) -> str | None:
    """The name of a month as it was written, shortened or not; None where it is rather a word."""
    written = found["month"].rstrip(".")
    name = months()[_month_of()[written.lower()] - 1][0]
    if written[0].islower() or written.isupper():
        is_word = written.lower() in _WORDS and not found["year"] and not found["month"].endswith(".")
        if is_word and not _BEHIND_TIME.search(found.before):
            return None
        return name.lower() if written[0].islower() else name
    return name


def _named(found: Found) -> str | None:
    """May 5-7, 2024 or 5 July 1776"""
    month = _month(found)
    if month is None:
        return None
    days = " to ".join(english.ordinal(int(re.sub(r"\D", "", day))) for day in (found["day"], found["until"]) if day)
    spoken = f"{month} {days}"
    if found.match.start("day") < found.match.start("month"):
        the = "" if re.search(r"\bthe\s$", found.before, re.IGNORECASE) else "the "
        spoken = f"{the}{days} of {month}"
    return found.keep_stop(spoken + (f", {english.year(_whole_year(found['year']))}" if found["year"] else ""))


def _whole_year(written: str) -> int:
    """2024 for '24, 1985 for '85"""
    year = int(written.lstrip("'’"))
    return year if year > 99 else year + (2000 if year < _THIS_CENTURY else 1900)


def _from_to(found: Found) -> str | None:
    """Jan. 5–Feb. 10, 2023"""
    month, until = _full_name(found["month"]), _full_name(found["until"])
    if not month or not until:
        return None
    first, last = (english.ordinal(int(re.sub(r"\D", "", found[day]))) for day in ("day", "last_day"))
    year = f", {english.year(int(found['year']))}" if found["year"] else ""
    return f"{month} {first} to {until} {last}{year}"


def _months(found: Found) -> str | None:
    """Jan.-Mar., Oct–Dec 2024"""
    first, last = _full_name(found["month"]), _full_name(found["until"])
    if not first or not last:
        return None
    year = f" {english.year(int(found['year']))}" if found["year"] else ""
    return found.keep_stop(f"{first} to {last}{year}")


def _month_alone(found: Found) -> str | None:
    """In Nov., since Sept, early Jan.; Jan and Mar may be a name and a verb"""
    is_else = found.text.startswith(("Jan", "Mar"))
    is_sure = found.text.endswith(".") and not is_else
    is_of_a_name = is_else and re.search(r"\band\s$", found.before)
    is_of_a_name = is_of_a_name or (is_else and not found.text.endswith(".") and re.match(r"\s[A-Z]", found.after))
    if is_of_a_name or not (is_sure or _BEHIND_MONTHLY.search(found.before)):
        return None
    return found.keep_stop(_full_name(found.text))


def _full_name(written: str) -> str:
    """September for Sept.; "" for no month"""
    number = _month_of().get(written.rstrip(".").lower())
    return months()[number - 1][0] if number else ""


def _month_and_year(found: Found) -> str | None:
    month = _month(found)
    return f"{month} {english.year(int(found['year']))}" if month else None


def _years(found: Found) -> str:
    first, last = re.findall(r"\d+", found.text)
    if found.language == "zh":
        return chinese.digits(first) + "到" + chinese.digits(last)
    if len(last) == 2 and int(last):
        return f"{english.year(int(first))} to {english.two_digits(int(last))}"
    end = int(last) if len(last) == 4 else (int(first) // 100 + 1) * 100
    return f"{english.year(int(first))} to {english.year(end)}"


def _old_years(found: Found) -> str | None:
    """(1564–1616), from 1642-1651, c. 1500–1550"""
    first, last = map(int, re.findall(r"\d+", found.text))
    is_short = last < 100
    last += first // 100 * 100 if is_short else 0
    is_life = re.search(r"[(;,]\s?$", found.before) and re.match(r"[);,]", found.after)
    is_span = 0 < last - first <= 150 and (is_life or _SAYS_SPAN.search(found.before))
    end = english.two_digits(last % 100) if is_short and last % 100 else english.year(last)
    return f"{english.year(first)} to {end}" if is_span else None


def _season(found: Found) -> str | None:
    """2023/24: a year and the next"""
    first, last = map(int, found.text.split("/"))
    return _years(found) if (last - first) % 100 == 1 else None


def _behind_apostrophe(found: Found) -> str | None:
    """The summer of '69, Jun '23."""
    month, year = _month_of().get(found["month"].rstrip(".").lower()), int(found["year"])
    if month:
        return f"{months()[month - 1][0]} {english.year(_whole_year(found['year']))}"
    return english.two_digits(year) if _SAYS_YEAR.search(found.before) else None


@cache
def _among_days() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What shows, behind and before it, that Sat or Sun is a day."""
    days, joined = one_of(words("weekdays")), r"(?:\s?[&/]|,?\s(?:and|to|or)\b|,)\s?"
    month = one_of(name for names in months() for name in names)
    before = rf"\b(?:{days}|[A-Z]\w+day)\.?{joined}$|\b(?:last|next|every|until|till|closed|open)\s$"
    return re.compile(rf",?\s(?:\d|{month}\b)|{joined}{days}\b"), re.compile(before, re.IGNORECASE)


def _weekday(found: Found) -> str | None:
    """Mon–Fri, Thurs."""
    behind, before = _among_days()
    goes_on = behind.match(found.after)
    days = re.findall("[A-Z][a-z]+", found.text)
    is_word = len(days) == 1 and entries("weekdays")[days[0]][1]
    if is_word and not before.search(found.before) and (not goes_on or found.before.lower().endswith("the ")):
        return None
    spoken = " to ".join(entries("weekdays")[day][0] for day in days)
    return spoken if goes_on else found.keep_stop(spoken)


def _decade(found: Found) -> str | None:
    """1990s, '80s, 1980s-90s, the 1960's; not the year of 2020's winner"""
    years = re.findall(r"\d+", found.text)
    is_possessive = re.search(r"\d\d['’]s", found.text) and re.match(r"\s[a-z]", found.after)
    if is_possessive and not re.search(r"\b(?:the|early|late|mid)[\s-]$", found.before, re.IGNORECASE):
        return None
    if found.language == "zh":
        spoken = (chinese.digits(year) if len(year) == 4 else chinese.cardinal(int(year)) for year in years)
        return "到".join(spoken) + "年代"
    return " to ".join(english.decade(int(year) or 2000) for year in years)


def _many(found: Found) -> str:
    """100s of people, 10,000s of them"""
    ten, thousand = found.text.replace(",", "").removesuffix("s").removesuffix("000"), "000s" in found.text
    words = {"1": "", "10": "tens", "100": "hundreds"}[ten]
    return f"{words} of thousands" if thousand and words else words or "thousands"


def _chinese_year(found: Found) -> str:
    """2024年: a year is read digit by digit."""
    return "到".join(chinese.digits(year) for year in re.findall(r"\d+", found.text)) + "年"


_DATED = re.compile(
    r"\b(?:on|by|born|until|till|since|from|before|after|dated|due)\s$|day,?\s$|/[23]\d\sto\s$"
    r"|(?:在|于|到|至|自|从|截止|日期：|[今明昨后前]天是?|[周期拜][一二三四五六日天末][（(]?)$",
    re.IGNORECASE,
)
"""Words of time, behind which 12/25 is a day."""
_BEHIND_WEEKDAY = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}[,.]?\s$")
_LATE_DAY = re.compile(r"(?:0?[1-9]|1[0-2])/(?:1[345789]|2[1-9]|3[01])|(?:1[3-9]|2\d|3[01])/(?:0?[1-9]|1[0-2])")
"""Above 12, and below the line of no usual fraction."""
_SURE_DAY = re.compile(r"1[02]/(?:1[026]|20)|11/11")
"""Nobody writes twelve twentieths; but one agrees on 8/10 points."""
_DAY_OF_YEAR = re.compile(r"(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])")
_EARLIER_DAYS = r"(?:\d\d?/\d\d?(?:,?\s(?:and|or|to)|,)\s){0,2}$"
_ON = re.compile(rf"\b[Oo]n\s{_EARLIER_DAYS}")
_HAPPENS = re.compile(
    r"\s(?:we|he|she|they|I(?!\s(?:think|guess|believe|suppose)\b))\s[a-z]|\sat\s(?:\d|noon\b|midnight\b)"
)
"""What follows a day, and no rating."""
_HAPPENED = re.compile(
    r"\b(?:met|meet|meeting|born|died|married|arrived?|arrives|leave|leaves|left|opens?|opened|closes?|closed|starts?"
    r"|started|begins?|began|ends?|ended|launch(?:ed|es)?|released?|shipped|delivered|signed|happened|scheduled|due"
    r"|expires?|expired|published|[Ss]ee\syou)\s[Oo]n\s" + _EARLIER_DAYS
)
"""What is done on a day, and to no rating."""
_CLAUSE_ENDS = re.compile(r"[.,;:!?)]|$|\s(?:and|or|to|but|in|at|with)\b")
_NO_SHARE = r"(?!\s(?:of|(?!(?:is|was|has|this|his|its|as|us)\b)[a-z]+s)\b)"
"""Neither 12/25 of them nor 3/21 shots."""
_ROUND = re.compile(r"[1-3][05]/[1-3][05]/\d[05]")
"""10/20/30 are rather three numbers."""
_SAYS_YEAR = re.compile(
    r"\b(?:in|of|since|from|until|till|by|before|after|around|back|class|summer|winter|spring|fall)\s$", re.IGNORECASE
)
_SAYS_SPAN = re.compile(
    r"\b(?:in|from|during|between|circa|ca\.|c\.|r\.|fl\.|reigned|years|ruled|of|War|Dynasty|century)\s?$",
    re.IGNORECASE,
)
_SAYS_CODE = re.compile(r"码[是为：:]?\s?$")
_NO_AMOUNT = r"(?!\s?(?:%|[cmk]?m\b|[mk]?g\b|ml\b)|/|-\d|\s?=)"


def rules() -> tuple[Rule, ...]:
    """Tried before ranges, fractions and numbers, which would take a part alone."""
    full = one_of(names[0] for names in months())
    short = one_of(name for names in months() for name in names[1:])
    month = rf"(?P<month>(?i:{full}|{short}\.?(?![a-z])))"
    shortened = one_of(name for names in months() for name in names[1:])
    first, last = r"(?P<month>[A-Z][a-z]{2,8}\b\.?)", r"(?P<until>[A-Z][a-z]{2,8}\b\.?)"
    days = rf"(?P<day>{_DAY})(?:{DASH}(?P<until>{_DAY}))?"
    numeric = rf"{_YEAR}(?:-\d\d?-|/\d\d?/|\.\d\d?\.|·\d\d?·)\d\d?|\d\d?(?:/\d\d?/|-\d\d?-|\.\d\d?\.){_YEAR}"
    span = r"(?:1[89]|20)\d\d[-–—](?:(?:1[89]|20)\d\d|\d\d)"
    day = one_of(words("weekdays"))
    decade = r"(?:['’]?(?:(?:1\d|20)\d0|[2-9]0)|['’]00|(?<=\bthe\s)00)['’]?s"
    year_word = rf"(?:{_YEAR}{DASH})?(?:{_EXACT_YEAR}年|{_YEAR}年(?![前后内来间以多历])|(?<=公元)\d{{3,4}}年)"

    def date(pattern: str, read: Reader, only: Language | None = None) -> Rule:
        return Rule(START + pattern, read, only)

    return (
        date(rf"(?:{numeric}){END}", _numeric),
        date(rf"[0-3]?\d/[0-3]?\d/\d\d{_NO_AMOUNT}{END}", _short_year, "en"),
        date(rf"\d\d?/\d\d?{_NO_SHARE}{_NO_AMOUNT}{END}", _dated),
        date(
            rf"{first}\s(?P<day>{_DAY}){DASH}{last}\s(?P<last_day>{_DAY})(?:,?\s(?P<year>{_YEAR}))?{END}",
            _from_to,
            "en",
        ),
        date(rf"{month}\s{days}(?:,?\s(?P<year>{_YEAR}|['’]\d\d))?{END}", _named),
        date(rf"(?<!-){month}[-.](?P<day>{_DAY})(?P<until>)(?:[-.](?P<year>{_YEAR}))?{END}(?!-)", _named),
        date(rf"{month},?\s(?P<year>{_YEAR}){END}", _month_and_year),
        date(rf"{first}{DASH}{last}(?:\s(?P<year>{_YEAR}){END})?", _months, "en"),
        date(rf"{shortened}\b\.?(?!\s?\d)", _month_alone, "en"),
        date(rf"(?:{month}\s)?['’](?P<year>\d\d)(?![\w'’])", _behind_apostrophe, "en"),
        date(rf"{day}\b\.?(?:{DASH}{day}\b\.?)?", _weekday, "en"),
        Rule(r"(?:(?<=\b[Uu]nder[-\s])|(?<=\b[Oo]ver[-\s]))\d\ds\b", _decade, "en"),  # of age
        date(r"(?:0\d|1[1-9]|[25-9]\d)(?=年(?:1[0-2]|0?[1-9])月(?!\d))", Found.by_digit, "zh"),
        date(r"(?:0\d|[5-9]\d)(?=年(?:出生|毕业|入学|生人))", Found.by_digit, "zh"),
        date(rf"{days}(?:\s(?:of\s)?|[-.]){month}(?:(?:,?\s|[-.])(?P<year>{_YEAR}|(?<=-)\d\d))?{END}", _named),
        date(year_word, _chinese_year, "zh"),
        date(r"(?:0[1-9](?=[月日点时])|(?<=月)0[1-9](?=号))", lambda found: chinese.cardinal(int(found.text)), "zh"),
        date(r"(?:[5-9]\d|[01][05]|0\d|30|40)(?=后(?!的?[天年月日]))", Found.by_digit, "zh"),
        date(rf"{_YEAR}[-/](?:0[1-9]|1[0-2])(?!\s?(?:赛季|学年|年度|财年|年)){END}(?![-–])", _month_of_year),
        date(rf"(?:0[1-9]|1[0-2])[-/.]{_YEAR}{END}", _month_of_year, "zh"),
        date(rf"(?:0?[1-9]|1[0-2])/(?:19|20)\d\d(?!\s?=){END}", _month_then_year, "en"),
        date(rf"(?<!第)0[1-9][-/](?:0[1-9]|[12]\d|3[01])(?!/|\s?[页集题章期班组届名号回位]){END}", _any_year, "zh"),
        date(rf"{span}{END}(?![-–])", _years),
        date(rf"1[0-7]\d\d[-–—](?:(?:1\d|20)\d\d|\d\d){END}(?![-–])", _old_years, "en"),
        date(rf"(?:19|20)\d\d/(?:19|20)?\d\d(?!/|\s?=|[月日号]){END}", _season),
        date(r"(?:10|1,?000|100|10,?000|100,?000)s(?= of\b)", _many, "en"),
        date(rf"{decade}(?:{DASH}{decade})?{END}", _decade),
    )

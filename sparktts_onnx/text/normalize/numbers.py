"""Ordinals, ranges, counts, and plain numbers."""

import re
import unicodedata

from sparktts_onnx.text.characters import HAN, LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.currency import scales
from sparktts_onnx.text.normalize.quantities import per, unit_name, unit_pattern
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, END, OVER, SIGNED, START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, words

_GROUPED_BY_SPACES = r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:\.\d+)?"
_NOT_MEASURE = re.compile("年级|分之|分(?!钟)|点(?!\\d\\d?分)[\\d一-九]|万一")
_YEAR_CUE = re.compile(
    r"(?:\b(?:in|since|from|until|till|by|of|year|years|circa|c\.|ca\.|AD|before|after|between|during|around|early|late|mid"
    r"|spring|summer|autumn|fall|winter|[QH][1-4]|FY|(?:b|d|fl|est)\.)\s|\b(?:mid|early|late|pre|post)-|\bca?\.)$",
    re.IGNORECASE,
)
_IN_A_SUM = re.compile(r".*[×*+=÷/]\s?\||.*\|\s?[×*+=÷/]")
_SAYS_SCORE = re.compile(r"(?:比分|[大完险]胜|战[胜平]|[击惜]败|不敌|负于|领先)[^。！？；，]*$")
_SAYS_WON = re.compile(r"\s?(?:[获取大完险]胜|战[胜平]|[击惜落]败|不敌|负于|告负|领先|落后|逼平)")
_BEFORE_IS_SCORE = re.compile(r"(?<!\d)(\d{1,3})[-–](\d{1,3})[、，]$")
_AFTER_IS_SCORE = re.compile(r"[、，](\d{1,3})[-–](\d{1,3})(?![\d-])")
_IS_STANDARD = re.compile(r"[A-Z]{2}(?:/[A-Z]{1,2})? ?$")
"""GB/T 19001-2016"""
_COUNTED = re.compile(r"\s(?!(?:was|is|has|does|vs|its|his|this|us|as|census|series|class)\b)[a-z]+s\b")
_NEXT_WORD = re.compile(r"\s?([a-z]+)\b")
_CIRCLED = "\u2460-\u249b\u24ea"
"""①, ⑴ and ⒈ up to twenty, and zero"""


def _ordinal(found: Found) -> str:
    value = int(re.sub(r"\D", "", found.text))
    return found.pick(english.ordinal(value), "第" + chinese.cardinal(value))


def _labelled(found: Found) -> str:
    """No. 5, #5, №5, or nos. 3–7."""
    numbers = [found.number(number) for number in re.findall(r"\d+", found.text)]
    name = "numbers" if len(numbers) > 1 or found.text[:3].lower() == "nos" else "number"
    return found.pick(f"{name} {' to '.join(numbers)}", f"{'到'.join(numbers)}号")


def _range(found: Found) -> str:
    ends = re.findall(SIGNED if "−" in found.text else AMOUNT, found.text)
    if found.language == "en":
        is_number = "-" in found.text and found.last_word().rstrip(".").lower() in words("lists", "numbered")
        return (" dash " if is_number else " to ").join(map(english.number, ends))
    if _IS_STANDARD.search(found.before) and re.fullmatch(r"\d{4,6}-(?:19|20)\d\d", found.text):
        return "杠".join(map(chinese.digits, ends))
    is_falling = float(ends[0].replace(",", "")) >= float(ends[1].replace(",", ""))
    is_score = is_falling or _is_among_scores(found) or _SAYS_SCORE.search(found.before) or _SAYS_WON.match(found.after)
    return ("比" if is_score else "到").join(_chinese(end, found.before, found.after) for end in ends)


def _is_among_scores(found: Found) -> bool:
    """Whether it stands beside a score that the first side won: 21-18、19-21."""
    beside = (_BEFORE_IS_SCORE.search(found.before), _AFTER_IS_SCORE.match(found.after))
    return any(int(pair[1]) > int(pair[2]) for pair in beside if pair)


def _multiple(found: Found) -> str:
    """10x faster, 3-4x"""
    numbers = found.pick(" to ", "到").join(map(found.number, re.findall(AMOUNT, found.text)))
    return numbers + found.pick(" times", "倍")


def _size(found: Found) -> str:
    """1920x1080, or 30 x 20 x 10 cm"""
    sizes = found.pick(" by ", "乘").join(map(found.number, re.findall(AMOUNT, found["sizes"])))
    return sizes + (unit_name(found, found["unit"], is_one=found.is_before_a_noun()) if found["unit"] else "")


def _count(found: Found) -> str | None:
    """7k likes, 4.5m users, 2bn, and 200w in Chinese."""
    amount, scale = found["amount"], found["scale"]
    if found.before.endswith("-"):
        return None  # i7-13700K
    following = _NEXT_WORD.match(found.after)
    is_counted = following is not None and following[1] in words("counted")
    if found.language == "zh":
        return None if scale == "K" and _is_size(found) else _chinese_count(amount, scale)
    is_thousand = scale in "kK" and not _is_size(found)
    is_large = scale in "MB" and ("." in amount or found.after[:1] == "+")
    is_sure = scale in ("bn", "tn", "mn") or is_large
    return f"{english.number(amount)} {scales()[scale.lower()][0]}" if is_counted or is_thousand or is_sure else None


def _is_size(found: Found) -> bool:
    """A 4K film, a 10k run, 64k of memory, the 29K Series."""
    is_power = found["amount"] in ("1", "2", "4", "8", "16", "32", "64", "128", "256", "512")
    return is_power or re.match(r" (?:run|race|runner|video|film|TV|screen|resolution|[A-Z])", found.after) is not None


def _chinese_count(amount: str, scale: str) -> str | None:
    """20k, and 200w: two million."""
    if scale in "wW":
        return chinese.number(amount).replace("二百", "两百") + "万"
    return chinese.scaled(amount, 3) if scale in "kK" else None


def _number(found: Found) -> str:
    if found.language == "zh":
        return _chinese(found.text, found.before, found.after)
    return english.year(int(found.text)) if _is_year(found) else english.number(found.text)


def _times_per(found: Found) -> str:
    """3x/day"""
    return f"{found.number(found['amount'])} times{per(found, found['per'])}"


def _serial(found: Found) -> str | None:
    """The digits of A-1029384, or those at the end of 123e4567-e89b-12d3-a456-426614174000."""
    name = re.search(r"(?<![\w-])([\w-]+)-$", found.before)
    return found.by_digit() if name and re.search(r"[A-Z]|\d-?[a-z]|[a-z]-?\d", name[1]) else None


def _is_year(found: Found) -> bool:
    if not re.fullmatch(r"1\d{3}|20\d\d", found.text) or _IN_A_SUM.match(found.before[-2:] + "|" + found.after[:2]):
        return False
    if _YEAR_CUE.search(found.before) or re.match(r"['’]s\b|\s?(?:BCE?|CE|AD)\b", found.after):
        return True
    return int(found.text) >= 1900 and not _COUNTED.match(found.after)


def _chinese(text: str, before: str, after: str) -> str:
    """2 before a measure word is 两, but not in 第二个 or 2两."""
    text = chinese.of_money(text) if re.match(r"\s?[元块]", after) else text
    is_counted = after[:1] in words("measures") and not _NOT_MEASURE.match(after) and not before.endswith("第")
    return chinese.counted(text) if is_counted else chinese.number(text)


def _circled(found: Found) -> str:
    """① as it stands before an item, or ①② as they stand for some."""
    numbers = found.pick(" ", "、").join(found.number(str(int(unicodedata.numeric(sign)))) for sign in found.text)
    is_within = re.search(rf"[\w)）”\"]{found.pick(' ?', '')}$", found.before)
    is_item = len(found.text) == 1 and not is_within and re.match(rf"\s?[A-Za-z{HAN}]", found.after)
    return numbers + (found.pick(", ", "，") if is_item else "")


def counts() -> tuple[Rule, ...]:
    """Tried before units, which would take the m of 4.5m users."""
    letters = one_of(words("scales", "letter"))
    of_chinese = (
        r"(?:[kK]|w(?! ?(?:灯|功率|[快闪超]充|充电|电|的灯))|W(?=\+|多|个?(?:用户|粉丝|人|块|元|播放|阅读|点赞)))"
    )
    return (
        Rule(rf"{START}(?P<amount>{AMOUNT})(?P<scale>{letters}){OVER}(?!['’/.]\w)", _count),
        Rule(rf"{START}(?P<amount>{AMOUNT})(?P<scale>{of_chinese}){OVER}", _count, only="zh"),
    )


def rules() -> tuple[Rule, ...]:
    """The last of them, plain numbers, take whatever digits are left."""
    unit = unit_pattern()
    return (
        Rule(f"[{_CIRCLED}]+", _circled),
        Rule(rf"{START}\d{{1,3}}(?:,?\d{{3}}){{0,5}}(?:st|nd|rd|th|ST|ND|RD|TH){END}", _ordinal),
        Rule(rf"{START}(?:(?:[Nn]o|NO)\.\s?|[Nn]os\.\s?(?:\d+[-–](?=\d+\b))?|№\s?|#)\d+{END}", _labelled),
        Rule(rf"{START}(?<![A-Z]-){AMOUNT}{DASH}{AMOUNT}(?![-–]?\d|[-–]{LETTER_OR_DIGIT}){END}", _range),
        Rule(
            rf"{START}(?!0[xX])(?P<sizes>{AMOUNT}(?:\s?[xX]\s?{AMOUNT}){{1,2}})(?!\s?[xX])(?:(?P<unit>{unit})|{END})",
            _size,
        ),
        Rule(rf"{START}(?:{AMOUNT}{DASH})?{AMOUNT}(?:[xX]|\s?×)(?=\s[a-z]{{2}}|[,.;!?)]|$)", _multiple),
        Rule(rf"{START}(?<=\w-)\d{{5,}}{END}", _serial),
        Rule(
            rf"{START}(?P<amount>{AMOUNT})[xX]/(?P<per>day|week|wk|month|mo|year|yr|hour|hr)\b", _times_per, only="en"
        ),
        Rule(rf"{START}{_GROUPED_BY_SPACES}(?!\s\d){END}", _number),
        Rule(rf"{START}(?:(?<![\"”″'’′°)\]])[-−](?={AMOUNT}))?{AMOUNT}{END}", _number),
    )

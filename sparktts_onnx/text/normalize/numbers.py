"""Ordinals, ranges, codes, and plain numbers."""

import re
import unicodedata

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.quantities import UNIT, UNITS
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, END, SIGNED, START, Found, Rule, leave

_GROUPED_BY_SPACES = r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:\.\d+)?"
_MEASURE_WORDS = (
    "个只条张本台辆位名次种件块天周岁层间家所套份篇首句棵朵匹头支把双对瓶碗杯盘箱袋片颗粒滴米秒倍万亿千元两公小分"
    "美欧英年点斤克升人顿幅封副根行回节届口类轮门面排批群扇声束艘题趟桶团项页则站盏座串床道股卷勺匙汤"
)
_NOT_MEASURE = re.compile("年级|分之|分(?!钟)|点(?!\\d\\d?分)[\\d一-九]|万一")
_YEAR_CUE = re.compile(
    r"(?:\b(?:in|since|from|until|till|by|of|year|years|circa|before|after|between|during|around|early|late|mid"
    r"|spring|summer|autumn|fall|winter)\s|\b(?:mid|early|late|pre|post)-)$",
    re.IGNORECASE,
)
_IN_A_SUM = re.compile(r".*[×*+=÷/]\s?\||.*\|\s?[×*+=÷/]")
_SAYS_VERSION = re.compile(r"(?:\bversions?\s|版本?号?)$", re.IGNORECASE)
_SAYS_SCORE = re.compile(r"(?:比分|[大完险]胜|战[胜平]|[击惜]败|不敌|负于|领先)[^。！？；，]*$")
_SAYS_WON = re.compile(r"\s?(?:[获取大完险]胜|战[胜平]|[击惜落]败|不敌|负于|告负|领先|落后|逼平)")
_NAMED_BY_NUMBER = ("东风", "巨浪", "长征", "嫦娥", "神舟", "天宫", "天问", "天舟", "红旗", "鹰击", "歼")
_COUNTED = re.compile(r"\s(?!(?:was|is|has|does|its|his|this|us|as|census|series|class)\b)[a-z]+s\b")


def _english_ordinal(found: Found) -> str:
    return english.ordinal(int(re.sub(r"\D", "", found.text)))


def _chinese_ordinal(found: Found) -> str:
    return "第" + chinese.cardinal(int(re.sub(r"\D", "", found.text)))


def _english_count(found: Found) -> str:
    """No. 5, #5 or №5."""
    return "number " + english.number(re.sub(r"\D", "", found.text))


def _chinese_count(found: Found) -> str:
    return chinese.number(re.sub(r"\D", "", found.text)) + "号"


def _ends(found: Found) -> list[str]:
    return re.findall(SIGNED if "−" in found.text else AMOUNT, found.text)


def _english_range(found: Found) -> str:
    return " to ".join(english.number(end) for end in _ends(found))


def _chinese_range(found: Found) -> str:
    low, high = _ends(found)
    is_falling = float(low.replace(",", "")) >= float(high.replace(",", ""))
    is_score = is_falling or bool(_SAYS_SCORE.search(found.before) or _SAYS_WON.match(found.after))
    numbers = [_chinese_plain(end, found.before, found.after) for end in (low, high)]
    return ("比" if is_score else "到").join(numbers)


def _english_code(found: Found) -> str:
    """2.0.1, v1.2, 192.168.1.1 and 12-34-56: part by part."""
    joint = " point " if "." in found.text else ", "
    version = "version " if found.text[0] in "vV" and not _SAYS_VERSION.search(found.before) else ""
    return version + joint.join(_english_code_part(part) for part in re.split(r"[-.]", found.text.lstrip("vV")))


def _english_code_part(part: str) -> str:
    return english.number(part) if len(part) < 3 else english.digits(part)


def _chinese_code(found: Found) -> str:
    joint = "点" if "." in found.text else "，"
    is_said = found.after.startswith("版") or _SAYS_VERSION.search(found.before)
    version = "版本" if found.text[0] in "vV" and not is_said else ""
    return version + joint.join(chinese.digits(part) for part in re.split(r"[-.]", found.text.lstrip("vV")))


def _english_difference(found: Found) -> str:
    return " minus ".join(english.number(part) for part in re.findall(AMOUNT, found.text))


def _chinese_difference(found: Found) -> str:
    return "减".join(chinese.number(part) for part in re.findall(AMOUNT, found.text))


def _english_multiple(found: Found) -> str:
    """10x faster"""
    return english.number(found.text[:-1].rstrip()) + " times"


def _chinese_multiple(found: Found) -> str:
    return chinese.number(found.text[:-1]) + "倍"


def _english_number(found: Found) -> str:
    if _is_year(found):
        return english.year(int(found.text))
    return english.number(found.text)


def _is_year(found: Found) -> bool:
    if not re.fullmatch(r"1\d{3}|20\d\d", found.text) or _IN_A_SUM.match(found.before[-2:] + "|" + found.after[:2]):
        return False
    if _YEAR_CUE.search(found.before):
        return True
    return int(found.text) >= 1900 and not _COUNTED.match(found.after)


def _chinese_number(found: Found) -> str:
    return _chinese_plain(found.text, found.before, found.after)


def _chinese_plain(text: str, before: str, after: str) -> str:
    """2 before a measure word is 两, but not in 第二个."""
    is_counted = after[:1] in set(_MEASURE_WORDS) and not _NOT_MEASURE.match(after) and not before.endswith("第")
    return "两" if text == "2" and is_counted else chinese.number(text)


def _english_size(found: Found) -> str:
    """1920x1080, or 30 x 20 x 10 cm"""
    *sizes, last = re.split(r"\s?[xX]\s?", found.text)
    number, unit = _with_unit(last)
    spoken = " by ".join(english.number(part) for part in [*sizes, number])
    return f"{spoken} {UNITS[unit][1]}" if unit else spoken


def _chinese_size(found: Found) -> str:
    *sizes, last = re.split(r"\s?[xX]\s?", found.text)
    number, unit = _with_unit(last)
    return "乘".join(chinese.number(part) for part in [*sizes, number]) + (UNITS[unit][2] if unit else "")


def _with_unit(written: str) -> tuple[str, str]:
    number = re.match(AMOUNT, written)
    return (number[0], written[number.end() :].strip()) if number else (written, "")


def _chinese_room(found: Found) -> str:
    return chinese.digits(found.text)


def _without_dash(_: Found) -> str:
    """东风-41: a name, not a negative number."""
    return ""


def _english_circled(found: Found) -> str:
    """① as it stands before an item, or ①② as they stand for some."""
    numbers = " ".join(english.cardinal(int(unicodedata.numeric(sign))) for sign in found.text)
    before = " " if re.search(LETTER_OR_DIGIT + "$", found.before) else ""
    if _begins_item(found):
        return f"{numbers}," + ("" if found.after.startswith(" ") else " ")
    return before + numbers + (" " if re.match(LETTER_OR_DIGIT, found.after) else "")


def _chinese_circled(found: Found) -> str:
    numbers = "、".join(chinese.cardinal(int(unicodedata.numeric(sign))) for sign in found.text)
    begins = _begins_item(found) or (re.search(r"\s$", found.before) and re.match(r"[^\W\d_]", found.after))
    return numbers + ("，" if begins and len(found.text) == 1 else "")


def _begins_item(found: Found) -> bool:
    """Whether a sign stands where nothing of its sentence does, and words follow."""
    is_first = not re.search(r"[\w)）”\"]\s?$", found.before)
    return len(found.text) == 1 and is_first and re.match(r"\s?[^\W\d_]", found.after) is not None


_CIRCLED = "\u2460-\u249b\u24ea"
"""①, ⑴ and ⒈ up to twenty, and zero"""

RULES = (
    Rule("numbers", f"[{_CIRCLED}]+", _english_circled, _chinese_circled),
    Rule("ordinals", rf"{START}\d{{1,3}}(?:,?\d{{3}}){{0,5}}(?:st|nd|rd|th){END}", _english_ordinal, _chinese_ordinal),
    Rule("ordinals", rf"{START}(?:[Nn]o\.\s?|[Nn]os\.\s?|№\s?|#)\d+{END}", _english_count, _chinese_count),
    Rule("ranges", rf"{START}{AMOUNT}\s?[-−]\s?{AMOUNT}(?=\s?=)", _english_difference, _chinese_difference),
    Rule(
        "ranges",
        rf"{START}{AMOUNT}{DASH}{AMOUNT}(?![-–]?\d|[-–]{LETTER_OR_DIGIT}){END}",
        _english_range,
        _chinese_range,
    ),
    Rule("numbers", rf"{START}\d+(?:(?:\.\d+){{2,}}|(?:-\d+){{2,}}){END}", _english_code, _chinese_code),
    Rule("numbers", rf"{START}[vV]\d+(?:\.\d+)+{END}", _english_code, _chinese_code),
    Rule(
        "numbers",
        rf"{START}{AMOUNT}(?:\s?[xX]\s?{AMOUNT}){{1,2}}(?!\s?[xX])(?:{UNIT}|{END})",
        _english_size,
        _chinese_size,
    ),
    Rule("numbers", rf"{START}[1-9]\d{{2,3}}(?=室|房间|号房)", leave, _chinese_room),
    Rule(
        "numbers",
        rf"(?=-)(?:{'|'.join(rf'(?<={name})' for name in _NAMED_BY_NUMBER)})-(?=\d)",
        _without_dash,
        _without_dash,
    ),
    Rule("numbers", rf"{START}{AMOUNT}(?:[xX]|\s?×)(?=\s[a-z]{{2}}|[,.;!?)]|$)", _english_multiple, _chinese_multiple),
    Rule("numbers", rf"{START}{_GROUPED_BY_SPACES}(?!\s\d){END}", _english_number, _chinese_number),
    Rule("numbers", rf"{START}{SIGNED}{END}", _english_number, _chinese_number),
)

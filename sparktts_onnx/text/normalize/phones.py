"""Numbers of telephones, cards and the like: digit by digit, in their groups."""

import re
from functools import cache, partial

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.quantities import unit_pattern
from sparktts_onnx.text.normalize.rule import END, START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, rows, words

_SHAPES = (
    r"\d{4}(?:-\d{4}){3}",  # a card
    r"(?!(?:19|20)\d\d (?:19|20)|[1-9]\d00 [1-9]\d00)\d{4}(?: \d{4}){3}(?! \d)",  # no years, no round numbers
    r"(?!\d00 |\d{3} (?:19|20)\d\d )[1-9]\d\d \d{4} \d{4}(?! \d)",  # a meeting's
    r"0\d{4} \d{6}|0\d(?: \d\d){4}",  # of Britain and France
    r"0\d{2,3}-(?:\d{7,8}(?:-\d{1,5})?|\d{4} \d{4})|\(0\d{2,3}\) ?(?:\d{7,8}|\d{3,4}[- ]\d{4})",  # a Chinese landline
    r"[48]00-\d{3,4}-\d{3,4}",  # a Chinese service line
    r"(?:86[- ]?)?1[3-9]\d(?:\d{8}|[- ]\d{4}[- ]\d{4})",  # a Chinese mobile
    r"(?:\+?1[-. ]?)?(?:\(\d{3}\)[-. ]?|\d{3}[-. ])\d{3}[-. ]\d{4}",  # of North America
    r"\+\d{1,3}(?: \(0\)\d{1,5})?(?:[- ]?\(?\d{1,5}\)?)?(?:[- ]\d{2,11}){1,4}|\+\d{8,15}",  # of any country
    r"\(?0\d{2,4}\)? \d{3,4} \d{3,4}",  # of Britain
    r"(?<=,\s[A-Z]{2}\s)\d{5}(?:-\d{4})?",  # Washington, DC 20500
)
_DIALS = re.compile(r"(?:打|拨|呼|呼叫|报|叫|按|联系|报警|火警|急救|匪警)(?:通|了|过|个|一下|一个|电话|给|求助)*\s?$")
_ANSWERS = re.compile(
    r"\s?(?:客服|热线|电话|急救|报警|火警|订票|指挥|接警|出警|救护|民警|话务|投诉|平台|短信|服务|官网|网站)"
)


def _groups(text: str) -> list[str]:
    """The groups as written; a long run without any is cut as people say it."""
    groups = re.findall(r"\d+", text.replace("(0)", " "))  # a zero that is not dialled from abroad
    return [part for group in groups for part in _cut(group)]


def _cut(group: str) -> list[str]:
    if len(group) == 11 and group.startswith("1"):
        return [group[:3], group[3:7], group[7:]]
    if len(group) in (7, 8):
        return [group[:-4], group[-4:]]
    return [group] if len(group) < 7 else [group[at : at + 3] for at in range(0, len(group), 3)]


def _dialed(found: Found) -> str:
    plus = found.pick("plus ", "加") if found.text.startswith("+") else ""
    digits = english.digits if found.language == "en" else partial(chinese.digits, one="幺")
    return plus + found.pick(", ", "，").join(map(digits, _groups(found.text)))


@cache
def _cue() -> re.Pattern[str]:
    """Words that say that the digits behind them are no amount."""

    def of(*where: str) -> str:
        return one_of(row[0] for row in rows("cues") if row[1:] == where)

    number = r"(?:\s(?:number|numbers|no\.?|code|ID|#))"
    link = r"(?:\s(?:is|was|are|of|as)|:|\s?=|\s?#)"
    return re.compile(
        rf"\b(?:{of('en', 'direct')}{number}?{link}?|{of('en', 'linked')}(?:{number}{link}?|{link})) $"
        rf"|{of('zh', 'direct')}(?:号码|号)?(?:\s?(?:是|为|：|:))?\s?$",
        re.IGNORECASE,
    )


def _local(found: Found) -> str | None:
    """555-1234, but not 500-1000 words or 725-1450 km"""
    low, high = found.text.split("-")
    is_round = low.endswith("0") and high.endswith(("00", "50"))
    is_counted = found.after[:1] in words("measures") or re.match(rf"{unit_pattern()}|[元块]", found.after)
    is_span = int(low) < int(high) and (is_round or is_counted) and not _cue().search(found.before)
    return None if is_span else _dialed(found)


def _extension(found: Found) -> str:
    """The x12 behind 555-867-5309"""
    return found.pick(" extension ", "转") + found.digits(found["extension"])


def _short(found: Found) -> str | None:
    """Digits that a word before them says are no amount, and numbers that all of China knows."""
    if _cue().search(found.before):
        return _dialed(found)
    if found.language == "en" or (found.text not in words("services") and not re.fullmatch(r"9[56]\d{3}", found.text)):
        return None
    is_counted = found.after[:1] in words("measures") or re.match(r"[%％公英平立毫厘]|\.\d", found.after)
    is_dialed = _DIALS.search(found.before) or _ANSWERS.match(found.after)
    is_known = len(found.text) == 5 and found.text in words("services") and not found.text.endswith("000")
    return _dialed(found) if (is_dialed or is_known) and not is_counted else None


def _vanity(found: Found) -> str:
    """1-800-FLOWERS"""
    _, area, *letters = found.text.lower().split("-")
    if found.language == "zh":
        return chinese.digits("1" + area, one="幺") + " " + " ".join(letters)
    return " ".join(["one", "eight hundred" if area == "800" else english.digits(area), *letters])


def _account(found: Found) -> str:
    """DE89 3704 0044 0532 0130 00, which begins with a country's letters"""
    groups = found.text.split()
    spoken = [" ".join(found.digits(char) if char.isdigit() else char for char in group) for group in groups]
    return found.pick(", ", "，").join(spoken)


def rules() -> tuple[Rule, ...]:
    """Tried before ranges and numbers, which would take a part alone."""
    end = rf"(?!(?!x\d){LETTER_OR_DIGIT}|[-./,:]\d)"
    return (
        Rule(rf"{START}[A-Z]{{2}}\d\d(?: [A-Z\d]{{4}}){{3,7}}(?: [A-Z\d]{{1,3}})?{END}", _account),
        *(Rule(rf"{START}(?<![-−+$€£¥])(?:{shape}){end}", _dialed) for shape in _SHAPES),
        Rule(rf"{START}(?<![-−+$€£¥])\d{{3}}-\d{{4}}{end}", _local),
        Rule(r"(?<=\d[-.]\d{4})\s?x(?P<extension>\d{1,5})\b", _extension),
        Rule(rf"{START}(?<![-−+$€£¥])\d{{3,18}}{end}", _short),
        Rule(rf"{START}1-8(?:00|33|44|55|66|77|88)(?:-[A-Z]+)+{end}", _vanity),
    )

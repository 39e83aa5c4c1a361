"""Telephone numbers: digit by digit, in their groups."""

import re
from collections.abc import Iterable

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.clean import CARD
from sparktts_onnx.text.normalize.rule import START, Found, Rule

_END = rf"(?!{LETTER_OR_DIGIT}|[-./,:]\d)"
_NORTH_AMERICAN = r"(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}"
_INTERNATIONAL = r"\+\d{1,3}(?: \(0\)\d{1,5})?(?:[- ]?\(?\d{1,5}\)?)?(?:[- ]\d{2,11}){1,4}|\+\d{8,15}"
_CHINESE_MOBILE = r"(?:86[- ]?)?1[3-9]\d(?:\d{8}|[- ]\d{4}[- ]\d{4})"
_CHINESE_LANDLINE = r"0\d{2,3}-\d{7,8}(?:-\d{1,5})?|\(0\d{2,3}\) ?\d{7,8}|[48]00-\d{3,4}-\d{3,4}"
_BRITISH = r"\(?0\d{2,4}\)? \d{3,4} \d{3,4}"
_CHINESE_HOTLINE = r"(?:11[0249]|12[02]|123\d\d|100(?:00|10|86)|95\d{3})(?=急救|报警|火警|订票|客服|热线)"
_VANITY = r"1-8(?:00|33|44|55|66|77|88)(?:-[A-Z]+)+"
"""1-800-FLOWERS"""

_LOCAL = r"\d{3}-\d{4}"
_ENGLISH_CUES = ("call ", "dial ", "zip ", "zip code ", "postcode ", "code ", "pin ", "extension ", "ext. ")
_CHINESE_CUES = "拨打 拨 致电 热线 电话 邮编 编号 号码 密码 验证码 身份证 证号 账号 卡号 学号 QQ号"
_ENGLISH_CARD_CUES = [cue + link for cue in ("card", "card number", "card no.") for link in (" ", ": ", " is ")]
_CHINESE_CARD_CUES = "银行卡 信用卡 卡号 账号"
_LINKS = ("", "是", "为", "：", ":", ": ")


def _after_a_cue(english_cues: Iterable[str], chinese_cues: str) -> str:
    cues = [rf"\b{re.escape(case)}" for cue in english_cues for case in (cue, cue.capitalize(), cue.upper())]
    cues += [re.escape(cue + link) for cue in chinese_cues.split() for link in _LINKS]
    return "(?:" + "|".join(f"(?<={cue})" for cue in cues) + ")"


_SHORT = rf"(?=\d){_after_a_cue(_ENGLISH_CUES, _CHINESE_CUES)}\d{{3,18}}"
"""Digits that a word before them says are no amount."""

_ZIP = r"(?<=,\s[A-Z]{2}\s)\d{5}(?:-\d{4})?"
"""Washington, DC 20500"""

_CARD = (
    rf"(?=\d)(?:(?<={CARD})|{_after_a_cue(_ENGLISH_CARD_CUES, _CHINESE_CARD_CUES)})\d{{4}}(?: \d{{4}}){{3}}"
    r"|\d{4}(?:-\d{4}){3}"
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


def _english(found: Found) -> str:
    plus = "plus " if found.text.startswith("+") else ""
    return plus + ", ".join(english.digits(group) for group in _groups(found.text))


def _chinese(found: Found) -> str:
    plus = "加" if found.text.startswith("+") else ""
    return plus + "，".join(chinese.digits(group, one="幺") for group in _groups(found.text))


def _english_vanity(found: Found) -> str:
    _, area, *words = found.text.lower().split("-")
    return " ".join(["one", "eight hundred" if area == "800" else english.digits(area), *words])


def _chinese_vanity(found: Found) -> str:
    one, area, *words = found.text.lower().split("-")
    return chinese.digits(one + area, one="幺") + " " + " ".join(words)


_SHAPES = (
    _CARD,
    _CHINESE_LANDLINE,
    _CHINESE_MOBILE,
    _NORTH_AMERICAN,
    _INTERNATIONAL,
    _BRITISH,
    _CHINESE_HOTLINE,
    _LOCAL,
    _SHORT,
    _ZIP,
)
RULES = (
    *(Rule("phones", rf"{START}(?<![-−+$€£¥])(?:{shape}){_END}", _english, _chinese) for shape in _SHAPES),
    Rule("phones", rf"{START}{_VANITY}{_END}", _english_vanity, _chinese_vanity),
)

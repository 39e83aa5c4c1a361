"""Signs that are read out: & + = × ° # @ and the like."""

import re

from sparktts_onnx.text.characters import HAN, LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.quantities import UNIT, UNITS
from sparktts_onnx.text.normalize.rule import AMOUNT, Found, Reader, Rule

_BETWEEN = {
    "+": ("plus", "加"),
    "=": ("equals", "等于"),
    "×": ("times", "乘"),
    "*": ("times", "乘"),
    "x": ("by", "乘"),
    "X": ("by", "乘"),
    "÷": ("divided by", "除以"),
    "±": ("plus or minus", "加减"),
    "≈": ("is about", "约等于"),
    "≠": ("is not equal to", "不等于"),
    "<": ("is less than", "小于"),
    ">": ("is greater than", "大于"),
    "≤": ("is at most", "小于等于"),
    "≥": ("is at least", "大于等于"),
    "<=": ("is at most", "小于等于"),
    ">=": ("is at least", "大于等于"),
    "==": ("equals", "等于"),
    "!=": ("is not equal to", "不等于"),
}
_BEFORE = {
    "+": ("plus ", "正"),
    "~": ("about ", "约"),
    "～": ("about ", "约"),
    "≈": ("about ", "约"),
    "±": ("plus or minus ", "正负"),
    "<": ("less than ", "小于"),
    ">": ("more than ", "大于"),
    "≤": ("at most ", "不超过"),
    "≥": ("at least ", "至少"),
    "<=": ("at most ", "不超过"),
    ">=": ("at least ", "至少"),
    "§": ("section ", "第"),
}
_COMPARED = ("<", ">", "≤", "≥", "<=", ">=")
_IN_A_SENTENCE = re.compile(r"\b(?:is|are|was|were|be|been|to|of|by|from|at|with|for|than|has|have|had)$")
"""Words that want "less than" behind them, not "is less than"."""

_SAYS_ABOUT = re.compile(r"\b(?:about|around|roughly|approximately|approx\.|circa|ca\.)\s$", re.IGNORECASE)


def _one_of(signs: dict[str, tuple[str, str]]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, signs), key=len, reverse=True)) + ")"


def _english_between(found: Found) -> str:
    sign = found.text.strip()
    if sign in _COMPARED and _IN_A_SENTENCE.search(found.before):
        return " " + _BEFORE[sign][0]
    return f" {_BETWEEN[sign][0]} "


def _chinese_between(found: Found) -> str:
    return _BETWEEN[found.text.strip()][1]


def _english_before(found: Found) -> str:
    if _SAYS_ABOUT.search(found.before) and _BEFORE[found.text.strip()][0] == "about ":
        return ""
    return _BEFORE[found.text.strip()][0]


def _chinese_before(found: Found) -> str:
    if found.before.endswith(("约", "大概", "差不多")) and _BEFORE[found.text.strip()][1] == "约":
        return ""
    return _BEFORE[found.text.strip()][1]


def _fixed(english_words: str, chinese_words: str) -> tuple[Reader, Reader]:
    return (lambda _: english_words), (lambda _: chinese_words)


def _english_and(_: Found) -> str:
    return " and "


def _chinese_and(found: Found) -> str:
    """Between Latin letters (R&D) the English word is what is said in Chinese too."""
    is_latin = found.before[-1:].isascii() and found.after[:1].isascii() and found.text == "&"
    return " and " if is_latin else "和"


_LOVE = _fixed(" love", "爱")


_LOVED = (
    "you,ya,him,her,them,us,love,loves,love it,loved it,like it,adore it,hugs,kisses,xoxo,thanks,thx,ty,"
    "so much,very much,bye,night"
)
_LOVED_CHINESE = "你 您 爱 你们 谢谢 多谢 感谢 大家 晚安 加油 么么哒 爱他 爱她"
_BEHIND_LOVED = "|".join(
    [rf"(?<=\b[{word[0]}{word[0].upper()}]{word[1:]})\s" for word in _LOVED.split(",")]
    + [rf"(?<={word})\s?" for word in _LOVED_CHINESE.split()]
    + [r"(?<=\bu)\s"]  # U is rather a variable
)
_NO_ABBREVIATION = "".join(rf"(?<!{end}\.)" for end in ("temp", "max", "min", "avg", "est", "pprox"))
_BEHIND_SENTENCE = (
    rf"(?<=[A-Za-z!?][!?])\s?|(?<=[。！？])\s?|(?<=[A-Za-z{HAN}]~)\s|(?<=[A-Za-z]{{3}}\.){_NO_ABBREVIATION}\s"
)
_ENGLISH_LOVER = r"(?=\s<3)(?:(?<=\b[Ii])|(?<=\b[Ww]e)|(?<=\b[Tt]hey))"
_CHINESE_UNITS = (
    "公里 千米 厘米 毫米 米 公斤 千克 克 斤 吨 毫升 升 小时 分钟 秒 天 个月 个 人 次 块 元 美元 页 章 节 集 级 楼 层 "
    "倍 人民币 平方米 平米 万元 亿元"
)
_ONE_MEASURE = "|".join(rf"(?<=[\d万亿]{unit})[-–—~～](?={AMOUNT}[万亿]?{unit})" for unit in _CHINESE_UNITS.split())
"""Both ends with the same unit: 5公里-10公里."""

_WEEK = ("周", "星期", "礼拜")
_NEXT_WEEKDAY = rf"(?=(?:{'|'.join(_WEEK)})[一二三四五六日天末])"
_WEEKDAYS = "(?:" + "|".join(rf"(?<={week}[一二三四五六日天末])" for week in _WEEK) + r")[-–—~～]{1,2}" + _NEXT_WEEKDAY
_MONTHS = r"(?<=[一二三四五六七八九十]月)[-–—~～]{1,2}(?=[一二三四五六七八九十]{1,2}月)"
_PARTS_OF_DAY = r"(?<=[\d半][点时分])[-–—~～]{1,2}(?=(?:[上下中]午|凌晨|早|晚|傍晚|次日|当[天晚])\D{0,2}\d)"
SPANS = (
    Rule("ranges", rf"(?=[-–—~～])(?:{_WEEKDAYS}|{_MONTHS}|{_PARTS_OF_DAY})", *_fixed(" to ", "到")),
    Rule("ranges", rf"(?=[-–—~～])(?:{_ONE_MEASURE})", *_fixed(" to ", "到")),
    Rule("ranges", r"(?<=[\d万亿小][日月年号点分时周元万亿岁度℃])[-–—~～](?=\d)", *_fixed(" to ", "到")),
    Rule("emoji", rf"{_ENGLISH_LOVER}\s<3+(?=\s(?!(?:then|and|or)\b)[A-Za-z])", *_LOVE),
    Rule("emoji", r"(?<=[我们])\s?<3+(?=\s?[你您他她它])", *_LOVE),
    Rule("emoji", rf"(?=\s?<)(?:^|{_BEHIND_LOVED}|{_BEHIND_SENTENCE})<3+(?:\s<3+)*(?=$|!)", *_fixed("", "")),
)
"""Tried before signs: what follows a Chinese unit is the end of a span, not a negative number; <3 is a heart
between who loves and who is loved, and at the end of a line behind thanks and the like, or behind a sentence."""

_WHOLE_NUMBER = rf"{AMOUNT}(?!{LETTER_OR_DIGIT})"
_OPERATOR = rf"(?<=[\d)²³])\s?(?:{_one_of(_BETWEEN)})\s?(?=[(+−-]?{_WHOLE_NUMBER})"
_RELATION = rf"(?<=[A-Za-z)])\s?(?:[=<>≤≥≈≠]|[!<>=]=)\s?(?=[-−]?{_WHOLE_NUMBER})"
_SHORTENED = r"(?:[kKMB]|[ap]m|x|st|nd|rd|th)"
"""Letters right behind a number: ~20k, ~5pm, ~3x."""

_AMOUNT_AHEAD = rf"(?=[$€£¥]?{AMOUNT}(?:{_SHORTENED}?(?!{LETTER_OR_DIGIT})|{UNIT}))"
_LEADING = rf"(?<!{LETTER_OR_DIGIT})(?<![)$€£.<>=~+/-]){_one_of(_BEFORE)}\s?{_AMOUNT_AHEAD}"
_OPERAND = r"(?=[(+−-]?(?:\d|[A-Za-z](?![A-Za-z])))"
_RULES_OF_MATHEMATICS = (
    rf"(?:(?<=[\w)%°])\s?(?:≠|!=)|(?<={LETTER_OR_DIGIT})\s?[≤≥≈])\s?(?=[(+−$€£¥-]?\w)",
    rf"(?<=[A-Za-z\d)%°])\s?[×÷±]\s?{_OPERAND}",
    rf"(?<=[\d)²³])\s?(?:[+<>=]|[<>=]=)\s?(?=[A-Za-z](?![A-Za-z>])|{AMOUNT}[²³])",
)
"""Between names and numbers: x ≤ y, a × b, 1 < x, a² + b²"""

_ALONE = rf"[\s(，。：、“\"{HAN}]"
_EQUATION = (
    rf"(?:(?<=^[A-Za-z])|(?<={_ALONE}[A-Za-z])|(?<=^[A-Za-z]\s)|(?<={_ALONE}[A-Za-z]\s))"
    rf"=\s?(?=(?![kcmd]m)[A-Za-z]{{1,2}}(?:[²³]|\^[23])(?!{LETTER_OR_DIGIT}|[²³.]\w))"
)
"""E=mc² and no a=b of a program."""

_PER = r"/(?=(?:hour|hr|h|day|week|month|mo|year|yr|person|night|kg|lb)(?![A-Za-z/]))"
_SURE_AREA = rf"(?:km²|m²|㎡|m³)(?!{LETTER_OR_DIGIT})"
_AREA = rf"(?:{_SURE_AREA}|(?:km2|m2|m3)(?!{LETTER_OR_DIGIT}))"
"""m2 is one behind an amount, not in gcc/m2/examples."""

_CHINESE_PER = r"/(?=[斤度天月年日人次个件张本瓶箱盒千公吨小分秒平升米晚位套])"


def _english_area(found: Found) -> str:
    return UNITS[found.text][0]


def _chinese_area(found: Found) -> str:
    return UNITS[found.text][2]


RULES = (
    *(Rule("symbols", pattern, _english_between, _chinese_between) for pattern in _RULES_OF_MATHEMATICS),
    Rule("symbols", rf"(?<=[\d%$€£¥]){_PER}", *_fixed(" per ", "每")),
    Rule("symbols", rf"(?<=[\d元])/(?={_AREA})|\s?/\s?(?={_SURE_AREA})", *_fixed(" per ", "每")),
    Rule("symbols", rf"(?<=[\d元]/){_AREA}|(?:(?<=/)|(?<=/\s)){_SURE_AREA}", _english_area, _chinese_area),
    Rule("symbols", rf"(?<=[元次]){_CHINESE_PER}", *_fixed(" per ", "每")),
    Rule("symbols", r"(?<=[^\s<-])\s?(?:→|->)\s?(?=[^\s>])", *_fixed(" to ", "到")),
    Rule("symbols", r"(?<=\d)\s?[xX]\s?(?=10\^)", *_fixed(" times ", "乘")),
    Rule("symbols", _OPERATOR, _english_between, _chinese_between),
    Rule("symbols", _EQUATION, _english_between, _chinese_between),
    Rule("symbols", _RELATION, _english_between, _chinese_between),
    Rule("symbols", _LEADING, _english_before, _chinese_before),
    Rule("symbols", rf"(?<=[\d%])\+(?=\s[a-z]|[\s,.;!?]|$|[{HAN}，。！？、])", *_fixed(" plus", "加")),
    Rule("symbols", r"\s?&amp;\s?|\s?&&?(?!#|[a-z]+;)\s?", _english_and, _chinese_and),
    Rule("symbols", r"(?<![\w&])#(?=[A-Za-z])", *_fixed("hashtag ", "#")),
    Rule("symbols", r"(?<![\w.])@(?=[A-Za-z])", *_fixed("at ", "艾特")),
    Rule("symbols", r"(?<=\w)[™®]|©\s?", *_fixed("", "")),
)

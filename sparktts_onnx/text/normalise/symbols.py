"""Signs that are read out: & + = × ° # @ and the like."""

import re

from sparktts_onnx.text.characters import HAN, LETTER_OR_DIGIT
from sparktts_onnx.text.normalise import chinese, english
from sparktts_onnx.text.normalise.rule import AMOUNT, START, Found, Reader, Rule

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
_POWERS = {"2": ("squared", "的平方"), "²": ("squared", "的平方"), "3": ("cubed", "的立方"), "³": ("cubed", "的立方")}


def _one_of(signs: dict[str, tuple[str, str]]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, signs), key=len, reverse=True)) + ")"


def _english_between(found: Found) -> str:
    return f" {_BETWEEN[found.text.strip()][0]} "


def _chinese_between(found: Found) -> str:
    return _BETWEEN[found.text.strip()][1]


def _english_before(found: Found) -> str:
    return _BEFORE[found.text.strip()][0]


def _chinese_before(found: Found) -> str:
    if found.before.endswith("约") and _BEFORE[found.text.strip()][1] == "约":
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


def _english_power(found: Found) -> str:
    base, _, exponent = found.text.partition("^")
    return f"{english.number(base)} to the power of {english.number(exponent)}"


def _chinese_power(found: Found) -> str:
    base, _, exponent = found.text.partition("^")
    return f"{chinese.number(base)}的{chinese.number(exponent)}次方"


def _english_small_power(found: Found) -> str:
    return f" {_POWERS[found.text[-1]][0]}"


def _chinese_small_power(found: Found) -> str:
    return _POWERS[found.text[-1]][1]


_LOVE = _fixed(" love", "爱")


def _english_square(found: Found) -> str:
    return english.number(found.text[:-1]) + _english_small_power(found)


def _chinese_square(found: Found) -> str:
    return chinese.number(found.text[:-1]) + _chinese_small_power(found)


POWERS = (
    Rule("symbols", rf"(?<![\w.])\d+\^[-−]?\d+(?!{LETTER_OR_DIGIT}|[.^])", _english_power, _chinese_power),
    Rule("symbols", rf"{START}{AMOUNT}[²³](?!{LETTER_OR_DIGIT})", _english_square, _chinese_square),
)
"""Tried before plain numbers, which would take the base alone."""

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
SPANS = (
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
_LEADING = rf"(?<!{LETTER_OR_DIGIT})(?<![)$€£.<>=~+/-]){_one_of(_BEFORE)}\s?(?=[$€£¥]?{_WHOLE_NUMBER})"
_OPERAND = r"(?=[(+−-]?(?:\d|[A-Za-z](?![A-Za-z])))"
_RULES_OF_MATHEMATICS = (
    rf"(?:(?<=[\w)%°])\s?(?:≠|!=)|(?<={LETTER_OR_DIGIT})\s?[≤≥≈])\s?(?=[(+−$€£¥-]?\w)",
    rf"(?<=[A-Za-z\d)%°])\s?[×÷±]\s?{_OPERAND}",
    rf"(?<=[\d)²³])\s?(?:[+<>=]|[<>=]=)\s?(?=[A-Za-z](?![A-Za-z>])|{AMOUNT}[²³])",
)
"""Between names and numbers: x ≤ y, a × b, 1 < x, a² + b²"""

_PER = r"/(?=(?:hour|hr|h|day|week|month|mo|year|yr|person|night|kg|lb)(?![A-Za-z/]))"
RULES = (
    *(Rule("symbols", pattern, _english_between, _chinese_between) for pattern in _RULES_OF_MATHEMATICS),
    Rule("symbols", rf"(?<=[\d%$€£¥]){_PER}", *_fixed(" per ", "每")),
    Rule("symbols", r"(?<=[^\s<-])\s?(?:→|->)\s?(?=[^\s>])", *_fixed(" to ", "到")),
    Rule("symbols", _OPERATOR, _english_between, _chinese_between),
    Rule("symbols", _RELATION, _english_between, _chinese_between),
    Rule("symbols", _LEADING, _english_before, _chinese_before),
    Rule("symbols", rf"(?<=[\d%])\+(?=\s[a-z]|[\s,.;!?]|$|[{HAN}，。！？、])", *_fixed(" plus", "加")),
    Rule(
        "symbols",
        r"(?<=[A-Za-z\d])[²³](?![\w²³])|(?<=[A-Za-z])\^[23](?![\w.])",
        _english_small_power,
        _chinese_small_power,
    ),
    Rule("symbols", r"\s?&amp;\s?|\s?&&?(?!#|[a-z]+;)\s?", _english_and, _chinese_and),
    Rule("symbols", r"(?<![\w&])#(?=[A-Za-z])", *_fixed("hashtag ", "#")),
    Rule("symbols", r"(?<![\w.])@(?=[A-Za-z])", *_fixed("at ", "艾特")),
    Rule("symbols", r"(?<=\w)[™®]|©\s?", *_fixed("", "")),
)

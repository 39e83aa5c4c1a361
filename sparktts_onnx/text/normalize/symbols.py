"""Signs that are read out: & + = × ° # @ and the like."""

import re
import unicodedata
from functools import cache

from sparktts_onnx.text.characters import HAN, KANA, LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.quantities import per, unit_pattern
from sparktts_onnx.text.normalize.rule import AMOUNT, OVER, START, Found, Rule, fixed
from sparktts_onnx.text.normalize.tables import one_of, rows, words

_COMPARED = ("<", ">", "≤", "≥", "<=", ">=")
_IN_A_SENTENCE = re.compile(r"\b(?:is|are|was|were|be|been|to|of|by|from|at|with|for|than|has|have|had)$")
"""Words that want "less than" behind them, not "is less than"."""
_SAYS_ABOUT = re.compile(
    r"\b(?:about|around|roughly|approximately|approx\.|circa|ca\.)\s$|(?:约|大概|差不多)$", re.IGNORECASE
)
_SAYS_MONEY = re.compile(r"(?:[$€£¥₹]\s?[\d.,]+(?:[kKmM]|\s\w+illion)?|[\d.,]+\s?[$€£¥₹])$")


@cache
def _signs(column: int) -> dict[str, tuple[str, str]]:
    """(English, Chinese) of each sign that has words in a column: 1 between numbers, 3 before one."""
    return {row[0]: (row[column], row[column + 1]) for row in rows("signs") if row[column]}


def _between(found: Found) -> str | None:
    sign = found.text.strip()
    if sign in "<>" and "\n" in found.text:  # the end of <an address>
        return None
    if found.language == "zh":
        return _signs(1)[sign][1]
    if sign in _COMPARED and _IN_A_SENTENCE.search(found.before):
        return f" {_signs(3)[sign][0]} "
    return f" {_signs(1)[sign][0]} "


def _before(found: Found) -> str:
    of_english, of_chinese = _signs(3)[found.text.strip()]
    if of_english == "about" and _SAYS_ABOUT.search(found.before):
        return ""
    return found.pick(f"{of_english} ", of_chinese)


def _and(found: Found) -> str:
    """Between Latin letters (R&D) the English word is what is said in Chinese too."""
    is_latin = found.text == "&" and re.match("[!-~]{2}", found.before[-1:] + found.after[:1])
    return found.pick(" and ", " and " if is_latin else "和")


def _to(found: Found) -> str | None:
    """A → B; not an arrow among signs alone"""
    if not re.search(r"[^\W_]", found.before + found.after):
        return None
    return found.pick(", ", "，") if re.match(r"\d{1,2}[,，]\s", found.after) else found.pick(" to ", "到")


def _aside(found: Found) -> str | None:
    """Free • In stock | New; not P(A | B)"""
    is_product = found.text != " | " and re.search(r"\d$", found.before) and found.after[:1].isdigit()
    return None if is_product or re.search(r"\([^()]*$", found.before) else found.pick(", ", "，")


def _per(found: Found) -> str | None:
    """$15/mo, 60/h; one letter is one behind money alone"""
    unit = found["per"]
    if len(unit) == 1 and unit.isalpha() and unit != "h" and not _SAYS_MONEY.search(found.before):
        return None
    return per(found, unit) + (per(found, found["too"]) if found["too"] else "")


_GREEK = "α-ωΑ-Ω"


def _root(found: Found) -> str:
    """√2, 2√3"""
    return (" " if found.before[-1:].isalnum() else "") + found.pick("square root of ", "根号")


def _greek(found: Found) -> str:
    """β-carotene, 2πr"""
    name = unicodedata.name(found["letter"]).split()[-1].lower().replace("lamda", "lambda")
    amount = found.number(found["amount"]) + " " if found["amount"] else ""
    before, after = (" " if re.match("[A-Za-z]", beside) else "" for beside in (found.before[-1:], found.after[:1]))
    return before + amount + name + after


_CHINESE_PER = "[斤度天月年日人次个件张本瓶箱盒千公吨小分秒平升米晚位套桶立辆]"


def _chinese_per(found: Found) -> str | None:
    """30元/小时, 35微克/立方米, ¥5,000/月"""
    is_counted = re.search(rf"(?:\d[万亿]?|[几每])[{HAN}]{{1,4}}$|[¥￥$€£][\d.,]+$|[元次]$", found.before)
    return "每" if is_counted else None


_BEHIND_UNIT = "|".join(rf"(?<=[\d万亿][{HAN}℃]{{{count}}})" for count in (1, 2, 3))
_SPAN = rf"(?:{_BEHIND_UNIT})[-–—~～](?=\+?\d[\d.,:]*[{HAN}℃])"
"""Between 5公里 and 10公里: what follows a Chinese unit is no negative number."""
_WEEKDAYS = r"(?<=[周期拜][一二三四五六日天末])[-–—~～]{1,2}(?=(?:周|星期|礼拜)[一二三四五六日天末])"
_MONTHS = r"(?<=[一二三四五六七八九十]月)[-–—~～]{1,2}(?=[一二三四五六七八九十]{1,2}月)"
_PARTS_OF_DAY = r"(?<=[\d半][点时分])[-–—~～]{1,2}(?=(?:[上下中]午|凌晨|早|晚|傍晚|次日|当[天晚])\D{0,2}\d)"


def spans() -> tuple[Rule, ...]:
    """Tried before signs: <3 is a heart between who loves and who is loved, and at the end of a line behind thanks and
    the like, or behind a sentence."""
    love = fixed(" love", "爱")
    lover = r"(?=\s<3)(?:(?<=\b[Ii])|(?<=\b[Ww]e)|(?<=\b[Tt]hey))"
    loved = "|".join(rf"(?<=(?<![A-Za-z])(?i:{word}))" for word in sorted(words("lists", "loved")))
    said = r"(?<=[A-Za-z!?~][!?~])|(?<=[。！？~])"
    return (
        Rule(rf"(?=[-–—~～])(?:{_WEEKDAYS}|{_MONTHS}|{_PARTS_OF_DAY}|{_SPAN})", fixed(" to ", "到")),
        Rule(rf"{lover}\s<3+(?=\s(?!(?:then|and|or)\b)[A-Za-z])", love),
        Rule(r"(?<=[我们])\s?<3+(?=\s?[你您他她它])", love),
        Rule(r"(?=\s?<3)(?:^|(?<=\w)\s)<3+(?:\s<3+)+", fixed("", "")),
        Rule(rf"(?=\s?<3)(?:^|{said}|{loved})\s?<3+(?:\s<3+)*(?=$|!)", fixed("", "")),
    )


def rules() -> tuple[Rule, ...]:
    """Tried last."""
    whole = rf"{AMOUNT}{OVER}"
    operator = (
        rf"(?<=[\d)²³])\s?(?:{one_of(_signs(1))})\s?(?=[(+−-]?{whole})(?<![xX])|(?<=[\d)²³])(?<!\b0) ?[xX] ?(?={whole})"
    )
    relation = rf"(?<=[A-Za-zα-ωΑ-Ω)])\s?(?:[=<>≤≥≈≠]|[!<>=]=)\s?(?=[-−]?{whole})"
    shortened = r"(?:[kKMB]|[ap]m|x|st|nd|rd|th)"  # right behind a number: ~20k, ~5pm, ~3x
    ahead = rf"(?=[$€£¥]?{AMOUNT}(?:{shortened}?{OVER}|{unit_pattern()}))"
    leading = rf"(?<!{LETTER_OR_DIGIT})(?<![)$€£.<>=~+/-]){one_of(_signs(3))}\s?{ahead}"
    operand = r"(?=[(+−-]?(?:\d|[A-Za-z](?![A-Za-z])))"
    mathematics = (
        rf"(?:(?<=[\w)%°])\s?(?:≠|!=)|(?<=\w)(?<![{HAN}{KANA}_])\s?[≤≥≈])\s?(?=[(+−$€£¥-]?[^\W_])",
        rf"(?<=[A-Za-z\d)%°])\s?[×÷±]\s?{operand}",
        rf"(?<=[\d)²³])\s?(?:[+<>=]|[<>=]=)\s?(?=[A-Za-z](?![A-Za-z>])|{AMOUNT}[²³])",
    )  # between names and numbers: x ≤ y, a × b, 1 < x, a² + b²
    sure_area = rf"(?:km²|m²|㎡|m³){OVER}"
    pers = one_of(words("per"))
    area = rf"(?:{sure_area}|(?:km2|m2|m3){OVER})"  # m2 is one behind an amount, not in gcc/m2/examples
    return (
        *(Rule(pattern, _between) for pattern in mathematics),
        Rule(rf"(?<=[\d%$€£¥kKmMn次个人])/(?P<per>{pers})(?:/(?P<too>{pers}))?(?![\w/])", _per),
        Rule(rf"(?<=[\d元])/(?P<per>{area})(?P<too>)", _per),
        Rule(rf"\s?/\s?(?P<per>{sure_area})(?P<too>)", _per),
        Rule(
            r"(?:(?<=\bnoon)|(?<=\bmidnight))[-–](?=\d)|(?<=[\dapm.])[-–](?=(?:noon|midnight)\b)", fixed(" to ", "到")
        ),
        Rule(rf"(?<=\w)/(?={_CHINESE_PER})", _chinese_per, only="zh"),
        Rule(r"(?<=[^\s<.!?:-])\s?(?:→|⇒|->)\s?(?=[^\s>.,;:!?])", _to),
        Rule(r"(?<=\d)\s?[xX]\s?(?=10\^)", fixed(" times ", "乘")),
        Rule(operator, _between),
        Rule(relation, _between),
        Rule(leading, _before),
        Rule(rf"(?:(?<=[\d%])|(?<=\d[kKMBw万]))\+(?=\s[a-z]|[\s,.;!?]|$|[{HAN}，。！？、])", fixed(" plus", "加")),
        Rule(r" [|•·∙] (?=\S)(?<=[^\s|.,;:!?，。；：！？] . )(?!\|)", _aside),
        Rule(r"§\s?(?=\d+[a-z]\b)", fixed("section ", "第")),
        Rule(r"(?<![\w&])#(?=[A-Z]{0,3}-?\d[\d-]*[A-Z]?\b)", fixed("number ", "")),
        Rule(r"/(?<=[A-Za-zμ升]/)(?=100 ?(?:km|g|ml|mL|公里|克|毫升)|24 ?h)", fixed(" per ", "每")),
        Rule(r"\s?&&?(?!#|[a-z]+;)\s?", _and),
        Rule(r"(?<![\w&])#(?=[A-Za-z])", fixed("hashtag ", "#")),
        Rule(r"(?<=\w) @\s?(?=[$€£¥]?\d)|(?<=\d)@(?=[$€£¥]|\d+%)", fixed(" at ", "每个")),
        Rule(r"(?<![\w.])@(?=[A-Za-z])", fixed("at ", "艾特")),
        Rule(r"(?<=[A-Za-z])_+(?=[A-Za-z])", fixed(" ", " ")),
        Rule(r"√\s?(?=\(*[^\W_])", _root),
        Rule(rf"(?:{START}(?P<amount>{AMOUNT}))?(?P<letter>(?<![{_GREEK}])[{_GREEK}](?![{_GREEK}]))", _greek),
        Rule(r"(?<=\d[\"”″'’])\s?[xX×]\s?(?=\d)", fixed(" by ", "乘")),
        Rule(r"∞", fixed("infinity", "无穷")),
        Rule(r"(?<=\b[a-zA-Z])\s?\+\s?(?=\d)", _between),
        Rule(r"(?<=[\w.)])[™®]|©\s?", fixed("", "")),
    )

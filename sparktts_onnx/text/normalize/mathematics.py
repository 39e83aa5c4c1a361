"""Powers and equations: 5², 10⁻³, 3×10⁸ m/s, 1e-5, E=mc², g(x)=3x-1, $y-2$."""

import re

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.quantities import behind_slash, per, unit_name, unit_pattern
from sparktts_onnx.text.normalize.rule import AMOUNT, OVER, START, Found, Rule
from sparktts_onnx.text.normalize.tables import one_of, rows

_POWERS = {"2": ("squared", "的平方"), "²": ("squared", "的平方"), "3": ("cubed", "的立方"), "³": ("cubed", "的立方")}
_TOKEN = re.compile(rf"{AMOUNT}|\^\{{?[-−]?[A-Za-z\d]+\}}?|[²³]|[A-Za-z](?=[A-Za-z]?[²³^])|[A-Za-z]+|[<>!=]=|\S")
_NEEDS_READING = re.compile(
    r"\d[a-z]\b|[A-Za-z)²³\d]\s?[-−]\s?[A-Za-z(]|[A-Za-z)²³]\s?[-−]\s?\d|[A-Za-z)]\s?\+\s?\d|[=\s][A-Za-z]{2}[²³^]"
)
_NAME = rf"(?:{AMOUNT}(?![eE][-−+]?\d))?[A-Za-z](?:\([A-Za-z\d]\))?|(?![kcmd]m)[A-Za-z]{{2}}(?=[²³^])"
"""3x or g(x), and the mc of mc²"""
_TERM = rf"(?:{_NAME}|{AMOUNT})(?:[²³]|\^[-−]?\d+)?"
_SIDE = rf"[-−]?\(?{_TERM}\)?(?:\s?[-−+×*·/]\s?\(?{_TERM}\)?){{0,9}}"


def _power(found: Found) -> str:
    ten = found.pick(" times ten", "乘十") if found["ten"] else ""
    if found["exponent"] in _POWERS and not (found["unit"] or found["per"] or ten):
        return found.number(found["base"]) + found.pick(
            f" {_POWERS[found['exponent']][0]}", _POWERS[found["exponent"]][1]
        )
    exponent = found.number(found["exponent"].lstrip("+"))
    unit = unit_name(found, found["unit"]) if found["unit"] else per(found, found["per"]) if found["per"] else ""
    return found.number(found["base"]) + ten + found.pick(f" to the power of {exponent}", f"的{exponent}次方") + unit


def _small_power(found: Found) -> str:
    """5², and the ² alone behind letters"""
    base = found.text[:-1].rstrip("^")
    of_english, of_chinese = _POWERS[found.text[-1]]
    return (found.number(base) if base else "") + found.pick(f" {of_english}", of_chinese)


def _charge(found: Found) -> str:
    """The ³⁺ of Fe³⁺"""
    count = {"²": " two", "³": " three"}.get(found.text[0], "")
    return count + (" plus" if found.text[-1] == "⁺" else " minus")


def _operation(found: Found) -> str:
    """The 8-3 of 8-3=5, the 6/2 of 6/2=3"""
    sign = found.pick(" divided by ", "除以") if "/" in found.text else found.pick(" minus ", "减")
    return sign.join(map(found.number, re.findall(AMOUNT, found.text)))


def _equation(found: Found) -> str | None:
    """Those that have 3x or x - 1 in them; signs between numbers and names are read one by one."""
    return spell(found, found.text) if _NEEDS_READING.search(found.text) else None


def _formula(found: Found) -> str | None:
    """$y-2$"""
    inside, named = found["inside"], {row[1] for row in rows("latex") if row[1].isascii()}
    is_text = re.search(r"[A-Za-z]{4}", re.sub(rf"\b{one_of({*named, 'square root of'})}\b", "", inside))
    return spell(found, inside) if re.search(r"[A-Za-z]", inside) and not is_text else None


def spell(found: Found, formula: str) -> str:
    """Signs, numbers and names one after another."""
    signs = {row[0]: row[1:3] for row in rows("signs") if row[1]} | {
        "-": ("minus", "减"),
        "−": ("minus", "减"),
        "·": ("times", "乘"),
        "/": ("over", "除以"),
        "→": ("to", "到"),
    }
    spoken: list[str] = []
    for token in _TOKEN.findall(formula):
        token = re.sub("[{}]", "", token) if token[0] == "^" else token
        if token[0].isdecimal() or token[0] == ".":
            spoken.append(found.number(token))
        elif token in "²³" or token in ("^2", "^3"):
            spoken.append(found.pick(*_POWERS[token[-1]]))
        elif token[0] == "^":
            exponent = found.number(token[1:]) if token[1:].lstrip("-−").isdigit() else token[1:]
            spoken.append(found.pick(f"to the power of {exponent}", f"的{exponent}次方"))
        elif token in "-−" and (not spoken or spoken[-1] in ("(", "equals", "等于")):
            spoken.append(found.pick("minus", "负"))
        elif token in signs and token not in "xX":
            spoken.append(found.pick(*signs[token]))
        elif token not in "_{}":
            spoken.append(token)
    joined = " ".join(spoken)
    tight = re.sub(r"(?<=\w)\s(?=\(\s\w+\s\))|(?<=\()\s|\s(?=\))", "", joined)
    return tight if found.language == "en" else re.sub(r"(?<=[^\x00-\x7f])\s|\s(?=[^\x00-\x7f])", "", tight)


def rules() -> tuple[Rule, ...]:
    """Tried before plain numbers, which would take the base alone."""
    unit, relation = unit_pattern(), r"\s?(?:<=|>=|!=|==|[=<>≤≥≈≠])\s?"
    start = rf"(?<!{LETTER_OR_DIGIT})(?<![_.)/=&?-])"
    no_code = r"(?<!\w[-−])(?!\d+[eE]\d)"  # no part of a code such as 4e-12e-7f, and no 3e8, which may be one
    no_more = r"(?!\^|\.\d)"
    behind = rf"(?P<unit>{unit})|/(?P<per>{behind_slash()}){OVER}"
    power = rf"(?P<base>{AMOUNT})(?:\^|(?P<ten>[eE]))(?P<exponent>[-−+]?\d+)"
    return (
        Rule(r"(?<![\w$])\$(?P<inside>(?=[^\s\d${])[^$\"\n]{1,160}?(?<=[^\s$]))\$(?![\w$])", _formula),
        Rule(rf"{start}{_SIDE}(?:{relation}{_SIDE}){{1,3}}{OVER}(?![=(\[.]\w|[-+*/=])", _equation),
        Rule(rf"(?=\d+\^)(?:(?<![\w.])|(?<=\d[xX])|(?<=\d\s[xX])){power}(?:{behind}|{OVER}{no_more})", _power),
        Rule(
            rf"{START}{no_code}(?=\d+(?:\.\d+)?[eE][-−+]?\d{{1,3}}(?!\d)){power}(?:{behind}|{OVER}(?!-){no_more})",
            _power,
        ),
        Rule(rf"{START}{AMOUNT}[²³]{OVER}", _small_power),
        Rule(rf"{START}{AMOUNT}(?=[xX]10\^)", lambda found: found.number(found.text)),
        Rule(rf"{START}{AMOUNT}\s?[-−/]\s?{AMOUNT}(?=\s?=)", _operation),
    )


def behind_letters() -> tuple[Rule, ...]:
    """Tried last."""
    return (
        Rule(r"[²³]?[⁺⁻](?<=[A-Za-z)][⁺⁻])|[²³][⁺⁻](?<=[A-Za-z)].[⁺⁻])", _charge, only="en"),
        Rule(r"(?<=[A-Za-zα-ωΑ-Ω\d])[²³](?![\w²³])|(?<=[A-Za-z])\^[23](?!\w|\.\d)", _small_power),
    )

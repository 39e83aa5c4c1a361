"""Percents and units of measure, alone or as a range; feet and inches; degrees of latitude and longitude."""

import re
from functools import cache

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.fractions import VULGAR, read_fraction
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, OVER, SIGNED, START, Found, Rule, fixed
from sparktts_onnx.text.normalize.tables import entries, one_of, words

_TEMPERATURES = ("°C", "℃", "°", "°F", "℉")
_SCALE = r"(?P<scale>\s?(?:hundred|thousand|million|billion|trillion)\b|万亿|万|亿)?"
_INSIDE_QUOTES = re.compile(
    r"(?:(?<![A-Za-z0-9])[\"“](?=\S|$)|(?<=\s)[\"“])[^\"”]*$|(?<![\w.,!?’])['‘`](?=\S|$)[^'’]*$"
)
_SAYS_PRESSURE = re.compile(
    r"(?:\bBP(?:\sis|\sof|:)?|blood\spressure(?:\s(?:is|was|of|at))?:?|血压[是为：:高低到达约]*)\s?$", re.IGNORECASE
)
_NAMED_BY_A = (*"座级景游大公坦型股轮栋楼区班类号",)
"""In Chinese, what 12A座 and 5A景区 name, where others are amps."""
_BEFORE_ONE = re.compile(r"\b(?:a|an|the|this|that|one|each|every|my|your|his|her|our)\s$", re.IGNORECASE)
_NEXT_NOUN = re.compile(
    r"[-\s](?!(?:wide|long|tall|high|deep|thick|by|x|in|of|and|or|to|from|above|below|is|was)\b)[A-Za-z]"
)
_RATES = (
    "km/h|km/s|m/s²?|[cm]m/s|mi/h|ft/s|kW/h|[mkµμ]?g/(?:d?L|ml|mL|kg|m³|day)|[mµμn]?mol/(?:L|mL)|[KMG]B/s|[MG]b/s|kcal/day"
    "|g/cm³|L/min|mL/min|ng/mL|kg/m²"
)
"""Units that need no number before them."""
_REACH = 200
"""How far before a sign for inches or feet a quotation may open, in characters."""
_DIRECTIONS = {"N": ("north", "北纬"), "S": ("south", "南纬"), "E": ("east", "东经"), "W": ("west", "西经")}
_PARTS_OF_DEGREE = (("degree", "度"), ("minute", "分"), ("second", "秒"))


@cache
def unit_pattern() -> str:
    """A unit right behind a number: one of the table, or two with a slash between them."""
    spaced, attached = words("units", "space"), words("units", "attached")
    anywhere = words("units") - spaced - attached
    simple = rf" ?{one_of(anywhere)}| {one_of(spaced)}|{one_of(attached)}|(?<=\.\d\d)s|(?<=\.\d)s"
    stop = r"(?:(?<=[a-z])\.(?=\s[a-z&]|[,;:)])|(?:(?<=ft)|(?<=lb)|(?<=hr)|(?<=in))\.(?=\s\d))"
    return rf"(?:{simple})(?:/{behind_slash()}){{0,2}}(?!{LETTER_OR_DIGIT}|[²³^'’]|(?<!°[CF])/(?!\d)){stop}?"


@cache
def behind_slash() -> str:
    """A unit behind the slash of another."""
    return one_of((words("per") | words("units")) - {"°", "A", "V"})


def unit_name(found: Found, written: str, *, is_one: bool = False) -> str:
    """A unit in words, with the space before it in English."""
    unit = written.strip().removesuffix(".")
    over = max((name for name in words("units") if f"{unit}/".startswith(f"{name}/")), key=len)
    one, many, of_chinese, _ = entries("units")[over]
    spoken = found.pick(f" {one if is_one else many}", of_chinese)
    return spoken + "".join(per(found, under) for under in unit.removeprefix(over).split("/")[1:])


def per(found: Found, unit: str) -> str:
    """What stands behind a slash, in words: per hour."""
    of_english, *_, of_chinese = entries("per").get(unit) or entries("units")[unit][:3]
    return found.pick(f" per {of_english}", f"每{of_chinese}")


def _numbers(found: Found, low: str, high: str, unit: str = "") -> str:
    ends = [number for number in (low, high) if number]
    if found.language == "en":
        return " to ".join(map(found.number, ends))
    is_temperature = unit.strip() in _TEMPERATURES
    return "到".join(
        "零下" + found.number(end[1:]) if is_temperature and end[0] in "-−" else found.counted(end) for end in ends
    )


def _percent(found: Found) -> str:
    low, high, per_mille = found["low"], found["high"], "‰" in found.text
    if found.language == "en":
        return f"{_numbers(found, low, high)} {'per mille' if per_mille else 'percent'}"
    whole = "千分之" if per_mille else "百分之"
    shares = [("负", end[1:]) if end[0] in "-−" else ("", end) for end in (low, high) if end]
    return "到".join(minus + whole + found.number(share) for minus, share in shares)


def _unit(found: Found) -> str | None:
    """5 km, 5-10 km, 5 million km"""
    low, high, scale, unit = found["low"], found["high"], found["scale"], found["unit"]
    is_label = found.before[-1:] in (":", "-", "#") or found.last_word().lower() in words("lists", "label")
    if unit in ("W", "V", "A", "C", "F") and (is_label or found.is_behind_a_name()):
        return None
    if unit in ("C", "F") and (found.language == "zh" or found["hyphen"] or not (high or len(low) > 1)):
        return None  # 7C and 20-C are names
    if unit == "A" and found.after[:1] in _NAMED_BY_A:
        return None
    is_one = "-" in (found.after[:1], found["hyphen"]) or (low == "1" and not high and not scale)
    is_one = is_one or found.is_before_a_noun()
    spoken_scale = found.pick(f" {scale.strip()}" if scale else "", scale)
    return _numbers(found, low, high, unit) + spoken_scale + unit_name(found, unit, is_one=is_one)


def _bare(found: Found) -> str | None:
    """The km/h of "in km/h" """
    if found.before[-1:] in ("/", ".", "@", "-"):
        return None
    return unit_name(found, found.text).lstrip()


def _span(found: Found) -> str:
    """10kg~20kg, with the unit at both ends."""
    ends = [(found["low"], found["unit"]), (found["high"], found["unit_of_high"])]
    is_adjective = found.after[:1] == "-" or found.is_before_a_noun()
    spoken = [
        _numbers(found, number, "", unit) + unit_name(found, unit, is_one=number == "1" or (is_adjective and at == 1))
        for at, (number, unit) in enumerate(ends)
    ]
    return found.pick(" to ", "到").join(spoken)


def _height(found: Found) -> str:
    feet, inches = found.number(found["feet"]), found.number(found["inches"])
    return found.pick(f"{feet} foot {inches}", f"{feet}英尺{inches}英寸")


def _span_of_inches(found: Found) -> str:
    """6"-8", 5'-6'"""
    spoken = found.pick(" to ", "到").join(map(found.number, re.findall(AMOUNT, found.text)))
    return spoken + (found.pick(" feet", "英尺") if found.text[-1] in "'’′" else found.pick(" inches", "英寸"))


def _lower_inches(found: Found) -> str | None:
    """The 2 of 2-4": the higher end is read as what it is."""
    start = found.match.start()
    if _INSIDE_QUOTES.search(str(found.match.string)[max(0, start - _REACH) : start].rpartition("\n\n")[2]):
        return None
    return found.number(found.text.rstrip("-–—~～ ")) + found.pick(" to ", "到")


def _inches(found: Found) -> str | None:
    """10 in. pipe, 2" nail, 8' wide, 5 ft 9 in"""
    start, amount, sign = found.match.start(), found["amount"], found["sign"]
    spoken = read_fraction(found, amount) if re.search(rf"[/{VULGAR}]", amount) else found.number(amount)
    around = str(found.match.string)[max(0, start - _REACH) : start].rpartition("\n\n")[2]
    if spoken is None or _INSIDE_QUOTES.search(around):
        return None
    one, many, of_chinese = ("foot", "feet", "英尺") if sign[-1] in "'’′" else ("inch", "inches", "英寸")
    if found.language == "zh":
        return spoken + of_chinese
    if _BEFORE_ONE.search(found.before) and _NEXT_NOUN.match(found.after):
        return f"{spoken.replace(' ', '-').removesuffix('s') if '/' in amount else spoken}-{one}"
    is_one = amount == "1" or ("/" in amount and " " not in amount)
    stop = "." if sign.endswith(".") and not re.match(r"\s[a-z]|[,;)]", found.after) else ""
    return f"{spoken} {one if is_one else many}{stop}"


def _pressure(found: Found) -> str | None:
    """120/80 mmHg, or behind words of blood pressure"""
    if not found["unit"] and not _SAYS_PRESSURE.search(found.before):
        return None
    spoken = found.pick(" over ", "比").join(map(found.number, (found["high"], found["low"])))
    return spoken + (unit_name(found, "mmHg") if found["unit"] else "")


def _fraction(found: Found) -> str | None:
    """1/2kg, 1½ km"""
    spoken = read_fraction(found, found["amount"])
    is_one = not re.search(rf"\d[\s{VULGAR}]", found["amount"]) or found.is_before_a_noun()
    return spoken + unit_name(found, found["unit"], is_one=is_one) if spoken else None


def _place(found: Found) -> str:
    """40°42′N, 20–30°N; 北纬40°N says the direction once."""
    of_english, of_chinese = _DIRECTIONS.get(found["direction"], ("", ""))
    spoken = found.pick(" ", "").join(
        found.number(value) + found.pick(f" {name}{'' if value == '1' else 's'}", chinese_name)
        for value, (name, chinese_name) in zip(re.findall(SIGNED, found["high"]), _PARTS_OF_DEGREE, strict=False)
    )
    spoken = found.number(found["low"]) + found.pick(" to ", "到") + spoken if found["low"] else spoken
    if found.language == "en":
        return f"{spoken} {of_english}".rstrip()
    return spoken if found.before.endswith(of_chinese) else of_chinese + spoken


def rules() -> tuple[Rule, ...]:
    """Tried before fractions and numbers, which would take the number alone."""
    unit, double, single = unit_pattern(), "(?:[\"”″]|''|’’|′′)", "['’′]"
    minutes = rf"\s?{AMOUNT}\s?{single}(?:\s?{AMOUNT}\s?{double})?"
    direction = rf"\s?[NSEW]{OVER}(?!['’])"
    place = rf"°(?={minutes}|{direction})(?:{minutes})?(?:\s?(?P<direction>[NSEW]){OVER}(?!['’]))?"
    behind_feet = "|".join(rf"(?<=\d{foot}\s)" for foot in ("ft", " ft", r" ft\.", " feet", " foot"))
    measured = r"(?=\s(?:wide|long|tall|high|deep|thick|by|x|×|in\sdiameter)\b)"
    inches = rf"\sin\.(?=\s[a-z]|[,;)])|-in\.?(?=\s[a-z])|\s?in{measured}|(?<!\s)in(?![\w-])|[\"”″](?![\w:\]}}])"
    feet = rf"{single}(?:{measured}|(?=\s[a-z]{{3}})|(?=\s?[xX×]\s?\d)|(?=[,.;)]|$))"
    number = rf"(?P<amount>(?:\d{{1,4}}[\s-])?\d{{1,4}}/\d{{1,4}}|\d{{0,4}}[{VULGAR}]|{AMOUNT})"
    return (
        Rule(rf"{START}(?:(?P<low>{AMOUNT}){DASH})?(?P<high>{SIGNED}\s?{place})", _place),
        Rule(rf"{START}(?P<high>\d{{2,3}})/(?P<low>\d{{2,3}})(?P<unit> ?mm ?Hg)?(?![\w/])", _pressure),
        Rule(rf"{START}{AMOUNT}[\"”″]{DASH}{AMOUNT}[\"”″](?!\w)", _span_of_inches),
        Rule(rf"{START}{AMOUNT}{single}{DASH}{AMOUNT}{single}(?!\w)", _span_of_inches),
        Rule(rf"{START}(?P<feet>[1-9]\d?){single}(?P<inches>1[01]|\d)(?:{double}|{OVER})", _height),
        Rule(rf"{START}(?P<feet>[1-9]\d?){single}\s(?P<inches>1[01]|\d){double}", _height),
        Rule(rf"(?:{behind_feet})(?P<amount>{AMOUNT})(?P<sign>\s?in(?:ch|ches)?\b\.?)(?!\w)", _inches),
        Rule(rf"{START}(?<!\\){AMOUNT}{DASH}(?={AMOUNT}(?:{inches}))", _lower_inches),
        Rule(rf"{START}(?<!\\){number}(?P<sign>{inches})", _inches),
        Rule(rf"{START}(?<![-/]){number}(?P<sign>{feet})", _inches),
        Rule(rf"{START}(?P<amount>(?:\d{{1,4}}\s)?\d/\d|\d{{0,4}}[{VULGAR}])(?P<unit>{unit})", _fraction),
        Rule(rf"{START}(?:{_RATES}){OVER}(?![/@-]|\.\w)", _bare),
        Rule(rf"{START}[-−](?=百分之\d)", fixed("minus ", "负")),
        Rule(rf"{START}(?P<low>{SIGNED})(?:\s?%?{DASH}(?P<high>{SIGNED}))?\s?[%‰]", _percent),
        Rule(
            rf"{START}(?P<low>{SIGNED})(?P<unit>{unit}){DASH}(?P<high>{SIGNED})(?P<unit_of_high>{unit})(?!\s?=)",
            _span,
        ),
        Rule(
            rf"{START}(?P<low>{SIGNED})(?:{DASH}(?P<high>{SIGNED}))?{_SCALE}(?P<hyphen>-(?=[A-Za-z]))?(?P<unit>{unit})",
            _unit,
        ),
    )

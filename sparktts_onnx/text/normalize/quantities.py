"""Percents and units of measure, alone or as a range."""

import re
from dataclasses import replace

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.fractions import VULGAR
from sparktts_onnx.text.normalize.rule import AMOUNT, DASH, SIGNED, START, Found, Rule

_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour", "公里每小时"),
    "kph": ("kilometer per hour", "kilometers per hour", "公里每小时"),
    "m/s": ("meter per second", "meters per second", "米每秒"),
    "m/s²": ("meter per second squared", "meters per second squared", "米每二次方秒"),
    "mph": ("mile per hour", "miles per hour", "英里每小时"),
    "km²": ("square kilometer", "square kilometers", "平方公里"),
    "km2": ("square kilometer", "square kilometers", "平方公里"),
    "m²": ("square meter", "square meters", "平方米"),
    "m2": ("square meter", "square meters", "平方米"),
    "m³": ("cubic meter", "cubic meters", "立方米"),
    "m3": ("cubic meter", "cubic meters", "立方米"),
    "cm²": ("square centimeter", "square centimeters", "平方厘米"),
    "cm³": ("cubic centimeter", "cubic centimeters", "立方厘米"),
    "㎡": ("square meter", "square meters", "平方米"),
    "km": ("kilometer", "kilometers", "公里"),
    "cm": ("centimeter", "centimeters", "厘米"),
    "mm": ("millimeter", "millimeters", "毫米"),
    "nm": ("nanometer", "nanometers", "纳米"),
    "μm": ("micrometer", "micrometers", "微米"),
    "µm": ("micrometer", "micrometers", "微米"),
    "µg": ("microgram", "micrograms", "微克"),
    "kΩ": ("kiloohm", "kiloohms", "千欧"),
    "Ω": ("ohm", "ohms", "欧姆"),
    "m": ("meter", "meters", "米"),
    "ft": ("foot", "feet", "英尺"),
    "mi": ("mile", "miles", "英里"),
    "yd": ("yard", "yards", "码"),
    "kg": ("kilogram", "kilograms", "千克"),
    "mg": ("milligram", "milligrams", "毫克"),
    "g": ("gram", "grams", "克"),
    "lbs": ("pound", "pounds", "磅"),
    "lb": ("pound", "pounds", "磅"),
    "oz": ("ounce", "ounces", "盎司"),
    "ml": ("milliliter", "milliliters", "毫升"),
    "mL": ("milliliter", "milliliters", "毫升"),
    "L": ("liter", "liters", "升"),
    "kWh": ("kilowatt hour", "kilowatt hours", "千瓦时"),
    "kW": ("kilowatt", "kilowatts", "千瓦"),
    "MW": ("megawatt", "megawatts", "兆瓦"),
    "GW": ("gigawatt", "gigawatts", "吉瓦"),
    "kV": ("kilovolt", "kilovolts", "千伏"),
    "mAh": ("milliamp hour", "milliamp hours", "毫安时"),
    "GHz": ("gigahertz", "gigahertz", "吉赫兹"),
    "MHz": ("megahertz", "megahertz", "兆赫兹"),
    "kHz": ("kilohertz", "kilohertz", "千赫兹"),
    "Hz": ("hertz", "hertz", "赫兹"),
    "dB": ("decibel", "decibels", "分贝"),
    "TB": ("terabyte", "terabytes", "TB"),
    "GB": ("gigabyte", "gigabytes", "GB"),
    "MB": ("megabyte", "megabytes", "MB"),
    "KB": ("kilobyte", "kilobytes", "KB"),
    "kB": ("kilobyte", "kilobytes", "KB"),
    "Gbps": ("gigabit per second", "gigabits per second", "吉比特每秒"),
    "Mbps": ("megabit per second", "megabits per second", "兆比特每秒"),
    "Gb/s": ("gigabit per second", "gigabits per second", "吉比特每秒"),
    "Mb/s": ("megabit per second", "megabits per second", "兆比特每秒"),
    "GB/s": ("gigabyte per second", "gigabytes per second", "GB每秒"),
    "MB/s": ("megabyte per second", "megabytes per second", "MB每秒"),
    "sq ft": ("square foot", "square feet", "平方英尺"),
    "tsp": ("teaspoon", "teaspoons", "茶匙"),
    "tbsp": ("tablespoon", "tablespoons", "汤匙"),
    "hrs": ("hour", "hours", "小时"),
    "hr": ("hour", "hours", "小时"),
    "h": ("hour", "hours", "小时"),
    "mins": ("minute", "minutes", "分钟"),
    "min": ("minute", "minutes", "分钟"),
    "secs": ("second", "seconds", "秒"),
    "sec": ("second", "seconds", "秒"),
    "ms": ("millisecond", "milliseconds", "毫秒"),
    "°C": ("degree Celsius", "degrees Celsius", "摄氏度"),
    "℃": ("degree Celsius", "degrees Celsius", "摄氏度"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit", "华氏度"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit", "华氏度"),
    "°": ("degree", "degrees", "度"),
}
_NEEDS_SPACE = {
    "s": ("second", "seconds", "秒"),
    "W": ("watt", "watts", "瓦"),
    "V": ("volt", "volts", "伏"),
}
"""Letters that often mean something else right after a number: the 90s, a V8."""

UNITS = _UNITS | _NEEDS_SPACE
_ANY = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
UNIT = rf"(?:\s?(?:{_ANY})|\s(?:{'|'.join(_NEEDS_SPACE)})|(?<=\.\d\d)s|(?<=\.\d)s)(?!{LETTER_OR_DIGIT}|[²³^'’]|/(?!\d))"
_TEMPERATURES = ("°C", "℃", "°", "°F", "℉")
_RANGE = re.compile(rf"(?P<low>{SIGNED})(?P<low_percent>\s?%)?(?:{DASH}(?P<high>{SIGNED}))?\s?(?P<unit>\D*)")


def _range(found: Found) -> tuple[str, str | None, str] | None:
    """(low, high or None, unit) as written."""
    parts = _RANGE.fullmatch(found.text)
    return (parts["low"], parts["high"], parts["unit"].strip()) if parts else None


def _english_numbers(low: str, high: str | None) -> str:
    return english.number(low) + (f" to {english.number(high)}" if high else "")


def _english_percent(found: Found) -> str | None:
    parts = _range(found)
    if parts is None:
        return None
    return f"{_english_numbers(*parts[:2])} {'per mille' if '‰' in found.text else 'percent'}"


def _chinese_percent(found: Found) -> str | None:
    parts = _range(found)
    if parts is None:
        return None
    whole = "千分之" if "‰" in found.text else "百分之"
    return "到".join(_chinese_share(number, whole) for number in parts[:2] if number)


def _chinese_share(number: str, whole: str) -> str:
    if number[0] in "-−":
        return "负" + whole + chinese.number(number[1:])
    return whole + chinese.number(number)


def _english_unit(found: Found) -> str | None:
    parts = _range(found)
    if parts is None:
        return None
    low, high, unit = parts
    one, many, _ = UNITS[unit]
    is_adjective = found.after[:1] == "-"
    return f"{_english_numbers(low, high)} {one if (low == '1' and not high) or is_adjective else many}"


def _chinese_unit(found: Found) -> str | None:
    parts = _range(found)
    if parts is None:
        return None
    low, high, unit = parts
    numbers = [_chinese_value(number, unit) for number in (low, high) if number]
    return "到".join(numbers) + UNITS[unit][2]


def _chinese_value(number: str, unit: str) -> str:
    if unit in _TEMPERATURES and number[0] in "-−":
        return "零下" + chinese.number(number[1:])
    return "两" if number == "2" else chinese.number(number)


def _english_span(found: Found) -> str | None:
    """10kg~20kg, with the unit at both ends."""
    ends = _ends(found)
    return " to ".join(_english_unit(end) or end.text for end in ends) if ends else None


def _chinese_span(found: Found) -> str | None:
    ends = _ends(found)
    return "到".join(_chinese_unit(end) or end.text for end in ends) if ends else None


def _ends(found: Found) -> list[Found]:
    parts = _SPAN.fullmatch(found.text)
    return [replace(found, text=parts["low"], after=""), replace(found, text=parts["high"])] if parts else []


def _english_height(found: Found) -> str:
    feet, inches = re.findall(r"\d+", found.text)
    return f"{english.number(feet)} foot {english.number(inches)}"


def _chinese_height(found: Found) -> str:
    feet, inches = re.findall(r"\d+", found.text)
    return f"{chinese.number(feet)}英尺{chinese.number(inches)}英寸"


def _english_unit_of_fraction(found: Found) -> str:
    """1½ km"""
    one, many, _ = UNITS[found.text.strip()]
    has_whole = re.search(rf"\d\s?[{VULGAR}]$|\d\s\d+/\d+$", found.before)
    return f" {many if has_whole else one}"


def _chinese_unit_of_fraction(found: Found) -> str:
    return UNITS[found.text.strip()][2]


_SPAN = re.compile(rf"(?P<low>{SIGNED}{UNIT}){DASH}(?P<high>{SIGNED}{UNIT})")
_SIGNED_RANGE = rf"{SIGNED}(?:{DASH}{SIGNED})?"
_PERCENT_RANGE = rf"{SIGNED}(?:\s?%?{DASH}{SIGNED})?\s?%|{AMOUNT}\s?‰"
RULES = (
    Rule("units", rf"{START}[1-9]['’′](?:1[01]|\d)(?:[\"”″]|(?!{LETTER_OR_DIGIT}))", _english_height, _chinese_height),
    Rule("units", rf"{START}[1-9]\d['’′](?:1[01]|\d)[\"”″]", _english_height, _chinese_height),
    Rule(
        "units",
        rf"(?:(?<=[{VULGAR}])|(?<=\d\s1/[2348])|(?<=\b1/[2348])|(?<=\d\s3/4)|(?<=\b3/4)){UNIT}",
        _english_unit_of_fraction,
        _chinese_unit_of_fraction,
    ),
    Rule("percents", rf"{START}(?:{_PERCENT_RANGE})", _english_percent, _chinese_percent),
    Rule("units", rf"{START}{SIGNED}{UNIT}{DASH}{SIGNED}{UNIT}(?!\s?=)", _english_span, _chinese_span),
    Rule("units", rf"{START}{_SIGNED_RANGE}{UNIT}", _english_unit, _chinese_unit),
)

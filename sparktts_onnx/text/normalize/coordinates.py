"""Degrees with a direction, or with minutes and seconds: 40.7°N, 40°42′, 74°0′21″W."""

import re

from sparktts_onnx.text.normalize.rule import DASH, OVER, SIGNED, START, Found, Rule

_DIRECTIONS = {
    "N": ("north", "北纬"),
    "S": ("south", "南纬"),
    "E": ("east", "东经"),
    "W": ("west", "西经"),
    "": ("", ""),
}
_VALUE = r"\d+(?:\.\d+)?"
_NAMES = (("degree", "度"), ("minute", "分"), ("second", "秒"))


def _place(found: Found) -> str:
    """北纬40°N says the direction once."""
    values = re.findall(rf"[-−]?{_VALUE}", found.text)
    of_english, of_chinese = _DIRECTIONS[found["direction"]]
    if found.language == "zh":
        spoken = "".join(found.number(value) + name for value, (_, name) in zip(values, _NAMES, strict=False))
        return spoken if found.before.endswith(of_chinese) else of_chinese + spoken
    parts = zip(values, _NAMES, strict=False)
    spoken = " ".join(f"{found.number(value)} {name}{'' if value == '1' else 's'}" for value, (name, _) in parts)
    return f"{spoken} {of_english}".rstrip()


def _belt(found: Found) -> str:
    """20–30°N"""
    of_english, of_chinese = _DIRECTIONS[found["direction"]]
    low, high = map(found.number, re.findall(_VALUE, found.text))
    return found.pick(f"{low} to {high} degrees {of_english}", f"{of_chinese}{low}到{high}度")


def rules() -> tuple[Rule, ...]:
    """Tried before units, which would take the degrees alone."""
    seconds = rf"\s?{_VALUE}\s?(?:[\"”″]|''|’’|′′)"
    minutes = rf"\s?{_VALUE}\s?['’′](?:{seconds})?"
    direction = rf"(?:\s?(?P<direction>[NSEW]){OVER}(?!['’]))"
    return (
        Rule("units", rf"{START}{_VALUE}{DASH}{_VALUE}\s?°{direction}", _belt),
        Rule("units", rf"{START}{SIGNED}\s?°(?={minutes}|\s?[NSEW]{OVER}(?!['’]))(?:{minutes})?{direction}?", _place),
    )

"""Digits that are a name or a code: addresses of machines and houses, versions, plans, events."""

import re
from functools import cache

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import END, OVER, START, Found, Rule, fixed
from sparktts_onnx.text.normalize.tables import one_of, rows, spellings, words

_SAYS_VERSION = re.compile(r"(?:\bversions?\s|版本?号?)$", re.IGNORECASE)
_HOUSE = re.compile(r"(?<![\d.,:/-])\d{1,5}[A-Za-z]?\s(?:(?:[A-Z]\w*|\d{1,3}(?:st|nd|rd|th))\.?\s){1,3}$")
"""What stands before the kind of a street: 1211 E Arques, 12 S 1st."""

_ROCKETS = ("东风", "巨浪", "长征", "嫦娥", "神舟", "天宫", "天问", "天舟", "红旗", "鹰击", "歼")


def _parts(found: Found, written: str, joint: str) -> str:
    """2.0.1, 192.168.1.1 and 12-34-56: part by part."""
    parts = re.split(r"[-.]", written)
    if found.language == "zh":
        return joint.join(chinese.digits(part) for part in parts)
    return joint.join(english.number(part) if len(part) < 3 else english.digits(part) for part in parts)


def _code(found: Found) -> str:
    is_said = found.after.startswith("版") or _SAYS_VERSION.search(found.before)
    version = found.pick("version ", "版本") if found.text[0] in "vV" and not is_said else ""
    joint = found.pick(" point ", "点") if "." in found.text else found.pick(", ", "，")
    return version + _parts(found, found.text.lstrip("vV"), joint)


def _machine(found: Found) -> str:
    """10.1.2.3:443 and 172.16.0.0/12"""
    spoken = _parts(found, found["address"], found.pick(" point ", "点"))
    if found["port"]:
        return spoken + found.pick(" port ", "端口") + found.digits(found["port"])
    return spoken + found.pick(" slash ", "斜杠") + found.number(found["mask"])


def _plan(found: Found) -> str:
    """401(k), 501(c)(3), 401k"""
    spoken = english.digits(found["number"]).replace("zero", "oh")
    return " ".join(
        [spoken, *(english.number(part) if part.isdigit() else part for part in re.findall(r"\w", found["parts"]))]
    )


def _house(found: Found) -> str:
    """2210 Oak Avenue: twenty-two ten."""
    first, last = int(found.text[:2]), int(found.text[2:])
    if first % 10 == 0 and not last:
        return english.cardinal(int(found.text))
    return f"{english.cardinal(first)} {english.two_digits(last) if last else 'hundred'}"


def _street(found: Found) -> str | None:
    """The Ave of 1211 E Arques Ave, in words behind the number and the name of a house."""
    if not _HOUSE.search(found.before):
        return None
    kind = found.text.rstrip(".").capitalize()
    return found.keep_stop(next(row[1] for row in rows("streets") if row[0] == kind))


def _direction(found: Found) -> str:
    return {"N": "North", "S": "South", "E": "East", "W": "West"}[found.text[0]]


@cache
def _named() -> str:
    return "|".join(rf"{number}(?={one_of(spellings(behind))})" for number, behind in rows("named"))


def rules() -> tuple[Rule, ...]:
    """Tried before numbers, which would take a part alone."""
    street = rf"(?:(?:[NSEW]\.?|[A-Z]\w+|\d{{1,3}}(?:st|nd|rd|th))\s){{1,3}}{one_of(words('streets'))}\b"
    shortened = one_of(row[0] for row in rows("streets") if row[1])
    rockets = "|".join(rf"(?<={name})" for name in _ROCKETS)
    return (
        Rule(
            "numbers",
            rf"{START}(?P<address>\d{{1,3}}(?:\.\d{{1,3}}){{3}})(?::(?P<port>\d{{1,5}})|/(?P<mask>\d\d?)){END}",
            _machine,
        ),
        Rule("numbers", rf"{START}\d+(?:(?:\.\d+){{2,}}|(?:-\d+){{2,}}){END}", _code),
        Rule("numbers", rf"{START}[vV]\d+(?:\.\d+)+{END}", _code),
        Rule(
            "numbers",
            rf"{START}(?P<number>[45]\d\d)(?P<parts>\([a-z]\)(?:\(\d{{1,2}}\))?|(?<=401)k|(?<=403)b){OVER}",
            _plan,
            only="en",
        ),
        Rule("numbers", rf"{START}[1-9]\d{{3}}(?=\s{street})", _house, only="en"),
        Rule("abbreviations", rf"(?<=\d\s)[NSEW]\b\.?(?=\s{street})", _direction, only="en"),
        Rule("abbreviations", rf"(?<=\w\s)(?i:{shortened})\b\.?(?=\s*(?:[,.;]|$)|\.)", _street, only="en"),
        Rule("numbers", rf"{START}(?:[1-9]\d{{2,3}}(?=室|房间|号房)|{_named()})", Found.by_digit, only="zh"),
        Rule("numbers", rf"{START}\d\d?[·•.]\d\d?(?=[\"”’]?{one_of(words('joined'))})", Found.by_digit, only="zh"),
        Rule("numbers", rf"{START}\d\d?·\d\d?{END}", Found.by_digit, only="zh"),
        Rule("numbers", rf"(?=-)(?:{rockets})-(?=\d)", fixed("", "")),
    )

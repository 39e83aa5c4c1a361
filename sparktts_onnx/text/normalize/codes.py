"""Digits that are a name or a code: addresses of machines and houses, versions, events."""

import re

from sparktts_onnx.text.normalize import english
from sparktts_onnx.text.normalize.rule import END, START, Found, Rule, fixed
from sparktts_onnx.text.normalize.tables import entries, one_of, rows, spellings, words

_SAYS_VERSION = re.compile(r"(?:\bversions?\s|版本?号?)$", re.IGNORECASE)
_HOUSE = re.compile(r"(?<![\d.,:/-])\d{1,5}[A-Za-z]?\s(?:(?:[A-Z]\w*|\d{1,3}(?:st|nd|rd|th))\.?\s){1,3}$")
"""What stands before the kind of a street: 1211 E Arques, 12 S 1st."""
_QUARTERS = {"NE": "Northeast", "NW": "Northwest", "SE": "Southeast", "SW": "Southwest"}
_QUARTER = re.compile(r"\s[NS][EW]\b")
_JOINTS = {".": (" point ", "点"), "-": (", ", "，"), ":": (" port ", "端口"), "/": (" slash ", "斜杠")}


def _code(found: Found) -> str:
    """2.0.1, 12-34-56, v2.3, 192.168.1.1, 10.1.2.3:443: part by part."""
    is_said = found.after.startswith("版") or _SAYS_VERSION.search(found.before)
    version = found.pick("version ", "版本") if found.text[0] in "vV" and not is_said else ""
    return version + "".join(_part(found, part) for part in re.findall(r"\d+|[-.:/]", found.text))


def _part(found: Found, part: str) -> str:
    if part in _JOINTS:
        return found.pick(*_JOINTS[part])
    return found.number(part) if found.language == "en" and len(part) < 3 else found.digits(part)


def _said(found: Found) -> str | None:
    """24/7 and 401(k)"""
    return found.pick(*entries("sayings")[found.text]) or None


def _house(found: Found) -> str:
    """2210 Oak Avenue: twenty-two ten."""
    if len(found.text) < 4:
        return found.number(found.text)
    if len(found.text) > 4:
        return found.digits(found.text)
    first, last = int(found.text[:2]), int(found.text[2:])
    if first % 10 == 0 and not last:
        return english.cardinal(int(found.text))
    return f"{english.cardinal(first)} {english.two_digits(last) if last else 'hundred'}"


def _standing_alone(found: Found) -> str | None:
    """666, as a shout"""
    return found.by_digit() if not found.before or found.before[-1] in " \n，。！？!?,~～" else None


def _plane(found: Found) -> str:
    """Boeing 737-800: seven thirty-seven eight hundred."""
    first, *last = found.text.split("-")
    return " ".join(["seven", english.cardinal(int(first[1:])), *map(found.number, last)])


def _street(found: Found) -> str | None:
    """The Ave of 1211 E Arques Ave, in words behind the number and the name of a house."""
    if not _HOUSE.search(found.before):
        return None
    kind = entries("streets")[found.text.rstrip(".").capitalize()][0]
    return kind if _QUARTER.match(found.after) else found.keep_stop(kind)


def _quarter(found: Found) -> str | None:
    """The NW of 67th St NW"""
    is_behind_street = re.search(rf"\b(?i:{one_of(words('streets'))})\.?\s$", found.before)
    return _QUARTERS[found.text] if is_behind_street else None


def rules() -> tuple[Rule, ...]:
    """Tried before numbers, which would take a part alone."""
    street = rf"(?:(?:[NSEW]\.?|[A-Z]\w+|\d{{1,3}}(?:st|nd|rd|th))\s){{1,3}}{one_of(words('streets'))}\b"
    shortened = one_of(row[0] for row in rows("streets") if row[1])
    named = "|".join(rf"{re.escape(number)}(?={one_of(spellings(behind))})" for number, behind in rows("named"))
    models = "|".join(rf"(?<={name})" for name in sorted(words("lists", "model")))
    return (
        Rule(rf"{START}\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}}|/\d\d?){END}", _code),
        Rule(rf"{START}\d+(?:(?:\.\d+){{2,}}|(?:-\d+){{2,}}){END}", _code),
        Rule(rf"{START}[vV]\d+(?:\.\d+)+{END}", _code),
        Rule(rf"{START}{one_of(words('sayings'))}(?!\s?=|[月日号]){END}", _said),
        Rule(rf"{START}[1-9]\d{{0,4}}(?=\s{street})", _house, only="en"),
        *(
            Rule(rf"(?<=\d\s){point[0]}\b\.?(?=\s{street})", fixed(point, ""), only="en")
            for point in ("North", "South", "East", "West")
        ),
        Rule(rf"(?<=\w\s)(?i:{shortened})\b\.?(?=\s*(?:[,.;]|$)|\.|\s[NS][EW]\b)", _street, only="en"),
        Rule(r"(?<=\w[\s.])(?:NE|NW|SE|SW)\b|(?<=\.\s)(?:NE|NW|SE|SW)\b", _quarter, only="en"),
        Rule(
            rf"{START}(?:[1-9]\d{{2,3}}(?=室|房间|号房|会议室|教室|病房|包间|包厢|办公室|宿舍)|{named})",
            Found.by_digit,
            only="zh",
        ),
        Rule(rf"{START}\d{{4,6}}(?=\.(?:SH|SZ|SS|BJ|HK|KS|TW|T)\b)", Found.by_digit),
        Rule(rf"{START}(?<=\bBoeing\s)7\d7(?:-\d{{1,3}}{END}|\b(?!-))", _plane, only="en"),
        Rule(rf"{START}(?:(?<=\ba\s)|(?<=\bthe\s))7\d7(?:-\d{{1,3}}{END}|(?=\sMAX\b))", _plane, only="en"),
        Rule(rf"{START}(?:6{{3,6}}|23{{3,6}}|996|520)(?=[！!，。~～？?了]|\s*$)", _standing_alone, only="zh"),
        Rule(
            rf"{START}(?<=[\d一二三四五六七八九十][楼栋座])\d{{3,4}}(?=[，。、；）)\s]|室|房|$)",
            Found.by_digit,
            only="zh",
        ),
        Rule(rf"{START}\d\d?[·•]\d\d?{END}", Found.by_digit, only="zh"),
        Rule(r"(?<=\d[米秒])\d\d(?![\d.,%a-zA-Z个米厘公分毫秒多人])", Found.by_digit, only="zh"),
        Rule(rf"(?=-)(?:{models})-(?=\d)", fixed("", "")),
    )

"""English abbreviations and dotted initials."""

import re

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.rule import SENTENCE_STARTERS, Found, Reader, Rule

TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miss",
    "Dr": "Doctor",
    "Prof": "Professor",
    "Rev": "Reverend",
    "Hon": "Honorable",
    "Gen": "General",
    "Col": "Colonel",
    "Capt": "Captain",
    "Lt": "Lieutenant",
    "Sgt": "Sergeant",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Mt": "Mount",
}
"""Stand before a name: never the end of a sentence."""

BEFORE_NUMBER = {
    "Fig": "Figure",
    "fig": "figure",
    "Eq": "Equation",
    "Vol": "Volume",
    "vol": "volume",
    "Ch": "Chapter",
    "ch": "chapter",
    "Sec": "Section",
    "p": "page",
    "pp": "pages",
    "Art": "Article",
    "art": "article",
    "Apt": "Apartment",
    "ext": "extension",
}
"""Stand before a number."""

ANYWHERE = {
    "e.g": "for example",
    "i.e": "that is",
    "vs": "versus",
    "approx": "approximately",
    "cf": "compare",
    "a.k.a": "also known as",
    "esp": "especially",
    "incl": "including",
    "viz": "namely",
}
"""Have more words after them."""

MAY_END = {
    "etc": "et cetera",
    "et al": "and others",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Corp": "Corporation",
    "Co": "Company",
    "Jr": "Junior",
    "Sr": "Senior",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Dept": "Department",
    "dept": "department",
    "Bros": "Brothers",
    "Ph.D": "P H D",
    "St": "Street",
}
"""May also be the last word of a sentence: their full stop is kept where they are."""

_AFTER_NAME = re.compile(r"[A-Z0-9]\w*\.?\s$")
_NO_STREETS = (
    "A An Any Every Each Some Your Good Is Are Was Were Be Has Have Had Do Does Did Will Would Can Could Should May "
    "Must Ask See Call Tell Thank Thanks Meet Dear Hi Hello Who Today Tomorrow Yesterday Monday Tuesday Wednesday "
    "Thursday Friday Saturday Sunday January February March April June July August September October November December"
)
_NO_STREET = "|".join([*_NO_STREETS.split(), *TITLES, *map(str.capitalize, SENTENCE_STARTERS)])
_STREET_WORD = rf"(?!(?:{_NO_STREET})\b)(?:(?:Jr|Sr|St|Mt|Ft|[A-Z])\.|[A-Z]\w+)\s"
_BEFORE_STREET = r"\b(?:\d+[A-Za-z]?|[Oo]n|[Aa]t|[Tt]o|[Oo]ff|[Nn]ear|[Ff]rom|[Aa]long|[Dd]own|[Uu]p)\s"
_AFTER_STREET = re.compile(rf"(?:{_BEFORE_STREET}|\b{_STREET_WORD}){_STREET_WORD}$")
"""After a name, or a house number or a preposition and one: a lone word may be the first of a sentence."""

_SLASHED = {"w/o": "without", "w/": "with", "b/c": "because"}


def _words(table: dict[str, str]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, table), key=len, reverse=True)) + ")"


def _title(found: Found) -> str:
    return TITLES[found.text.rstrip(".")]


def _numbered(found: Found) -> str:
    return BEFORE_NUMBER[found.text.rstrip(".")]


def _anywhere(found: Found) -> str:
    """E.g. at the start of a sentence keeps its capital."""
    spoken = ANYWHERE[found.text.rstrip(".").lower()]
    return spoken.capitalize() if found.text[0].isupper() else spoken


def _may_end(found: Found) -> str:
    written = found.text.rstrip(".")
    keep_stop = found.keep_stop_in_name if written in ("Jr", "Sr") else found.keep_stop
    return keep_stop(MAY_END[written])


def _saint_or_street(found: Found) -> str:
    """St. after a name is a street (Main St.), before one a saint (St. John)."""
    after_name = _AFTER_NAME.search(found.before)
    before_name = re.match(r"\s[A-Z]", found.after)
    return "Saint" if before_name and not after_name else found.keep_stop("Street")


def _doctor_or_drive(found: Found) -> str | None:
    """Dr. after the name of a street, and not before a name, is a drive (5 Oak Dr.)."""
    following = re.match(r"\s([A-Z]\w*)", found.after)
    before_name = following and following[1].lower() not in SENTENCE_STARTERS
    if _AFTER_STREET.search(found.before) and not before_name:
        return found.keep_stop("Drive")
    return "Doctor" if following else None


def _initials(found: Found) -> str:
    return found.keep_stop_in_name(" ".join(re.findall(r"[A-Za-z]", found.text)))


def _slashed(found: Found) -> str:
    return _SLASHED[found.text] + (" " if re.match(LETTER_OR_DIGIT, found.after) else "")


def _both(pattern: str, reader: Reader) -> Rule:
    """Abbreviations are English in any text."""
    return Rule("abbreviations", pattern, reader, reader)


_BEGIN = rf"(?<!{LETTER_OR_DIGIT})(?<![.@/&_-])"
_OVER = rf"(?!{LETTER_OR_DIGIT})"
RULES = (
    _both(rf"{_BEGIN}Dr\.{_OVER}", _doctor_or_drive),
    _both(rf"{_BEGIN}{_words(TITLES)}\.?(?=\s[A-Z])", _title),
    _both(rf"{_BEGIN}St\.{_OVER}", _saint_or_street),
    _both(rf"{_BEGIN}{_words(BEFORE_NUMBER)}\.(?=\s?\d)", _numbered),
    _both(rf"{_BEGIN}(?:[Ee]\.[Gg]|[Ii]\.[Ee]|{_words(ANYWHERE)})\.{_OVER}", _anywhere),
    _both(rf"{_BEGIN}{_words(MAY_END)}\.{_OVER}", _may_end),
    _both(rf"{_BEGIN}(?:[A-Z]\.){{2,}}{_OVER}", _initials),
    _both(rf"{_BEGIN}(?:w/o{_OVER}|w/|b/c{_OVER})", _slashed),
)

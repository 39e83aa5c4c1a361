"""English abbreviations and dotted initials."""

import re

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize.rule import OVER, Found, Reader, Rule
from sparktts_onnx.text.normalize.tables import entries, one_of, words

_AFTER_NAME = re.compile(r"(?!St\.)\b(?:[A-Z]\w*|\d+(?:st|nd|rd|th))\.?\s$")
_PARTY = re.compile(r"(?:\b[A-Z][\w.'’-]*|\bal\.|\bothers|\))\s$")
_BEFORE_SAINT = re.compile(r"(?<!\d\s)\b(?:Bay|Bury|Cape|Fort|Lake|Mont|Mount|Mt\.|Point|Port|Sault)\s$")
_OFFICE = re.compile(
    r"\s(?:Ltd|Inc|LLC|LLP|PLC|KG|C[A-Z]O|President|Chairman|Chairwoman|Chair|Chief|Director|Chapter|v)\b"
)
"""What goes on behind the Inc. of a company's name."""
_SLASHED = {"w/in": "within", "w/out": "without", "w/o": "without", "w/": "with", "b/c": "because"}


def _spoken(written: str) -> str:
    return entries("abbreviations")[written][0]


def _plain(found: Found) -> str:
    return _spoken(found.text.rstrip(".")) + (" " if found.after[:1].isalnum() else "")


def _circa(found: Found) -> str:
    return found.pick("circa", "约") + (" " if found.after[:1].isdigit() else "")


def _inside(found: Found) -> str:
    """E.g. at the start of a sentence keeps its capital."""
    spoken = _spoken(found.text.rstrip(".").lower())
    return spoken.capitalize() if found.text[0].isupper() else spoken


def _end(found: Found) -> str:
    written = found.text.rstrip(".")
    if _OFFICE.match(found.after):
        return _spoken(written)
    keep_stop = found.keep_stop_in_name if written in ("Jr", "Sr") else found.keep_stop
    return keep_stop(_spoken(written))


def _saint_or_street(found: Found) -> str:
    """St. after a name is a street (Main St.), before one a saint (St. John, Lake St. Clair)."""
    after_name = _AFTER_NAME.search(found.before)
    before_name = re.match(r"\s[A-Z]", found.after)
    of_place = _BEFORE_SAINT.search(found.before) and found.keep_stop_in_name("") == ""
    return "Saint" if before_name and (of_place or not after_name) else found.keep_stop("Street")


def _versus(found: Found) -> str | None:
    """Roe v. Wade, England v France"""
    return "versus" if _PARTY.search(found.before) else None


def _initials(found: Found) -> str:
    return found.keep_stop_in_name(" ".join(re.findall(r"[A-Za-z]", found.text)))


def _slashed(found: Found) -> str:
    return _SLASHED[found.text] + (" " if re.match(LETTER_OR_DIGIT, found.after) else "")


def rules() -> tuple[Rule, ...]:
    """Abbreviations are English in any text."""
    begin = rf"(?<!{LETTER_OR_DIGIT})(?<![.@/&_-])"
    title, number, inside, end, state = (
        one_of(words("abbreviations", place)) for place in ("title", "number", "inside", "end", "state")
    )
    patterns: tuple[tuple[str, Reader], ...] = (
        (rf"{title}\.?(?=\s[A-Z]|\s(?:&|and)\s{title}\b)", _plain),
        (r"v\.?(?=\s(?:the\s)?[A-Z])", _versus),
        (r"vs(?=\s[\w$€£\"“])", _plain),
        (rf"St\.{OVER}", _saint_or_street),
        (rf"{number}\.(?=\s?(?:\d|[IVXL]+\b))", _plain),
        (rf"(?:[Ee]\.[Gg]|[Ii]\.[Ee]|{inside})\.{OVER}", _inside),
        (r"c\.(?=\s?[1-9]\d{2,3}\b(?![,.%]\d))", _circa),
        (rf"{end}\.{OVER}", _end),
        (rf"(?:[A-Z]\.){{2,}}{OVER}", _initials),
        (rf"(?:w/(?:o|in|out){OVER}|w/(?![a-z]\b)|b/c{OVER})", _slashed),
    )
    of_state = Rule(rf"(?:(?<=[a-z],\s)|(?<=\([DRI]-)){state}\.", _end)
    return (of_state, *(Rule(begin + pattern, read) for pattern, read in patterns))

"""Minutes of a match: the 23' minute, 90+3'."""

import re

from sparktts_onnx.text.normalize import english
from sparktts_onnx.text.normalize.rule import START, Found, Rule

_MINUTE = "['’′]"
_HALVES = "(?:45|90|105|120)"
"""Minutes behind which time is added."""
_PLAYED = re.compile(
    r"\b(?:scor|goal|equali[sz]|substitut|sent\soff|booked|nett(?:ed|ing)|penalt|head(?:er|ed)|red\scard|yellow\scard"
    r"|kick|assist|striker|midfielder|defender)",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[.,;:!?)\]]|$|\s(?:and|or|by|for|from|with|$|[A-Z(])")
"""What follows a minute, and no length."""
_REACH = 100
"""How far before a minute a word of the game may stand, in characters."""


def _minute(found: Found) -> str | None:
    """In the 23' minute; in the 90+3', or 90+4' without words around; in the 23' where somebody scored"""
    minute, added = found["minute"], found["added"] or found["more"]
    in_the = re.search(r"\bin\sthe\s$", found.before, re.IGNORECASE)
    is_sure = (added and _GOES_ON.match(found.after)) or (in_the and _is_last(found))
    if not (found["said"] or is_sure):
        return None
    if added and not (found["said"] or in_the):
        return f"{english.cardinal(int(minute))} plus {english.cardinal(int(added))} minutes"
    last = english.ordinal(int(added or minute))
    return f"{english.cardinal(int(minute))} plus {last} minute" if added else f"{last} minute"


def _is_last(found: Found) -> bool:
    """Whether its clause ends there, in which a word of the game stands."""
    start = found.match.start()
    if not re.match(r"[.,;:!?)]|$", found.after):
        return False
    return int(found["minute"]) <= 120 and bool(_PLAYED.search(found.match.string, max(0, start - _REACH), start))


def rules() -> tuple[Rule, ...]:
    """Tried before feet, which are written the same."""
    said = rf"(?:(?P<said>\sminute\b)|(?![\w+\"”″]|{_MINUTE}))"
    added = rf"(?P<minute>{_HALVES})(?:\+(?P<added>\d\d?){_MINUTE}|{_MINUTE}\+(?P<more>\d\d?)(?!\d){_MINUTE}?)"
    return (
        Rule(rf"{START}{added}{said}", _minute, only="en"),
        Rule(rf"{START}(?P<minute>\d{{1,3}})(?P<added>)(?P<more>){_MINUTE}{said}", _minute, only="en"),
    )

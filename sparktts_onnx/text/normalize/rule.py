"""What a rule is: a pattern of written text and how it is read in each language."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sparktts_onnx.text.characters import LETTER_OR_DIGIT

AMOUNT = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
"""A number without a sign: 1,234.5 or 12 or 0.75 or .5"""

SIGNED = rf"(?:[-−](?={AMOUNT}))?{AMOUNT}"
DASH = r"(?:[-–—~～]|\s[-–—~～]\s)"
"""What stands between the two ends of a range."""

START = rf"(?<!{LETTER_OR_DIGIT})(?<!\d[.,:/])(?<!_)(?<!\d[eE][-−])(?<!\d['’])"
"""Not inside a word, a longer number or a code."""

END = rf"(?![_^]|{LETTER_OR_DIGIT}|[.,:/]\d|['’]\d{{3}})"


_NEW_SENTENCE = re.compile(r"[\"'”’)\]]*(?:$|\s+[\"'“‘(]?[A-Z]|\s*\n)")
_CAPITAL = re.compile(r" ([A-Z]\w*)")
_STARTERS = (
    "the he she it this that these those we they you but and in on at an if when there his her my our their what how "
    "why so then now no yes as for to after before while since"
)
SENTENCE_STARTERS = frozenset(_STARTERS.split())
"""Usual first words of a sentence; in small letters."""

_BEFORE_AMOUNTS = (
    "is are was were be been has have had of to at in on by for from with the a an than about only over under chapter "
    "page part number no room step level item version type question figure table section volume"
)
BEFORE_AMOUNTS = frozenset(_BEFORE_AMOUNTS.split())
"""Words before a number that makes no new item of a list; in small letters."""


@dataclass(frozen=True)
class Found:
    """One piece of written text that a rule matched."""

    text: str
    """The matched text."""

    before: str
    """Up to 24 characters before it."""

    after: str
    """Up to 24 characters after it."""

    month_first: bool
    """`NormalizeOptions.month_first`."""

    def keep_stop(self, spoken: str) -> str:
        """Keep the full stop of an abbreviation that also ends its sentence."""
        ends = self.text.endswith(".") and _NEW_SENTENCE.match(self.after)
        return spoken + "." if ends else spoken

    def keep_stop_in_name(self, spoken: str) -> str:
        """The same where a capital may go on a name, as in U.S. Army: only a usual first word begins a sentence."""
        following = _CAPITAL.match(self.after)
        begins = following is None or following[1] == "I" or following[1].lower() in SENTENCE_STARTERS
        return self.keep_stop(spoken) if begins else spoken


Reader = Callable[[Found], str | None]
"""Gives the spoken words, or None to leave the text as it is written."""


def leave(_: Found) -> None:
    """The reader of what only the other language writes so: it stays as it is."""


@dataclass(frozen=True)
class Rule:
    """Text of one kind. Patterns hold no capturing groups: all rules are tried in one pass."""

    kind: str
    """One of `KINDS`."""

    pattern: str
    """A regular expression."""

    english: Reader
    """Reads a match in English."""

    chinese: Reader
    """Reads a match in Chinese."""

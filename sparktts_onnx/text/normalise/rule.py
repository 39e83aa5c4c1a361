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
    """`NormaliseOptions.month_first`."""

    def keep_stop(self, spoken: str) -> str:
        """Keep the full stop of an abbreviation that also ends its sentence."""
        ends = self.text.endswith(".") and re.match(r"[\"'”’)\]]*(?:$|\s+[\"'“‘(]?[A-Z]|\s*\n)", self.after)
        return spoken + "." if ends else spoken


Reader = Callable[[Found], str | None]
"""Gives the spoken words, or None to leave the text as it is written."""


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

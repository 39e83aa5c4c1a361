"""What a rule is: a pattern of written text and how it is read in each language."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.language import Language
from sparktts_onnx.text.normalize.tables import words

AMOUNT = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\.)\.\d+)"
"""A number without a sign: 1,234.5 or 12,50,000 or 12 or 0.75 or .5"""
SIGNED = rf"(?:[-−](?={AMOUNT}))?{AMOUNT}"
DASH = r"(?:[-–—~～]|\s[-–—~～]\s)"
"""What stands between the two ends of a range."""
START = rf"(?<!{LETTER_OR_DIGIT})(?<!\d[.,:/])(?<!_)(?<!\d[eE][-−])(?<!\d['’])(?<!%)(?<!%\.)"
"""Not inside a word, a longer number, a code or a format such as %2um."""
END = rf"(?![_^]|{LETTER_OR_DIGIT}|[.,:/]\d|['’]\d{{3}})"
OVER = rf"(?!{LETTER_OR_DIGIT})"
"""Not inside a word."""
_CONTEXT = 24
_NEW_SENTENCE = re.compile(r"[\"'”’)\]]*(?:$|\s+[\"'“‘(]?[A-Z]|\s*\n)")
_CAPITAL = re.compile(r" ([A-Z]\w*)")
_LAST_WORD = re.compile(r"([\w.]+)\s$")
_NOUN = re.compile(r"([\s-])([A-Za-z][a-z]+|an?)\b")
_ARTICLE = re.compile(r"\ban?\s$", re.IGNORECASE)
_DETERMINER = re.compile(
    r"(?:\b(?:a\s[a-z]+|the|this|that|each|every|its|his|her|our|my|your|their)|[A-Za-z]['’]s)\s$", re.IGNORECASE
)


@dataclass(frozen=True)
class Found:
    """One piece of written text that a rule matched."""

    match: re.Match[str]
    """By the pattern of the rule; `found["name"]` is the text of one of its groups, "" where it took no part."""
    language: Language
    """What it is read in."""

    def __getitem__(self, group: str) -> str:
        return self.match[group] or ""

    @property
    def text(self) -> str:
        return str(self.match[0])

    @cached_property
    def before(self) -> str:
        """Up to 24 characters before it."""
        start = self.match.start()
        return str(self.match.string)[max(0, start - _CONTEXT) : start]

    @cached_property
    def after(self) -> str:
        """Up to 24 characters after it."""
        end = self.match.end()
        return str(self.match.string)[end : end + _CONTEXT]

    def pick(self, of_english: str, of_chinese: str) -> str:
        """The one of two texts that is in the language of the match."""
        return of_english if self.language == "en" else of_chinese

    def number(self, written: str) -> str:
        """1,234.5 in words."""
        return english.number(written) if self.language == "en" else chinese.number(written)

    def counted(self, written: str) -> str:
        """The same before what is counted: 两 for 2 in Chinese."""
        return english.number(written) if self.language == "en" else chinese.counted(written)

    def digits(self, written: str) -> str:
        """4096 digit by digit."""
        return english.digits(written) if self.language == "en" else chinese.digits(written)

    def by_digit(self) -> str:
        """All of it digit by digit: 90后, those born in the nineties."""
        return self.digits(self.text)

    def last_word(self) -> str:
        """The word before it, with the full stops inside; "" for none."""
        word = _LAST_WORD.search(self.before)
        return word[1] if word else ""

    def is_behind_a_name(self) -> bool:
        """Whether a capital begins the word before it, and that is no usual first word of a sentence."""
        word = self.last_word()
        return word[:1].isupper() and word.lower() not in words("lists", "starter")

    def is_before_a_noun(self) -> bool:
        """Whether it says of which kind a thing is: a $5 bill, the 10 km race, a $20-an-hour job."""
        following = _NOUN.match(self.after)
        if following is None or following[2].lower() in words("lists", "no noun"):
            return False
        if following[1] == "-" or _ARTICLE.search(self.before):
            return True
        is_verb = following[2].endswith(("s", "ed")) and not following[2].endswith("ss")
        return not is_verb and following[2].islower() and _DETERMINER.search(self.before) is not None

    def keep_stop(self, spoken: str) -> str:
        """Keep the full stop of an abbreviation that also ends its sentence."""
        ends = self.text.endswith(".") and _NEW_SENTENCE.match(self.after)
        return spoken + "." if ends else spoken

    def keep_stop_in_name(self, spoken: str) -> str:
        """The same where a capital may go on a name, as in U.S. Army: only a usual first word begins a sentence."""
        following = _CAPITAL.match(self.after)
        begins = following is None or following[1] == "I" or following[1].lower() in words("lists", "starter")
        return self.keep_stop(spoken) if begins else spoken


Reader = Callable[[Found], str | None]
"""Gives the words, or None where the text is none of this rule's: the next rule that matches is asked."""


def fixed(of_english: str, of_chinese: str) -> Reader:
    """A reader that always gives the same."""
    return lambda found: found.pick(of_english, of_chinese)


@dataclass(frozen=True)
class Rule:
    """Text of one kind."""

    pattern: str
    """A regular expression; its groups have names, or hold nothing."""
    read: Reader
    only: Language | None = None
    """The one language in which there is such a thing."""

    @cached_property
    def own(self) -> re.Pattern[str]:
        """The pattern with its groups."""
        return re.compile(self.pattern, re.MULTILINE)

"""Written text into words to be spoken, in English and Chinese and both mixed.

    text ─▶ clean (characters, markup, space) ─▶ one pass of all rules, each match read in the language around it

What no rule understands stays as it is, and no text makes `normalize` raise.
"""

import re
from functools import cache
from itertools import groupby
from threading import Lock

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import (
    abbreviations,
    codes,
    currency,
    dates,
    fractions,
    matches,
    mathematics,
    numbers,
    phones,
    quantities,
    roman,
    symbols,
    times,
    web,
)
from sparktts_onnx.text.normalize.clean import clean, tidy_space
from sparktts_onnx.text.normalize.language import Language, LanguageFinder, NormalizeOptions, detect_language
from sparktts_onnx.text.normalize.quantities import behind_slash
from sparktts_onnx.text.normalize.rule import START, Found, Rule
from sparktts_onnx.text.normalize.tables import words

__all__ = ["Language", "NormalizeOptions", "any_rule", "detect_language", "normalize", "rules"]

_ENDED = re.compile(r"(\w*)([.!?…]+)[\"'”’)\]]*\s+[\"'“‘(\[]*$")
"""The end of a sentence, perhaps, in front of another: its last word and its signs."""

_SHORTENED = re.compile(r"[A-Z](?:([b-df-hj-np-tv-xz])(?!\1)){1,3}")
"""A name of consonants, such as Gm. and Blk.; not Hmm."""
_NOT_IN_A_WORD = "(?<![A-Za-z](?=[A-EGI-Za-egi-z]))"
"""No rule begins between two letters but that for http:// and ftp://; most places of a text need no further look."""
_GROUP = re.compile(r"\(\?P<\w+>")
_COMPILING = Lock()
"""Threads that begin together wait for the first one's pattern; `cache` alone lets each make its own."""
_COMMON_LETTER_OR_DIGIT = "[A-Za-z0-9À-ÖØ-öø-ÿ]"
"""Some of them: a class of any script takes Python a millisecond to compile, and the rules have 170, each where there
shall be none of it."""
_LIKE_A_UNIT = r"\S.{0,20}?"
"""Shorter than the list of all that may stand behind a slash, which the rules have eight times."""


def normalize(text: str, options: NormalizeOptions | None = None) -> str:
    """The text in words: "$5 at 3pm" → "five dollars at three p m"."""
    options = options or NormalizeOptions()
    cleaned = clean(text)
    languages = LanguageFinder(cleaned, options)
    parts, at = [], 0
    with _COMPILING:
        sieve = any_rule()
    while match := sieve.search(cleaned, at):
        spoken, end = _read(match, languages)
        parts += [cleaned[at : match.start()], spoken]
        at = end
    return tidy_space("".join([*parts, cleaned[at:]]))


@cache
def rules() -> tuple[Rule, ...]:
    """All rules: where several match at one place, the first that gives words decides."""
    return (
        *web.rules(),
        *symbols.spans(),
        *currency.rules(),
        *dates.rules(),
        *times.rules(),
        *phones.rules(),
        *codes.rules(),
        *numbers.counts(),
        *matches.rules(),
        *quantities.rules(),
        *mathematics.rules(),
        *fractions.rules(),
        *numbers.rules(),
        *roman.rules(),
        *abbreviations.rules(),
        *symbols.rules(),
        *mathematics.behind_letters(),
    )


@cache
def any_rule() -> re.Pattern[str]:
    """All rules as one pattern, so that nothing a rule wrote is read by another.

    It is a sieve: it may match where a rule does not, never the reverse. What several rules in a row begin with stands
    once before them. An empty group behind each says which one matched; one around it would hide its first character,
    by which Python passes over what cannot match.
    """
    rows = []
    for begins, patterns in groupby((rule.pattern for rule in rules()), lambda pattern: pattern.startswith(START)):
        start = START if begins else ""
        rows.append(f"{start}(?:{'|'.join(f'(?:{pattern.removeprefix(start)})()' for pattern in patterns)})")
    pattern = _GROUP.sub("(?:", "|".join(rows)).replace(LETTER_OR_DIGIT, _COMMON_LETTER_OR_DIGIT)
    pattern = pattern.replace(behind_slash(), _LIKE_A_UNIT)
    return re.compile(f"{_NOT_IN_A_WORD}(?:{pattern})", re.MULTILINE)


def _read(match: re.Match[str], languages: LanguageFinder) -> tuple[str, int]:
    """(the words for what stands where a rule may match, where that ends)"""
    start, language = match.start(), None
    for rule in rules()[(match.lastindex or 1) - 1 :]:
        own = rule.own.match(match.string, start)
        if own is None:
            continue
        language = language or languages.at(start, own.end())
        if language is None:
            return own[0], own.end()
        found = Found(own, language)
        spoken = rule.read(found) if rule.only in (None, language) else None
        if spoken is not None:
            return (spoken[:1].upper() + spoken[1:] if _begins_sentence(found) else spoken), own.end()
    return match.string[start], start + 1


def _begins_sentence(found: Found) -> bool:
    """Whether digits, signs or a capital are the first of a sentence.

    Words in their place begin with a capital, as a writer would begin them and a segmenter needs it.
    """
    ended = _ENDED.search(found.before)
    if ended is None or found.text[0].islower():
        return False
    word, stops = ended.groups()
    is_shortened = _SHORTENED.fullmatch(word) is not None
    abbreviates = word in _never_last() or is_shortened or (len(word) == 1 and word.isalpha() and word != "I")
    return stops != "." or not abbreviates


@cache
def _never_last() -> frozenset[str]:
    """Words with a full stop that numbers follow in the same sentence."""
    months = {word for row in dates.months() for word in row}
    return words("abbreviations") | words("units") | words("weekdays") | months

"""Written text into words to be spoken, in English and Chinese and both mixed.

    text ─▶ clean (characters, markup, space) ─▶ one pass of all rules, each match read in the language around it

What no rule understands stays as it is, and no text makes `normalize` raise.
"""

import re
from functools import cache

from sparktts_onnx.text.normalize import (
    abbreviations,
    codes,
    currency,
    dates,
    fractions,
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
from sparktts_onnx.text.normalize.language import LanguageFinder, detect_language
from sparktts_onnx.text.normalize.options import Language, NormalizeOptions
from sparktts_onnx.text.normalize.rule import Found, Rule
from sparktts_onnx.text.normalize.tables import words

__all__ = ["Language", "NormalizeOptions", "detect_language", "normalize", "rules"]

_ENDED = re.compile(r"(\w*)([.!?…]+)[\"'”’)\]]*\s+[\"'“‘(\[]*$")
"""The end of a sentence, perhaps, in front of another: its last word and its signs."""


def normalize(text: str, options: NormalizeOptions | None = None) -> str:
    """The text in words: "$5 at 3pm" → "five dollars at three p m"."""
    options = options or NormalizeOptions()
    cleaned = clean(text)
    languages = LanguageFinder(cleaned, options)
    parts, at = [], 0
    while match := _any_rule().search(cleaned, at):
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
def _any_rule() -> re.Pattern[str]:
    """All rules as one pattern, so that nothing a rule wrote is read by another."""
    return re.compile("|".join(f"({rule.groupless})" for rule in rules()), re.MULTILINE)


def _read(match: re.Match[str], languages: LanguageFinder) -> tuple[str, int]:
    """(the words for what stands where a rule matched, where that ends)"""
    start, language = match.start(), languages.at(match.start(), match.end())
    if language is None:
        return match[0], match.end()
    for rule in rules()[(match.lastindex or 1) - 1 :]:
        own = rule.own.match(match.string, start)
        if own is None or rule.only not in (None, language):
            continue
        found = Found(own, language)
        spoken = rule.read(found)
        if spoken is None:
            continue
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
    abbreviates = word in _never_last() or (len(word) == 1 and word.isalpha() and word != "I")
    return stops != "." or not abbreviates


@cache
def _never_last() -> frozenset[str]:
    """Words with a full stop that numbers follow in the same sentence."""
    months = {word for row in dates.months() for word in row}
    return words("abbreviations") | words("units") | words("weekdays") | months

"""Written text into spoken words, in English and Chinese and both mixed.

    text ─▶ clean (characters, emoji, space) ─▶ one pass of all rules, each match read in the language around it

What no rule understands stays as it is, and no text makes `normalize` raise.
"""

import re
from functools import cache

from sparktts_onnx.text.normalize import (
    abbreviations,
    coordinates,
    currency,
    dates,
    fractions,
    numbers,
    phones,
    powers,
    quantities,
    roman,
    symbols,
    times,
    web,
)
from sparktts_onnx.text.normalize.clean import clean, tidy_space
from sparktts_onnx.text.normalize.language import LanguageFinder, detect_language
from sparktts_onnx.text.normalize.options import KINDS, Language, NormalizeOptions
from sparktts_onnx.text.normalize.rule import Found, Rule

__all__ = ["KINDS", "Language", "NormalizeOptions", "detect_language", "normalize", "rules"]

_CONTEXT = 24
_ENDED = re.compile(r"(\w*)([.!?…]+)[\"'”’)\]]*\s+[\"'“‘(\[]*$")
"""The end of a sentence, perhaps, in front of another: its last word and its signs."""
_SHORT_DAYS_AND_MONTHS = "Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec"
_NEVER_SPELLED_OUT = "ca max Max min Min avg Avg est Est temp Temp ver Ver op Op al ex Ex"
_ABBREVIATIONS = frozenset(_SHORT_DAYS_AND_MONTHS.split()).union(
    _NEVER_SPELLED_OUT.split(),
    abbreviations.TITLES,
    abbreviations.ANYWHERE,
    abbreviations.BEFORE_NUMBER,
    abbreviations.MAY_END,
    quantities.UNITS,
)
"""Words with a full stop that numbers follow in the same sentence."""
_RULES: tuple[Rule, ...] = (
    *web.RULES,
    *symbols.SPANS,
    *currency.RULES,
    *dates.RULES,
    *times.RULES,
    *phones.RULES,
    *coordinates.RULES,
    *quantities.RULES,
    *powers.RULES,
    *fractions.RULES,
    *numbers.RULES,
    *roman.RULES,
    *abbreviations.RULES,
    *symbols.RULES,
    *powers.BEHIND_LETTERS,
)
"""In order of precedence where several match at one place; the first that matches decides, also when its kind
is skipped: a URL that is left alone has its digits left alone too."""


def normalize(text: str, options: NormalizeOptions | None = None) -> str:
    """The text as it is spoken: "$5 at 3pm" → "five dollars at three p m"."""
    options = options or NormalizeOptions()
    if not options.enabled:
        return text
    cleaned = clean(text, options)
    languages = LanguageFinder(cleaned, options)

    def spoken(match: re.Match[str]) -> str:
        return _read(match, languages, options)

    return tidy_space(_any_rule().sub(spoken, cleaned))


def rules() -> tuple[Rule, ...]:
    """All rules, in order of precedence."""
    return _RULES


@cache
def _any_rule() -> re.Pattern[str]:
    """All rules as one pattern, so that nothing a rule wrote is read by another."""
    return re.compile("|".join(f"({rule.pattern})" for rule in _RULES), re.MULTILINE)


def _read(match: re.Match[str], languages: LanguageFinder, options: NormalizeOptions) -> str:
    written = match.group()
    rule = _RULES[(match.lastindex or 1) - 1]
    language = languages.at(match.start(), match.end())
    if rule.kind in options.skip or language is None:
        return written
    text, start, end = match.string, match.start(), match.end()
    found = Found(
        text=written,
        before=text[max(0, start - _CONTEXT) : start],
        after=text[end : end + _CONTEXT],
        month_first=options.month_first,
    )
    spoken = (rule.english if language == "en" else rule.chinese)(found)
    if spoken is None:
        return written
    return spoken[:1].upper() + spoken[1:] if _begins_sentence(found) else spoken


def _begins_sentence(found: Found) -> bool:
    """Whether digits, signs or a capital are the first of a sentence.

    Words in their place begin with a capital, as a writer would begin them and a segmenter needs it.
    """
    ended = _ENDED.search(found.before)
    if ended is None or found.text[0].islower():
        return False
    word, stops = ended.groups()
    abbreviates = word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "I")
    return stops != "." or not abbreviates

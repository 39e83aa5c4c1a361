"""Which language a number or a sign in a text is read in."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text.characters import HAN, HANGUL, KANA

Language = Literal["en", "zh"]

_HAN = re.compile(f"[{HAN}]")
_CHINESE_COMMA = re.compile("[，、：]")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")
_LATIN_PAIR = re.compile("[A-Za-z\u00c0-\u024f]{2,}")
_MEASURE = re.compile(r"(?<=\d)\s?[A-Za-zμ]{1,4}(?:/[A-Za-z]{1,3})?(?![A-Za-z])")
"""The kg/m² behind a number, which says nothing about the language around it."""
_OTHER_LETTER = re.compile(f"[{KANA}{HANGUL}\u0400-\u1cff\u3105-\u312f]|[\u0370-\u03ff]{{2}}")
"""Letters of other scripts; a single Greek one is a sign of physics or mathematics in any language."""
_SIGNS_AT_END = re.compile(r"(?:(?![，、：])[\W\d_])+$")
_CLAUSE_END = re.compile(r"[。！？；!?\n]|\.\s")
_ITEM_END = re.compile(r"[,，.、)）]")
_BEHIND_WORDS = re.compile(r"\b[a-z]+ [a-z]+ [^\w\s]*$")
_REACH = 80
"""How far around a number its clause is looked at, in characters."""


@dataclass(frozen=True)
class NormalizeOptions:
    """How written text is turned into spoken words."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language that numbers and signs are read in; "auto" decides for each by the letters around it."""
    fallback: Language = "en"
    """The language where "auto" finds no letters at all, as in "12:30"."""

    def __post_init__(self) -> None:
        if self.language not in ("auto", *get_args(Language)):
            raise OptionError(f"language is {self.language!r}; it must be 'auto', 'en' or 'zh'")
        if self.fallback not in get_args(Language):
            raise OptionError(f"fallback is {self.fallback!r}; it must be 'en' or 'zh'")


class LanguageFinder:
    """Decides the language at any place of one text; None where it is neither English nor Chinese."""

    def __init__(self, text: str, options: NormalizeOptions) -> None:
        self._text = text
        self._everywhere: Language | None = None if options.language == "auto" else options.language
        has_han = _HAN.search(text) is not None
        has_latin = _LATIN_WORD.search(text) is not None
        if options.language == "auto" and not _OTHER_LETTER.search(text) and not (has_han and has_latin):
            self._everywhere = "zh" if has_han else "en" if has_latin else options.fallback
        self._fallback: Language = options.fallback
        self._mostly = detect_language(text)

    def at(self, start: int, end: int) -> Language | None:
        """The language in which text[start:end] is read."""
        if self._everywhere:
            return self._everywhere
        if _HAN.search(self._text, start, end):
            return "zh"
        begins_line = not start or self._text[start - 1] == "\n"
        is_item = begins_line and self._text[start:end].isdigit() and _ITEM_END.match(self._text, end)
        return self._mostly if is_item and self._mostly else self._by_neighbors(start, end)

    def _by_neighbors(self, start: int, end: int) -> Language | None:
        before = _MEASURE.sub("", _CLAUSE_END.split(self._text[max(0, start - _REACH) : start])[-1])
        after = _MEASURE.sub("", _CLAUSE_END.split(self._text[end : end + _REACH], maxsplit=1)[0])
        if _OTHER_LETTER.search(before + after):
            return None
        if _HAN.search(before[-1:] + after[:1]):
            return "zh"
        if _ends_in_latin(before) and _ends_in_latin(after[::-1]):
            return "en"
        if _BEHIND_WORDS.search(before) and not _HAN.search(after):
            return "en"
        around = self._text[max(0, start - _REACH) : end + _REACH]
        return self._by_count(before + after) or self._by_count(around) or self._mostly or self._fallback

    def _by_count(self, clause: str) -> Language | None:
        """One Chinese character weighs as much as one Latin word: names in Chinese text are often Latin. A lone letter
        is rather a variable."""
        han = len(_HAN.findall(clause)) + len(_CHINESE_COMMA.findall(clause))
        latin = len(_LATIN_PAIR.findall(clause))
        if not han and latin < 2:
            return None
        return "zh" if han >= latin else "en"


def detect_language(text: str) -> Language | None:
    """The language that most of a text is written in; None for no letters, or for another script."""
    other = len(_OTHER_LETTER.findall(text))
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    if other > max(han, latin) or not han + latin:
        return None
    return "zh" if han >= latin else "en"


def _ends_in_latin(text: str) -> bool:
    """Whether the last letter is Latin and not a lone one, without a Chinese comma after it."""
    return _LATIN_PAIR.fullmatch(_SIGNS_AT_END.sub("", text)[-2:]) is not None

"""Roman numerals behind a name: Henry VIII, World War II, Chapter IV."""

from sparktts_onnx.text.characters import LETTER_OR_DIGIT
from sparktts_onnx.text.normalize import english
from sparktts_onnx.text.normalize.rule import Found, Rule

_RULERS = (
    "Alexander Benedict Catherine Charles Edward Elizabeth Ferdinand Francis Frederick George Gregory Henry James John "
    "Leo Leopold Louis Napoleon Nicholas Otto Paul Philip Pius Ramses Richard Wilhelm William"
)
_NUMBERED = (
    "Act Appendix Article Book Bowl Chapter Class Episode Fantasy Grade Level Part Phase Scene Section Stage Type "
    "Volume War"
)
_PARTS = "Act Article Book Chapter Part Section Volume"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_NUMERAL = r"(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Up to 89. C, D and M are rather letters."""


def _value(numeral: str) -> int:
    values = [_VALUES[char] for char in numeral]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _ruler(found: Found) -> str:
    return "the " + english.ordinal(_value(found.text)).title()


def _numbered(found: Found) -> str:
    return english.cardinal(_value(found.text)).title()


def _behind(names: str) -> str:
    return "(?:" + "|".join(rf"(?<=\b{name}\s)" for name in names.split()) + ")"


_NO_PERSON = r"(?=[.,;:!?)\]”]|\s?(?:[–—\n]|$)|\s-\s)"
_INITIAL = r"[VX]\.\s?[A-Z]"
_OVER = rf"(?!{LETTER_OR_DIGIT}|[-.&/]{LETTER_OR_DIGIT})"
RULES = (
    Rule("numbers", rf"(?=[IVXL]{{2}}|[VX]){_behind(_RULERS)}(?!{_INITIAL}){_NUMERAL}{_OVER}", _ruler, _ruler),
    Rule("numbers", rf"(?=[IVXL]{{2}}){_behind(_NUMBERED)}{_NUMERAL}{_OVER}", _numbered, _numbered),
    Rule("numbers", rf"(?=[VX]){_behind(_PARTS)}[VX]{_OVER}", _numbered, _numbered),
    Rule("numbers", rf"(?=I)(?:(?<=\bWorld\sWar\s)I|{_behind(_NUMBERED)}I{_NO_PERSON}){_OVER}", _numbered, _numbered),
)
"""A lone letter is more often one than a number: press V, type X, War I fought."""

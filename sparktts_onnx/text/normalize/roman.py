"""Roman numerals behind a name: Henry VIII, World War II, Vol. IV."""

import re
import unicodedata

from sparktts_onnx.text.normalize import chinese, english
from sparktts_onnx.text.normalize.rule import OVER, Found, Rule
from sparktts_onnx.text.normalize.tables import rows, words

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_NUMERAL = r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""Up to 89. C, D and M are rather letters."""
_ENDS_NAME = re.compile(r"(?=[.,;:!?)\]”]|\s?(?:[–—\n]|$)|\s-\s)")
_BEFORE = re.compile(r"(?:\b(\w+)\s)?\b(\w+)\.?\s$")
_UNCLEAR = ("IV", "XX", "XXX", "XL", "XI", "L", "LI", "LV")
"""Letters that stand for something else behind many words: Start IV fluids, Size XL."""


def _value(numeral: str) -> int:
    values = [_VALUES[char] for char in numeral]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _numeral(found: Found) -> str | None:
    before = _BEFORE.search(found.before)
    if before is None:
        return None
    kinds = {row[0]: row[1] for row in rows("numerals")}
    kinds |= {row[0].title(): "part" for row in rows("abbreviations") if row[2] == "number"}
    name = before[2] if before[2] in kinds else before[2].title()
    kind = kinds.get(name, "")
    if kind == "ruler" or (before[1] or "") in words("lists", "crown"):
        return _ruler(found)
    if len(found.text) == 1:
        return _letter(found, name, kind)
    is_name = before[2][0].isupper() and len(before[2]) > 2 and before[2].lower() not in words("lists", "starter")
    return _spoken(found) if kind or (is_name and found.text not in _UNCLEAR) else None


def _spoken(found: Found) -> str:
    return english.cardinal(_value(found.text)).title()


def _ruler(found: Found) -> str | None:
    if found.text in ("I", "L") or re.match(r"\.\s?[A-Z]", found.after):
        return None
    return "the " + english.ordinal(_value(found.text)).title()


def _item(found: Found) -> str:
    """II. Methods, at the beginning of a line"""
    return english.cardinal(_value(found.text.rstrip("."))).capitalize() + ","


def _letter(found: Found, name: str, kind: str) -> str | None:
    """A lone letter is more often one than a number: press V, type X, War I fought."""
    if found.text == "I":
        is_war = found.before.endswith("World War ")
        return _spoken(found) if is_war or (kind and _ENDS_NAME.match(found.after)) else None
    return _spoken(found) if kind == "part" and name[0].isupper() else None


def _sign(found: Found) -> str:
    """Ⅲ"""
    return found.number(str(int(sum(map(unicodedata.numeric, found.text)))))


def rules() -> tuple[Rule, ...]:
    """Tried behind numbers."""
    return (
        Rule("[\u2160-\u216b\u2170-\u217b]+", _sign),
        Rule(
            rf"(?<![A-Za-z0-9.'’-]){_NUMERAL}(?=[期级型类卷章度代号世部篇册])",
            lambda found: chinese.cardinal(_value(found.text)),
            only="zh",
        ),
        Rule(r"^(?:I\.(?=[^.!?\n]{1,60}$)|(?:II|III|IV|VI{1,3}|IX|XI{1,3}|XIV|XVI{0,3})\.)(?=[ \t]+[A-Z][a-z])", _item),
        Rule(rf"(?<=[\w.]\s){_NUMERAL}{OVER}(?![-.&/]\w)", _numeral),
    )

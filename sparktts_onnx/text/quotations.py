"""What surrounds a place in a text: open quotations and brackets, the line, the sentence."""

import re
from dataclasses import dataclass, replace
from enum import IntEnum

from sparktts_onnx.text.characters import LETTER_OR_DIGIT, is_unspaced
from sparktts_onnx.text.normalize.tables import words

PAIRED_OPENERS = "“‘«([{（［｛「『《〈【〔"
OPENERS = "\"'" + PAIRED_OPENERS
CLOSERS = "\"'”’»)]}）］｝」』》〉】〕"
LINE_ENDS = "\n\r\u0085\u2028\u2029"
_PAIRS = dict(zip(PAIRED_OPENERS, "”’»)]}）］｝」』》〉】〕", strict=True))
_ELIDED = r"\d\ds?\b|(?i:tis|twas|em|cause|cos|til|bout|round|n)\b"


def _single(openers: str, closers: str) -> str:
    """A single quotation sign; not an apostrophe as in don't, '90s or 'em."""
    return rf"(?<!{LETTER_OR_DIGIT})[{openers}](?!\s|{_ELIDED})|(?<=\S)[{closers}](?!{LETTER_OR_DIGIT})"


_OTHERS = re.escape("".join(['"', *_PAIRS, *_PAIRS.values()]).replace("‘", "").replace("’", ""))
_QUOTATION_SIGN = re.compile(f"[{_OTHERS}]|" + _single("'‘", "'’"))
EMPTY_LINE = re.compile("\n[^\\S\n]*\n|\r[^\\S\r\n]*\r|\u2029")
_NEXT_SINGLE = {
    opener: re.compile(f"{_single(opener, closer)}|{EMPTY_LINE.pattern}") for opener, closer in ("''", "‘’")
}
_FARTHEST = 400
"""Characters behind the opening sign of a single quotation, within which its closing sign stands; without one it is
an apostrophe as in 'ere."""
_LOOKED_AT = 8
"""Characters, at most, behind a quotation sign that say what it is."""
_ITEM = re.compile(r"\s*(\d{1,4})\.")
_DEEPEST = 7  # quotations and brackets within each other; more are not a text but noise


class Strength(IntEnum):
    """What a cut would separate, from worst to best."""

    FORBIDDEN = -1  # two halves of one visible character
    NONE = 0  # a sign from its word
    GLUED = 1  # the parts of a number, a name from its title
    RUN = 2  # two characters written without a space
    QUOTED_SPACE = 3  # two words inside a quotation or brackets
    SPACE = 4  # two words
    QUOTED_COMMA = 5
    CONJUNCTION = 6  # what stands before "and" or 但是
    QUOTED_SENTENCE = 7
    COMMA = 8
    CLAUSE = 9
    SENTENCE = 10
    PARAGRAPH = 11


@dataclass(frozen=True)
class Surroundings:
    """What the text so far says about any place after it."""

    closers: tuple[str, ...] = ()
    """The signs that close the quotations and brackets open now."""
    column: int = 0
    """How wide the current line is so far."""
    item: int | None = 0
    """The number of the item that the current list has come to, as in "1. apples 2. pears"; 0 where a list may begin
    (with the sentence, or after a colon), None where it may not."""
    piece: str = " "
    """The piece of text that came last."""

    def after(self, text: str, start: int, end: int, *, is_final: bool) -> "Surroundings | None":
        """With one more piece, text[start:end], taken into account; None if that depends on text to come."""
        line_end = max(text.rfind(sign, start, end) for sign in LINE_ENDS)
        column = (self.column if line_end < 0 else 0) + end - max(start, line_end + 1)
        if is_unspaced(text[end - 1]):
            column += end - start
        closers = self.closers
        for sign in _QUOTATION_SIGN.finditer(text, start, end):
            before = text[sign.start() - 1] if sign.start() > start else self.piece[-1]
            opened = _open_or_close(closers, sign.group(), before)
            if len(opened) > len(closers) and sign.group() in _NEXT_SINGLE:
                closes = _is_closed(text, sign.end(), sign.group(), is_final=is_final)
                if closes is None:
                    return None
                opened = opened if closes else closers
            closers = opened
        return Surroundings(closers, column, self._item_after(text[start:end]), text[start:end])

    def _item_after(self, piece: str) -> int | None:
        number = _ITEM.fullmatch(piece)
        is_amount = self.item != 0 and self.piece.strip().lower() in words("lists", "before amounts")
        if number and not is_amount and self.item in (0, int(number[1]) - 1):
            return int(number[1])
        if self.item:
            return self.item
        return 0 if piece.endswith((":", "：")) else None

    def past(self, strength: Strength) -> "Surroundings":
        """Past a place where a sentence may have ended; no quotation goes on into the next paragraph."""
        closers = () if strength is Strength.PARAGRAPH else self.closers
        is_new = strength >= Strength.SENTENCE
        return replace(self, closers=closers, item=0 if is_new else self.item)


def _is_closed(text: str, start: int, opener: str, *, is_final: bool) -> bool | None:
    """Whether a single quotation that opens before `start` is closed before its paragraph ends, another opens, or it
    grows too long; None if that depends on text to come."""
    limit = start + _FARTHEST
    sign = _NEXT_SINGLE[opener].search(text, start, limit)
    is_certain = is_final or len(text) >= limit or (sign is not None and sign.end() + _LOOKED_AT <= len(text))
    if not is_certain:
        return None
    return sign is not None and sign.group() in CLOSERS and not text[sign.start() - 1].isspace()


def _open_or_close(closers: tuple[str, ...], sign: str, before: str) -> tuple[str, ...]:
    """The open quotations and brackets after one more sign. A straight quote opens after a space; elsewhere it
    closes, or opens after a Chinese character."""
    if sign in "\"'":
        may_open = before.isspace() or before in OPENERS or is_unspaced(before) or before in "，：。"
        opens, closer = may_open and sign not in closers, sign
        if before.isspace() and not opens:
            return closers
    else:
        opens, closer = sign in _PAIRS, _PAIRS.get(sign, sign)
    if opens:
        return (*closers[-_DEEPEST:], closer)
    return closers[: closers.index(closer)] if closer in closers else closers

"""Text that arrives in pieces, into segments: those of the whole text, each as soon as it is certain.

Written text is read (numbers in words, a lexicon's words) block by block, behind the blocks before it. Where a block
ends follows from the text alone, never from how it was cut: at the end of a sentence, of a clause where speech should
begin early, or between two plain words where neither comes for long. What reads across such an end is held back.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from sparktts_onnx.text.alignment import written_parts
from sparktts_onnx.text.boundaries import next_piece, strength_after
from sparktts_onnx.text.characters import HAN
from sparktts_onnx.text.duration import is_speakable
from sparktts_onnx.text.normalize.tables import words
from sparktts_onnx.text.quotations import EMPTY_LINE, OPENERS, Strength, Surroundings
from sparktts_onnx.text.segments import Segmenter, TextSegment

_LONG, _VERY_LONG = 150, 300
"""Characters of a block that may end at a comma, and between any two plain words."""
_KEPT, _FORGOTTEN_AT = 1_500, 3_000
"""Characters of text that a block is read behind: never fewer than the one, if there are as many, nor more than the
other. Lists are numbered across that far."""
_LONGEST_LIST_ITEM = 400

_NARROW = 40
"""Columns of a line without digits that goes on nowhere, however it is read."""

_FOLLOWING = re.compile(rf"[\s{re.escape(OPENERS)}*_~`•#>+-]*+(.)", re.DOTALL)
"""The first letter, digit or sign of what follows, behind space and signs that only mark it."""
_LAST_WORD = re.compile(r"\b(([IVXLC]{2,})|\w+)\.\W*\Z")
_DIGIT = re.compile(r"\d")
_LINE_END = re.compile(r"[\n\r\x85\u2028\u2029]")
_HELD = re.compile(
    r"<!--(?:(?!-->).){0,500}\Z|<((?i:script|style))\b(?:(?!</(?i:\1)>).){0,5000}\Z|<[A-Za-z/!][^<>]{0,500}\Z"
    rf"|(?:\A|\n|[:：])\s*1[.)](?=\s|[{HAN}])(?:(?!\D2[.)](?=\s|[{HAN}])).){{0,{_LONGEST_LIST_ITEM}}}\Z"
    r"|^(?:\d{1,5} *\n?|[IVX]{1,5}\. *|WEBVTT[^\n]*\n*|[\d:.,]{9,12} +-->[^\n]*\n?)\Z"
    r"|^ *\|[^\n]{0,500}\Z|\\\[(?:(?!\\\]).){0,400}\Z|\\\((?:(?!\\\)).){0,200}\Z",
    re.DOTALL | re.MULTILINE,
)
"""What no block ends in: comments, tags, the row of a table, formulas, the head of a subtitle, the number of an item,
and the first item of a list, which is read as one where a second follows."""
_AHEAD = "The following sentence "
"""Stands for the beginning of what follows a block, which is not read yet."""


class PiecewiseText:
    """Takes written text in pieces and gives segments of what is spoken, with the written part of each."""

    def __init__(self, spoken: Callable[[str], str], segmenter: Segmenter) -> None:
        """`spoken` gives what is said for a written text."""
        self._spoken = spoken
        self._segmenter = segmenter
        self._text = ""  # as written: what was read and is kept as context, then what is not read yet
        self._scanned = 0  # how far _text was looked at
        self._around = Surroundings()
        self._block = 0  # where the open block begins in _text,
        self._read = ""  # and what is spoken for all before that
        self._written = self._heard = ""  # of what has no segment yet: as written, and as the segmenter got it
        self._heard_start = 0  # where _heard is in all that the segmenter got

    def feed(self, piece: str) -> list[tuple[TextSegment, str]]:
        """Take more text; the segments that are now certain."""
        self._text += piece
        return [found for end, ahead in self._ends(is_final=False) for found in self._take(end, ahead)]

    def finish(self) -> list[tuple[TextSegment, str]]:
        """The text is complete; the segments that are left."""
        found = [found for end, ahead in self._ends(is_final=True) for found in self._take(end, ahead)]
        rest = self._read_until(len(self._text))
        return found + self._with_written([*self._segmenter.feed(rest), *self._segmenter.finish()], is_last=True)

    def _ends(self, *, is_final: bool) -> Iterator[tuple[int, str]]:
        """(the end of a block, what the segmenter may know of the text behind it)"""
        while (end := next_piece(self._text, self._scanned, is_final=is_final)) is not None:
            around = self._around.after(self._text, self._scanned, end, is_final=is_final)
            strength = None if around is None else strength_after(self._text, end, around, is_final=is_final)
            following = _FOLLOWING.match(self._text, end)
            if around is None or strength is None or (following is None and not is_final):
                return
            self._scanned, self._around = end, around.past(strength)
            if following is None or _HELD.search(self._text, self._block, end):
                continue
            if self._ends_sentence(strength, end, following):
                yield end, _gap(self._text[end : following.start(1)]) + _AHEAD
            elif self._ends_clause(strength, end, following):
                yield end, _gap(self._text[end : following.start(1)]) + _AHEAD.lower()
            elif end - self._block > _VERY_LONG and strength > Strength.GLUED and self._is_plain(end, following):
                yield end, ""

    def _ends_sentence(self, strength: Strength, end: int, following: re.Match[str]) -> bool:
        if strength is Strength.PARAGRAPH:
            return True
        lines = _LINE_END.findall(following[0])
        is_marked = len(lines) > 1 or self._text[end - 1] in "*=_~-#>"  # by a tag, or a rule between two lines
        if strength < Strength.SENTENCE or not following[1].isalnum() or is_marked:
            return False
        word = _LAST_WORD.search(self._text, max(0, end - 40), end)
        if word and (
            word[1] in words("abbreviations") | words("weekdays")
            or (len(word[1]) < 5 and following[1].isdigit())
            or word[2]
        ):
            return False  # as in Vol. IV, Rs. 250 and Henry VIII.
        is_narrow = self._around.column < _NARROW and not _DIGIT.search(self._text, max(0, end - _NARROW), end)
        return not following[1].islower() or (is_narrow and bool(lines))

    def _ends_clause(self, strength: Strength, end: int, following: re.Match[str]) -> bool:
        is_due = self._segmenter.is_early or end - self._block > _LONG
        is_clause = strength in (Strength.COMMA, Strength.CLAUSE)
        return is_due and is_clause and self._text[end - 2].isalpha() and following[1].isalpha()

    def _is_plain(self, end: int, following: re.Match[str]) -> bool:
        return self._text[end - 1].isalpha() and following[1].isalpha()

    def _take(self, end: int, ahead: str) -> list[tuple[TextSegment, str]]:
        found = self._with_written(self._segmenter.feed(self._read_until(end), ahead=ahead))
        if self._block > _FORGOTTEN_AT:
            self._forget()
        return found

    def _read_until(self, end: int) -> str:
        """What is spoken for the block that ends there, with the space before it."""
        spoken = self._spoken(self._text[:end])
        if spoken.startswith(self._read):
            new = spoken[len(self._read) :]
        else:  # what was read before would be read differently now
            block = self._text[self._block : end]
            new = _gap(block[: len(block) - len(block.lstrip())]) + self._spoken(block).lstrip()
        self._written += self._text[self._block : end]
        self._heard += new
        self._block, self._read = end, spoken
        return new

    def _with_written(self, segments: Sequence[TextSegment], *, is_last: bool = False) -> list[tuple[TextSegment, str]]:
        """Segments that can be spoken, with what was written for each; signs go with the segment before them."""
        speakable = [segment for segment in segments if is_speakable(segment.text)]
        if not speakable:
            return []
        starts = [segment.start - self._heard_start for segment in speakable]
        if is_last:
            return list(zip(speakable, written_parts(self._written, self._heard, starts), strict=True))
        rest = segments[-1].start + len(segments[-1].text) - self._heard_start
        *parts, self._written = written_parts(self._written, self._heard, [*starts, rest])
        self._heard, self._heard_start = self._heard[rest:], self._heard_start + rest
        return list(zip(speakable, parts, strict=True))

    def _forget(self) -> None:
        """Keep only the last of what was read."""
        shift = self._block - _KEPT
        while shift < self._block and not self._text[shift - 1].isspace():
            shift += 1
        self._text = self._text[shift:]
        self._scanned, self._block = self._scanned - shift, self._block - shift
        self._read = self._spoken(self._text[: self._block])


def _gap(space: str) -> str:
    """The least space that parts what this one parts."""
    if EMPTY_LINE.search(space):
        return "\n\n"
    return "\n" if _LINE_END.search(space) else " " if space else ""

"""Which part of the written text stands where in the normalized one: "$5" for "five dollars".

Words are compared in order. Where the two texts differ they are skipped, as few words as possible, up to the next
place where `_SURE` words in a row are the same; where none is near, up to the next row of `_SURE_FAR`. Within what
differs, as in "5. 6 came" and "five. Six came", signs and line ends say what belongs together, if both have as many.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from sparktts_onnx.text.characters import HAN, KANA

_WORD = re.compile(rf"[{HAN}{KANA}]|[^\W{HAN}{KANA}]+|[^\w\s]")
_CLOSING = {"Pe", "Pf", "Po"}
"""Unicode's categories of signs that may close: brackets, quotation marks, and stops, commas and the like."""
_SURE, _SURE_FAR = 2, 5
_NEAR = 100
"""Words, of both texts together."""
_SIGNS = ((r"[.!?…。！？]", 2), (r"[,;:—–，；：、]", 1))
"""What parts a text, and how strongly; the end of a line most."""
_Words = Sequence[str]


def written_parts(written: str, normalized: str, starts: Sequence[int], *, join_signs: bool = False) -> tuple[str, ...]:
    """The part of the written text for each part of the normalized one, without space at its edges.

    Args:
        written: what somebody wrote.
        normalized: the same in words, put for numbers and signs here and there.
        starts: where each part of `normalized` begins, in characters, ascending; at least one.
        join_signs: signs behind what is spoken in several parts belong to it, as the comma of "$5, and" does, rather
            than to the last of these parts.

    Returns:
        As many parts as `starts`. Together they are all of `written`; one that is spoken in several parts (a number
        of forty digits) belongs to the first of them with the signs that close it, and the next is empty.
    """
    left, right = list(_WORD.finditer(written)), list(_WORD.finditer(normalized))
    same = list(_Comparison([_folded(match[0]) for match in left], [_folded(match[0]) for match in right]).same())
    spoken_starts = [match.start() for match in right]
    breaks = _Breaks(written, left), _Breaks(normalized, right)
    cuts = [len(written)]
    for start in reversed(starts[1:]):
        word, begins = _counterpart(same, bisect_right(spoken_starts, start - 1), breaks)
        if not begins:
            word = _behind_closing_signs(left, word)
        cut = min(left[word].start() if word < len(left) else len(written), cuts[0])
        only_signs = join_signs and not begins and not re.search(r"\w", written[cut : cuts[0]])
        cuts.insert(0, cuts[0] if only_signs else cut)
    return tuple(written[a:b].strip() for a, b in pairwise([0, *cuts]))


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


class _Breaks:
    """Where signs and line ends part the words of a text."""

    def __init__(self, text: str, words: Sequence[re.Match[str]]) -> None:
        self.count = len(words)
        ends = [*(word.start() for word in words[1:]), len(text)]
        strengths = [_strength(text, word, end) for word, end in zip(words, ends, strict=False)]
        self.of = [[at for at, strength in enumerate(strengths) if strength >= least] for least in (1, 2, 3)]
        """For each least strength of a break, the words that are the last ones before one."""


def _strength(text: str, word: re.Match[str], end: int) -> int:
    """Of what stands at a word, up to the next one: 0 for nothing that parts them."""
    if "\n" in text[word.end() : end]:
        return 3
    is_open = end > word.end() or end == len(text) or not word[0].isascii()
    return next((strength for signs, strength in _SIGNS if is_open and re.fullmatch(signs, word[0])), 0)


def _counterpart(same: Sequence[tuple[int, int]], word: int, breaks: tuple[_Breaks, _Breaks]) -> tuple[int, bool]:
    """The written word where a spoken one begins, and True; for one inside of what differs, the first behind that."""
    left, right = breaks
    behind = bisect_right(same, word - 1, key=lambda pair: pair[1])
    before = same[behind - 1] if behind else (-1, -1)
    if before[1] == word - 1:
        return before[0] + 1, True
    after = same[behind] if behind < len(same) else (left.count, right.count)
    for written, spoken in zip(left.of, right.of, strict=True):
        at = bisect_left(spoken, word - 1)
        first, first_spoken = bisect_left(written, before[0] + 1), bisect_left(spoken, before[1] + 1)
        count, count_spoken = bisect_left(written, after[0]) - first, bisect_left(spoken, after[1]) - first_spoken
        if count == count_spoken and at < first_spoken + count and spoken[at] == word - 1:
            return written[first + at - first_spoken] + 1, True
    return after[0], False


def _behind_closing_signs(words: Sequence[re.Match[str]], at: int) -> int:
    """The first place from `at` on that is no sign which closes what stands before it, as a comma does."""
    while 0 < at < len(words) and words[at].start() == words[at - 1].end():
        if unicodedata.category(words[at][0][0]) not in _CLOSING:
            break
        at += 1
    return at


class _Comparison:
    """Two texts as words."""

    def __init__(self, left: _Words, right: _Words) -> None:
        self._left, self._right = left, right

    def same(self) -> Iterator[tuple[int, int]]:
        """Places of words that the two texts share, in order."""
        a = b = 0
        while a < len(self._left) and b < len(self._right):
            if self._left[a] == self._right[b]:
                yield a, b
                a, b = a + 1, b + 1
            else:
                a, b = self._near(a, b) or self._far(a, b) or (len(self._left), len(self._right))

    def _near(self, a: int, b: int) -> tuple[int, int] | None:
        """The nearest places behind `a` and `b` where the texts go on alike."""
        left_over = len(self._left) - a + len(self._right) - b
        for skipped in range(1, min(_NEAR, left_over)):
            for of_left in sorted(range(skipped + 1), key=lambda of_left: abs(2 * of_left - skipped)):
                i, j = a + of_left, b + skipped - of_left
                words = self._left[i : i + _SURE]
                if words and words == self._right[j : j + _SURE]:
                    return i, j
        return None

    def _far(self, a: int, b: int) -> tuple[int, int] | None:
        """The next place of the second text whose words also stand somewhere behind `a`: behind a page of numbers."""
        for j in range(b, len(self._right) - _SURE_FAR + 1):
            places = self._places.get(tuple(self._right[j : j + _SURE_FAR]), [])
            if (first := bisect_left(places, a)) < len(places):
                return places[first], j
        return None

    @cached_property
    def _places(self) -> dict[tuple[str, ...], list[int]]:
        """Where each row of words begins in the first text."""
        places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for i in range(len(self._left) - _SURE_FAR + 1):
            places[tuple(self._left[i : i + _SURE_FAR])].append(i)
        return places

"""What attention says about the words: when each begins and ends, and whether all were said once and in order.

Everything here is a function of masses float32 [T, C]: how the attention behind each of T audio tokens is spread over
the C tokens of the text. Scores are in nats. A path tells which text token is being spoken at each audio token. Passing
over letters costs as much as the letters that are passed; a jump to anywhere, forward or back, has one price. Where the
best path that may jump beats the best one that may not, words were skipped, repeated or said out of order.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sparktts_onnx.text.characters import HAN, HANGUL, KANA

LETTER_PRICE = 3.0
"""Of passing over a letter without speaking it."""
JUMP_PRICE = 5.0
"""Of going on anywhere else in the text."""
FLOOR = 0.01
"""Mass that a text token always has, so that no single step decides."""

_LONG = re.compile(f"[{HAN}{KANA}{HANGUL}]")
_LONG_LETTERS = 3
"""Letters of an alphabet that take as long as a character of these scripts."""
_WORD = re.compile(rf"[{HAN}{KANA}]|[^\s{HAN}{KANA}]+")

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class TextColumns:
    """A text as its tokens see it."""

    text: str
    spans: tuple[tuple[int, int], ...]
    """Characters of each token, ascending; tokens of one character may share them."""

    def letters(self) -> Array:
        """Letters and digits that each token is the first to hold: float64 [C]."""
        counts, done = [], 0
        for start, stop in self.spans:
            counts.append(sum(_weight(character) for character in self.text[max(start, done) : stop]))
            done = max(done, stop)
        return np.array(counts, np.float64)

    def words(self) -> list[tuple[int, int]]:
        """Characters of each word with its signs, from the first to one past the last."""
        found = [match.span() for match in _WORD.finditer(self.text)]
        return [(start, stop) for start, stop in found if any(map(_weight, self.text[start:stop]))]

    def column(self, character: int) -> int:
        """The first token that holds a character or what follows it; C behind the last."""
        return next((i for i, (_, stop) in enumerate(self.spans) if stop > character), len(self.spans))


class PathFinder:
    """Finds the best path while masses come in, a row at a time."""

    def __init__(self, letters: Array, *, jumps: bool) -> None:
        """`letters`: of each column; `jumps`: whether the path may go on anywhere."""
        self._passed = LETTER_PRICE * np.concatenate([[0.0], np.cumsum(letters)])
        self._jumps = jumps
        self._columns = np.arange(len(letters))
        self._back: list[Array] = []
        self._scores = -self._passed[:-1]
        if jumps:
            self._scores = np.maximum(self._scores, -JUMP_PRICE)

    @property
    def score(self) -> float:
        """Of the best path so far, wherever it stands."""
        return float(self._scores.max())

    def push(self, logs: Array) -> None:
        """Take the logarithms of one row of masses, float [C]."""
        if self._back:
            self._move()
        else:
            self._back.append(self._columns)
        self._scores = self._scores + logs

    def finish(self) -> tuple[Array, float]:
        """The best path from the text's beginning to its end, int64 [T], and its score; at least one row was pushed."""
        ends = self._scores - (self._passed[-1] - self._passed[1:])
        if self._jumps:
            ends = np.maximum(ends, self._scores - JUMP_PRICE)
        path = [int(ends.argmax())]
        for back in reversed(self._back[1:]):
            path.append(int(back[path[-1]]))
        return np.array(path[::-1]), float(ends.max())

    def _move(self) -> None:
        lifted = self._scores + self._passed[1:]
        highest = np.maximum.accumulate(lifted)
        origin = np.maximum.accumulate(np.where(lifted == highest, self._columns, 0))
        forward = np.concatenate([[-np.inf], highest[:-1] - self._passed[1:-1]])
        back = np.where(forward > self._scores, np.concatenate([[0], origin[:-1]]), self._columns)
        scores = np.maximum(forward, self._scores)
        if self._jumps:
            best = int(self._scores.argmax())
            jump = self._scores[best] - JUMP_PRICE
            back = np.where(jump > scores, best, back)
            scores = np.maximum(scores, jump)
        self._back.append(back)
        self._scores = scores


def log_masses(masses: Array) -> Array:
    """Logarithms of masses [.., C], with a floor."""
    logs: Array = np.log(masses + np.float32(FLOOR))
    return logs


def best_path(masses: Array, letters: Array, *, jumps: bool = False) -> tuple[Array, float]:
    """The best path through masses float32 [T, C], int64 [T], and its score; T is at least 1."""
    finder = PathFinder(letters, jumps=jumps)
    for row in log_masses(masses):
        finder.push(row)
    return finder.finish()


def word_frames(path: Array, columns: TextColumns) -> list[tuple[int, int]]:
    """First frame of each word, and the first that is no longer its own.

    A word ends where the next one begins, or where the signs behind it do: a pause.

    Args:
        path: without jumps, int64 [T].
        columns: of the text.
    """
    frames = []
    words = columns.words()
    for (start, stop), (following, _) in pairwise([*words, (len(columns.text), 0)]):
        written = columns.text[start:stop]
        first = start + next(i for i, character in enumerate(written) if _weight(character))
        last = start + max(i for i, character in enumerate(written) if _weight(character)) + 1
        end = columns.column(last if columns.text[last:following].strip() else following)
        frames.append((_first_frame(path, columns.column(first)), _first_frame(path, end)))
    return [(start, max(start, end)) for start, end in frames]


def _first_frame(path: Array, column: int) -> int:
    return int(np.searchsorted(path, column))


def _weight(character: str) -> int:
    return _LONG_LETTERS if _LONG.match(character) else int(character.isalnum())


def contrast(masses: Array, letters: Array) -> float:
    """How clearly masses [T, C] go through the text forward: what lies within a token of the best path.

    The same with time reversed is taken off, so that what follows no text comes to about 0.
    """
    return _near_path(masses, letters) - _near_path(masses[::-1], letters)


def _near_path(masses: Array, letters: Array) -> float:
    path, _ = best_path(masses, letters)
    padded = np.pad(masses, ((0, 0), (1, 1)))
    rows = np.arange(len(path))
    return float(sum(padded[rows, path + shift].mean() for shift in range(3)))

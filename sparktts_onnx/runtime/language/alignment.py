"""What attention says about the words: when each begins and ends, and whether all were said once and in order.

Everything here is a function of masses float32 [T, C]: how the attention behind each of T audio tokens is spread over
the C tokens of the text. Scores are in nats. A path tells which text token is being spoken at each audio token. Passing
over letters costs as much as the letters that are passed; a jump to anywhere, forward or back, has one price. Where the
best path that may jump beats the best one that may not, words were skipped, repeated or said out of order.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sparktts_onnx.text.characters import HAN, HANGUL, KANA

LETTER_PRICE = 3.0
"""Of passing over a letter without speaking it."""
JUMP_PRICE = 5.0
"""Of going on anywhere else in the text."""
SILENCE_PRICE = 30.0
"""Added to a jump from behind the last letter: in the silence there, attention goes where it likes for a while."""
FLOOR = 0.01
"""Mass that a text token always has, so that no single step decides."""

_LONG = re.compile(f"[{HAN}{KANA}{HANGUL}]")
_LONG_LETTERS = 3
"""Letters of an alphabet that take as long as a character of these scripts."""
_WORD = re.compile(rf"[{HAN}{KANA}]|[^\s{HAN}{KANA}]+")

Array = np.ndarray[Any, Any]
_NOWHERE = range(0)


@dataclass(frozen=True)
class TextColumns:
    """A text as its tokens see it."""

    text: str
    spans: tuple[tuple[int, int], ...]
    """Characters of each token, ascending; tokens of one character may share them. A token that ends a transcript and
    begins the text counts for the text."""
    positions: range = _NOWHERE
    """Where its tokens are in a prompt."""

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
    """Finds best paths, several side by side, while masses come in, a row at a time."""

    def __init__(self, letters: Array, prices: Sequence[float]) -> None:
        """`letters`: of each column; `prices`: of a jump, for each path; infinite for one that may not jump."""
        self._passed = LETTER_PRICE * np.concatenate([[0.0], np.cumsum(letters)])
        self._prices = np.asarray(prices, np.float64)[:, None]
        self._can_jump = bool(np.isfinite(self._prices).any())
        self._columns = np.arange(len(letters))
        self._back: list[Array] = []
        self._scores = np.maximum(-self._passed[:-1], -self._prices)
        self._stay = np.tile(self._columns, (len(self._scores), 1))
        self._rows = np.arange(len(self._scores))
        spoken = np.flatnonzero(letters)
        self._leaving = SILENCE_PRICE * (self._columns > (spoken[-1] if len(spoken) else 0))

    def scores(self) -> Array:
        """Of the best paths so far, wherever they stand: float64 [paths]."""
        scores: Array = self._scores.max(axis=1)
        return scores

    def push(self, logs: Array) -> None:
        """Take the logarithms of one row of masses, float [C] or [paths, C]."""
        if self._back:
            self._move()
        else:
            self._back.append(self._stay)
        self._scores = self._scores + logs

    def settled(self, margin: float) -> Array:
        """How the first path begins, int64 [n]: as far as all agree whose score so far is within `margin` of the best.

        It may not jump, so paths do not cross, and the outermost two tell for all.
        """
        low, *_, high = np.flatnonzero(self._scores[0] >= self._scores[0].max() - margin).repeat(2)
        path: list[int] = []
        for back in reversed(self._back):
            if low == high:
                path.append(int(low))
            low, high = back[0, low], back[0, high]
        return np.array(path[::-1], np.int64)

    def finish(self) -> tuple[Array, Array]:
        """The best paths from the text's beginning to its end, int64 [paths, T], and their scores, float64 [paths].

        At least one row was pushed.
        """
        ends = self._scores - np.minimum(self._passed[-1] - self._passed[1:], self._prices)
        at = [ends.argmax(axis=1)]
        for back in reversed(self._back[1:]):
            at.append(back[self._rows, at[-1]])
        return np.stack(at[::-1], axis=1), ends.max(axis=1)

    def _move(self) -> None:
        before = self._scores
        lifted = before + self._passed[1:]
        highest = np.maximum.accumulate(lifted, axis=1)
        origin = np.maximum.accumulate((lifted == highest) * self._columns, axis=1)
        forward = highest[:, :-1] - self._passed[1:-1]
        back, scores = self._stay.copy(), before.copy()
        np.copyto(back[:, 1:], origin[:, :-1], where=forward > before[:, 1:])
        np.maximum(scores[:, 1:], forward, out=scores[:, 1:])
        if self._can_jump:
            left = before - self._leaving
            best = left.argmax(axis=1)
            jump = left[self._rows, best][:, None] - self._prices
            np.copyto(back, best[:, None], where=jump > scores)
            np.maximum(scores, jump, out=scores)
        self._back.append(back)
        self._scores = scores


def log_masses(masses: Array) -> Array:
    """Logarithms of masses [.., C], with a floor."""
    return np.log(masses + np.float32(FLOOR))


def best_paths(masses: Array, letters: Array) -> Array:
    """The best paths without jumps through masses float32 [paths, T, C]: int64 [paths, T]; T is at least 1."""
    finder = PathFinder(letters, [math.inf] * len(masses))
    for row in log_masses(masses).swapaxes(0, 1):
        finder.push(row)
    return finder.finish()[0]


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

"""Watches the words of one answer: stops one that loops, judges one that is written, and tells when each word is heard.

The language model's own attention is all that is asked: no recognizer, no second model.
"""

import math
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Any

import numpy as np

from sparktts_onnx.bundle.manifest import Alignment
from sparktts_onnx.runtime.language.alignment import (
    JUMP_PRICE,
    LETTER_PRICE,
    PathFinder,
    TextColumns,
    log_masses,
    word_frames,
)
from sparktts_onnx.runtime.language.attention import TextAttention
from sparktts_onnx.runtime.language.prompting import CONTENT_START
from sparktts_onnx.runtime.speech.segment import HeardWord

# Stop reasons of attempts whose words are wrong:
WORDS_SKIPPED = "words_skipped"
WORDS_REPEATED = "words_repeated"
WORDS_OUT_OF_ORDER = "words_out_of_order"
END_NOT_REACHED = "end_not_reached"
SPEECH_AFTER_END = "speech_after_end"
TRANSCRIPT_REPEATED = "transcript_repeated"

MOST_EVIDENCE = 3.0
"""Nats by which a path with jumps may beat one without, in an answer that is written. Of good ones, one in a hundred
has more than 1."""
MOST_EVIDENCE_EARLY = 12.0
"""The same while an answer is being written, when a path that hesitates may still be the right one."""
LEAST_END_SHARE = 0.42
"""Attention that the second half of the last word must have, as a share of what a letter has on average."""
CERTAIN = 15.0
"""Nats by which a path is behind that is given up while an answer is being written, so that its words can be told."""
MOST_SECONDS_AFTER_END = 1.5
MOST_TRANSCRIPT_SECONDS = 0.4
"""Attention that may go back to the transcript."""


@dataclass(frozen=True)
class Evidence:
    """What attention says about an answer that is written."""

    score: float
    """How much speaks against the words, in nats; 0 for nothing. Of several attempts the one with the least is best."""
    fault: str | None
    """The fault that weighs most, a stop reason, or None."""
    words: tuple[HeardWord, ...]


class WordWatch:
    """Watches one answer; make one for each attempt."""

    def __init__(self, alignment: Alignment, text: TextColumns, *, frame_seconds: float) -> None:
        """`text`: in its prompt; `frame_seconds`: sound of an audio token."""
        self.attention = TextAttention(alignment, range(CONTENT_START, text.positions.stop))
        """To be filled while the answer is written."""
        self._before = text.positions.start - CONTENT_START
        self._columns = text
        self._letters = self._columns.letters()
        self._lead = alignment.lead_seconds
        self._frame_seconds = frame_seconds
        self._paths = PathFinder(self._letters, [math.inf, JUMP_PRICE])
        self._text_masses: list[np.ndarray[Any, Any]] = []
        self._transcript_frames = 0
        self._early: str | None = None
        self._settled = np.zeros(0, np.int64)

    def push(self, step: int) -> str | None:
        """Take the attention behind audio token `step` of the answer; the fault that it already shows, or None."""
        masses = self.attention.masses(step)
        of_text = masses[self._before :]
        share = float(of_text.sum())
        self._transcript_frames += share < 0.5
        self._text_masses.append(of_text / max(share, 1e-9))
        self._paths.push(log_masses(self._text_masses[-1]))
        self._early = self._early or self._seen_early()
        return self._early

    def _seen_early(self) -> str | None:
        if self._transcript_frames * self._frame_seconds > MOST_TRANSCRIPT_SECONDS:
            return TRANSCRIPT_REPEATED
        straight, jumping = self._paths.scores()
        if jumping - straight > MOST_EVIDENCE_EARLY:
            return _kind_of_jumps(self._paths.finish()[0][1], self._letters, ended=False)
        return None

    def finish(self) -> Evidence:
        """Judge the answer; at least one token was pushed."""
        (path, jumping_path), (straight, jumping) = self._paths.finish()
        kind = _kind_of_jumps(jumping_path, self._letters, ended=True)
        faults = [
            (float(jumping - straight) / MOST_EVIDENCE, kind),
            (2 - self._end_share() / LEAST_END_SHARE, END_NOT_REACHED),
            (self._seconds_after_end(path) / MOST_SECONDS_AFTER_END, SPEECH_AFTER_END),
            (self._transcript_frames * self._frame_seconds / MOST_TRANSCRIPT_SECONDS, TRANSCRIPT_REPEATED),
        ]
        size, worst = max(faults)
        excess = sum(max(0.0, size - 1) for size, _ in faults)
        words = self._word_times(self._kept(path), len(path) * self._frame_seconds)
        return Evidence(MOST_EVIDENCE * excess, worst if size > 1 else None, words)

    def heard(self, seconds: float) -> tuple[HeardWord, ...]:
        """Words that end within the first `seconds` of the answer's sound; `finish` gives the same for these."""
        settled = self._paths.settled(CERTAIN)
        if len(settled) > len(self._settled):
            self._settled = self._kept(settled)
        certain = sum(behind < len(self._settled) for _, behind in word_frames(self._settled, self._columns))
        words = self._word_times(self._settled, math.inf)[:certain]
        return tuple(takewhile(lambda word: word.end_seconds <= seconds, words))

    def _kept(self, path: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A path that begins with what words were told from already."""
        return np.maximum.accumulate(np.concatenate([self._settled, path[len(self._settled) :]]))

    def _end_share(self) -> float:
        """Attention for each letter in the second half of the last word, as a share of the whole text's."""
        spoken = np.flatnonzero(self._letters)
        if not len(spoken):
            return 1.0
        start = self._columns.column(self._columns.words()[-1][0])
        last = spoken[spoken >= start]
        half = last[len(last) // 2 :]
        each = np.sum(self._text_masses, axis=0)
        return float(each[half].sum() / self._letters[half].sum() / (each.sum() / self._letters.sum()))

    def _seconds_after_end(self, path: np.ndarray[Any, Any]) -> float:
        last = np.flatnonzero(self._letters)
        return float(np.sum(path > last[-1])) * self._frame_seconds if len(last) else 0.0

    def _word_times(self, path: np.ndarray[Any, Any], end: float) -> tuple[HeardWord, ...]:
        """`end`: seconds of the answer's sound."""

        def seconds(frame: int) -> float:
            return min(frame * self._frame_seconds + self._lead, end) if frame else 0.0

        frames = word_frames(path, self._columns)
        return tuple(
            HeardWord(start, stop, seconds(first), seconds(behind))
            for (start, stop), (first, behind) in zip(self._columns.words(), frames, strict=True)
        )


def _kind_of_jumps(path: np.ndarray[Any, Any], letters: np.ndarray[Any, Any], *, ended: bool) -> str:
    """What a path's jumps mean: letters passed over, said again, or both. `ended`: whether the answer is complete."""
    passed = np.concatenate([[0.0], np.cumsum(letters)])
    places = [-1, *path, len(letters)] if ended else [-1, *path]
    moved = [float(passed[b] - passed[a + 1]) for a, b in pairwise(places) if b != a]
    skipped = sum(letters for letters in moved if letters * LETTER_PRICE > JUMP_PRICE)
    repeated = -sum(letters for letters in moved if letters < 0)
    if ended and moved[-1] > max(repeated, skipped / 2):
        return END_NOT_REACHED
    if skipped and repeated and 0.5 < skipped / repeated < 2:
        return WORDS_OUT_OF_ORDER
    return WORDS_REPEATED if repeated > skipped else WORDS_SKIPPED

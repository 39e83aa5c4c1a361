"""The watch over one answer's words: faults by name, none where all is well, and the times of the words."""

import numpy as np
import pytest

from sparktts_onnx.bundle.manifest import Alignment
from sparktts_onnx.runtime.language.alignment import TextColumns
from sparktts_onnx.runtime.language.prompting import CONTENT_START
from sparktts_onnx.runtime.speech import words
from sparktts_onnx.runtime.speech.segment import HeardWord
from sparktts_onnx.runtime.speech.words import Evidence, WordWatch

TEXT = "Seven boats crossed the lake."
WORDS = [range(0, 6), range(6, 12), range(12, 20), range(20, 24), range(24, 29)]
"""Columns of each word, with the space or the sign behind it."""
ALL = [column for word in WORDS for column in word]
FRAMES = 3
SPANS = tuple((i, i + 1) for i in range(len(TEXT)))
TRANSCRIPT = 5
"""Tokens of a transcript before the text."""


class Seen:
    """Attention that is what a test says."""

    def __init__(self, columns: list[int], *, before: int = 0) -> None:
        self.rows = np.full((len(columns) * FRAMES, before + len(TEXT)), 0.003, np.float32)
        for place, column in enumerate(columns):
            self.rows[place * FRAMES : (place + 1) * FRAMES, before + column] = 0.9
        self.rows /= self.rows.sum(axis=1, keepdims=True)

    def masses(self, step: int) -> np.ndarray:
        row: np.ndarray = self.rows[step]
        return row


def watched(seen: Seen, *, before: int = 0, lead: float = 0.0) -> tuple[list[str | None], Evidence]:
    """What the watch says after each token, and at the end."""
    watch = watch_over(seen, before=before, lead=lead)
    early = [watch.push(step) for step in range(len(seen.rows))]
    return early, watch.finish()


def watch_over(seen: Seen, *, before: int = 0, lead: float = 0.0) -> WordWatch:
    columns = range(CONTENT_START + before, CONTENT_START + before + len(TEXT))
    watch = WordWatch(Alignment(rope_dim=4, lead_seconds=lead), TextColumns(TEXT, SPANS, columns), frame_seconds=0.02)
    watch.attention = seen  # type: ignore[assignment]
    return watch


def columns_of(*order: int) -> list[int]:
    return [column for word in order for column in WORDS[word]]


def test_a_text_said_once_has_no_fault_and_its_times() -> None:
    early, evidence = watched(Seen(ALL), lead=0.03)
    assert set(early) == {None} and evidence.fault is None and evidence.score == 0
    heard = {
        TEXT[word.start : word.stop]: (round(word.start_seconds, 3), round(word.end_seconds, 3))
        for word in evidence.words
    }
    step = FRAMES * 0.02
    assert heard == {
        "Seven": (0.0, round(6 * step + 0.03, 3)),
        "boats": (round(6 * step + 0.03, 3), round(12 * step + 0.03, 3)),
        "crossed": (round(12 * step + 0.03, 3), round(20 * step + 0.03, 3)),
        "the": (round(20 * step + 0.03, 3), round(24 * step + 0.03, 3)),
        "lake.": (round(24 * step + 0.03, 3), round(28 * step + 0.03, 3)),
    }


@pytest.mark.parametrize("columns", [ALL, columns_of(0, 1, 1, 2, 3, 4), columns_of(0, 2, 3, 4), columns_of(0, 1)])
def test_words_are_told_while_they_are_written_and_stay_as_they_were_told(columns: list[int]) -> None:
    watch = watch_over(Seen(columns), lead=0.03)
    told: list[tuple[HeardWord, ...]] = [()]
    for step in range(len(columns) * FRAMES):
        watch.push(step)
        told.append(watch.heard((step + 1) * 0.02))
        assert told[-1][: len(told[-2])] == told[-2]
        assert all(word.end_seconds <= (step + 1) * 0.02 for word in told[-1])
    assert len(told[-1]) >= len(set(columns) & {word.start for word in WORDS}) - 1, (
        "but the last, whose end is not seen"
    )
    final = watch.finish().words
    assert final[: len(told[-1])] == told[-1]


def test_a_word_is_told_a_few_tokens_behind_its_end() -> None:
    watch = watch_over(Seen(ALL))
    ends = [FRAMES * word.stop for word in WORDS[:-1]]
    when = {}
    for step in range(len(ALL) * FRAMES):
        watch.push(step)
        when.setdefault(len(watch.heard(100.0)), step)
    assert all(0 <= when[number] - end < 12 for number, end in enumerate(ends, 1))


@pytest.mark.parametrize(
    ("columns", "fault", "early"),
    [
        (columns_of(0, 1, 2, 3, 4, 0, 1, 2, 3, 4), words.WORDS_REPEATED, True),
        (columns_of(0, 1, 1, 2, 3, 4), words.WORDS_REPEATED, True),
        (columns_of(0, 2, 3, 4), words.WORDS_SKIPPED, False),
        (columns_of(1, 2, 3, 4), words.WORDS_SKIPPED, False),
        (columns_of(0, 2, 1, 3, 4), words.WORDS_OUT_OF_ORDER, True),
        (columns_of(0, 1, 2, 3), words.END_NOT_REACHED, False),
        (columns_of(0, 1), words.END_NOT_REACHED, False),
        (ALL + [28] * 30, words.SPEECH_AFTER_END, False),
    ],
)
def test_faults_have_names(columns: list[int], fault: str, early: bool) -> None:
    found, evidence = watched(Seen(columns))
    assert evidence.fault == fault and evidence.score > 0
    assert any(found) == early


def test_a_jump_back_is_seen_while_it_is_written() -> None:
    early, _ = watched(Seen(columns_of(0, 1, 2, 0, 1, 2, 3, 4)))
    first = next(step for step, fault in enumerate(early) if fault)
    again = FRAMES * len(columns_of(0, 1, 2))
    assert again <= first < again + 0.3 * 50 and early[first] == words.WORDS_REPEATED


def test_a_silent_letter_is_no_fault() -> None:
    assert watched(Seen([column for column in ALL if column not in (3, 19)]))[1].fault is None


def test_going_back_to_the_transcript_is_a_fault() -> None:
    fine = Seen(ALL, before=TRANSCRIPT)
    assert watched(fine, before=TRANSCRIPT)[1].fault is None
    back = Seen([*ALL[:12], *[-3] * 8, *ALL[12:]], before=TRANSCRIPT)
    early, evidence = watched(back, before=TRANSCRIPT)
    assert words.TRANSCRIPT_REPEATED in early and evidence.fault == words.TRANSCRIPT_REPEATED


def test_the_worse_answer_has_the_higher_score() -> None:
    scores = [
        watched(Seen(columns_of(*order)))[1].score for order in ([0, 1, 2, 3, 4], [0, 1, 1, 2, 3, 4], [0, 0, 1, 1])
    ]
    assert scores == sorted(scores) and len(set(scores)) == 3


def test_attention_may_wander_in_the_silence_behind_the_last_word() -> None:
    early, evidence = watched(Seen([*ALL, 9]))
    assert set(early) == {None} and evidence.fault is None

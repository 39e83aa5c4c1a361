"""The texts: ours, the same every time, and never those that are kept for measuring."""

import json
from pathlib import Path

import pytest

from training import corpus, inflect
from training.numerals import cardinal, ordinal

LISTED = json.loads((Path(corpus.__file__).parent / "evaluation.json").read_text())


def test_the_same_seed_gives_the_same_texts() -> None:
    assert corpus.texts(300, seed=4) == corpus.texts(300, seed=4)
    assert corpus.texts(300, seed=4) != corpus.texts(300, seed=5)


def test_texts_are_plain_and_of_one_to_thirteen_words() -> None:
    found = corpus.texts(3000, seed=1)
    assert len(set(found)) == len(found)
    assert all(1 <= len(text.split()) <= 13 and text.isascii() and "{" not in text for text in found)


def test_held_out_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = corpus.texts(200, seed=2)
    monkeypatch.setattr(corpus, "held_out", lambda: {corpus.plain(known[0])})
    assert corpus.plain(known[0]) not in {corpus.plain(text) for text in corpus.texts(200, seed=2)}


def test_no_training_text_is_a_measured_one() -> None:
    measured = corpus.held_out()
    assert {corpus.plain(text) for text in LISTED["sentences"] + LISTED["prompts"]} <= measured
    assert not measured & {corpus.plain(text) for seed in (0, 1) for text in corpus.texts(5000, seed=seed)}


def test_words_that_are_measured_occur_in_training() -> None:
    known = {word for text in corpus.texts(32000, seed=1) for word in corpus.plain(text).split()}
    assert {word for text in LISTED["sentences"] for word in corpus.plain(text).split()} <= known


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "zero"), (13, "thirteen"), (40, "forty"), (99, "ninety-nine"), (100, "one hundred"),
     (345, "three hundred and forty-five"), (1001, "one thousand and one"), (2_000_000, "two million")],
)  # fmt: skip
def test_numbers_in_words(value: int, words: str) -> None:
    assert cardinal(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (31, "thirty-first"), (30, "thirtieth")]
)
def test_ordinals_in_words(value: int, words: str) -> None:
    assert ordinal(value) == words


def test_regular_endings() -> None:
    assert [inflect.with_s(w) for w in ("watch", "city", "boy", "box")] == ["watches", "cities", "boys", "boxes"]
    assert [inflect.with_ed(w) for w in ("stop", "carry", "like", "play")] == ["stopped", "carried", "liked", "played"]
    assert [inflect.with_ing(w) for w in ("stop", "lie", "make", "see")] == ["stopping", "lying", "making", "seeing"]

"""Paths through attention: word times, and what tells words said once and in order from all else."""

import itertools

import numpy as np
import pytest

from sparktts_onnx.runtime.language.alignment import (
    JUMP_PRICE,
    LETTER_PRICE,
    SILENCE_PRICE,
    PathFinder,
    TextColumns,
    best_paths,
    log_masses,
    word_frames,
)

TEXT = "One two, three."
LETTERS = TextColumns(TEXT, tuple((i, i + 1) for i in range(len(TEXT))))


def said(order: list[int], columns: int, *, frames: int = 3, sharpness: float = 0.9) -> np.ndarray:
    """Masses of attention that stays `frames` frames at each column of an order."""
    masses = np.full((len(order) * frames, columns), (1 - sharpness) / (columns - 1), np.float32)
    for place, column in enumerate(order):
        masses[place * frames : (place + 1) * frames, column] = sharpness
    return masses


@pytest.mark.parametrize("jumps", [False, True])
def test_the_best_path_is_the_best_of_all(jumps: bool) -> None:
    """Against every path there is, by the prices as they are written down."""
    rng = np.random.default_rng(0)
    for letters in ([1.0, 1.0, 0.0, 2.0], [3.0, 0.0, 1.0, 0.0]):
        masses = rng.dirichlet(np.ones(4) * 0.3, 5).astype(np.float32)
        logs, passed = log_masses(masses), np.cumsum([0, *letters])

        last = max(np.flatnonzero(letters))

        def price(a: int, b: int, passed: np.ndarray = passed, last: int = last) -> float:
            straight = 0.0 if a == b else LETTER_PRICE * (passed[b] - passed[a + 1]) if b > a else np.inf
            behind = SILENCE_PRICE * (b < 4 and a > last)
            return float(min(straight, JUMP_PRICE + behind) if jumps else straight)

        scores = {
            path: sum(logs[t, c] for t, c in enumerate(path))
            - sum(price(a, b) for a, b in itertools.pairwise([-1, *path]))
            - price(path[-1], 4)
            for path in itertools.product(range(4), repeat=5)
        }
        finder = PathFinder(np.array(letters), [JUMP_PRICE if jumps else np.inf])
        for row in logs:
            finder.push(row)
        (found,), (score,) = finder.finish()
        assert score == pytest.approx(max(scores.values()), abs=1e-4)
        assert scores[tuple(found)] == pytest.approx(score, abs=1e-4)


def test_words_begin_and_end_where_attention_does() -> None:
    path = best_paths(said(list(range(len(TEXT))), len(TEXT))[None], LETTERS.letters())[0]
    frames = word_frames(path, LETTERS)
    assert [TEXT[a:b] for a, b in LETTERS.words()] == ["One", "two,", "three."]
    assert frames == [(0, 12), (12, 21), (27, 42)], "a word lasts to the next one, or to the comma behind it"


def test_tokens_of_whole_words_and_of_parts_of_a_character() -> None:
    whole = TextColumns("Big old trees", ((0, 3), (3, 7), (7, 13)))
    assert whole.letters().tolist() == [3, 3, 5]
    path = best_paths(said([0, 1, 2], 3, frames=10)[None], whole.letters())[0]
    assert word_frames(path, whole) == [(0, 10), (10, 20), (20, 30)]
    bytes_of = TextColumns("你好a", ((0, 1), (0, 1), (0, 1), (1, 2), (2, 3)))
    assert bytes_of.letters().tolist() == [3, 0, 0, 3, 1]
    assert [bytes_of.text[a:b] for a, b in bytes_of.words()] == ["你", "好", "a"]
    path = best_paths(said([0, 1, 2, 3, 4], 5, frames=4)[None], bytes_of.letters())[0]
    assert word_frames(path, bytes_of) == [(0, 12), (12, 16), (16, 20)]


def test_signs_alone_are_no_words() -> None:
    columns = TextColumns("— Yes … no! ?", tuple((i, i + 1) for i in range(13)))
    assert [columns.text[a:b] for a, b in columns.words()] == ["Yes", "no!"]

"""Parts of a written text and the segments that they are spoken in."""

import re
import time
import timeit

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sparktts_onnx.text.alignment import written_parts
from sparktts_onnx.text.normalize import normalize
from sparktts_onnx.text.segments import split


def parts(written: str, budget: int = 60) -> list[tuple[str, str]]:
    """(spoken, written) of each segment."""
    spoken = normalize(written)
    segments = split(spoken, budget)
    of_written = written_parts(written, spoken, [segment.start for segment in segments])
    return list(zip((segment.text for segment in segments), of_written, strict=True))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("It costs $5. He paid $20 at 3pm. She left.", ["It costs $5.", "He paid $20 at 3pm.", "She left."]),
        ("$5 it was. 7 came, 12 went away. $9.", ["$5 it was.", "7 came, 12 went away.", "$9."]),
        ("On 3/4/2024 it rained. See www.example.org now! Dr. Who came.",
         ["On 3/4/2024 it rained.", "See www.example.org now!", "Dr. Who came."]),
        ("今天是2024年5月1日。价格是￥35。好的。", ["今天是2024年5月1日。", "价格是￥35。", "好的。"]),
        ("It costs 10,50 €. On 04/05/24 it rained at 10°N. About 1e-5 of it.",
         ["It costs 10,50 €.", "On 04/05/24 it rained at 10°N.", "About 1e-5 of it."]),
        ("① 打开。周一~周五开门。约~20km。", ["① 打开。", "周一~周五开门。", "约~20km。"]),
        ("It costs 5. 6 people came. 7/8 of it.", ["It costs 5.", "6 people came.", "7/8 of it."]),
        ("Dr. Smith left. No. 5 is here. No. It is so.", ["Dr. Smith left.", "No. 5 is here.", "No.", "It is so."]),
        ("DC 20500\n\n350 Elm Ave. It", ["DC 20500", "350 Elm Ave.", "It"]),
        ("Take 5 min.\n\n$3 of 4", ["Take 5 min.", "$3 of 4"]),
        ("The points:\n\n1. **Cost**: $5.\n2. *Speed*: 10x.", ["The points:", "1. **Cost**: $5.", "2. *Speed*: 10x."]),
        ("价格5。6人来。", ["价格5。", "6人来。"]),
        ("He said “hi” 😀. It was 40 °C outside. Really.", ["He said “hi” 😀.", "It was 40 °C outside.", "Really."]),
    ],
)  # fmt: skip
def test_each_segment_has_what_was_written(written: str, expected: list[str]) -> None:
    spoken = normalize(written)
    starts = [segment.start for segment in split(spoken, 750, join_below=1)]
    assert list(written_parts(written, spoken, starts)) == expected


def test_what_is_spoken_in_several_parts_belongs_to_the_first() -> None:
    written = "Call 12345678901234567890123456789012345678901234567890 now."
    found = parts(written, 40)
    assert len(found) > 3
    assert " ".join(part for _, part in found if part) == written
    assert [part for _, part in found[2:-1]] == [""] * (len(found) - 3)


@pytest.mark.parametrize(
    ("written", "inside", "expected"),
    [
        ("It costs $5.50, I think.", "and fifty", ["It costs $5.50,", "I think."]),
        ('He said "$5.50", I think.', "and fifty", ['He said "$5.50",', "I think."]),
        ("Pay $5.50 (now).", "and fifty", ["Pay $5.50", "(now)."]),
        ("It costs $5.50,$6 or more.", "and fifty", ["It costs $5.50,$6", "or more."]),
    ],
)
def test_the_signs_behind_it_go_with_it(written: str, inside: str, expected: list[str]) -> None:
    spoken = normalize(written)
    assert list(written_parts(written, spoken, [0, spoken.index(inside)])) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("It costs $5, I think.", ["It", "costs", "$5,", "", "I", "think."]),
        ("US$5, A$6", ["US$5,", "", "", "A$6", "", ""]),
        ("Pay $5 — or (3/4) now.", ["Pay", "$5 —", "", "or", "(3/4)", "", "now."]),
        ('Of 5 km "two" and 5%.', ["Of", "5 km", "", '"two"', "and", "5%.", ""]),
    ],
)
def test_a_word_that_is_said_in_several_has_the_signs_behind_it(written: str, expected: list[str]) -> None:
    spoken = normalize(written)
    starts = [match.start() for match in re.finditer(r"\S+", spoken) if re.search(r"\w", match[0])]
    assert list(written_parts(written, spoken, starts, join_signs=True)) == expected


def test_after_a_page_of_numbers_all_is_as_before() -> None:
    numbers = ", ".join(str(13607 + 1237 * n) for n in range(300))
    sentences = [f"Sentence {word} says what it says." for word in ("one", "two", "three", "four", "five")]
    written = f"We begin. The data are {numbers}. {' '.join(sentences)}"
    spoken = normalize(written)
    starts = [segment.start for segment in split(spoken, join_below=0)]
    found = written_parts(written, spoken, starts)
    assert list(found[-len(sentences) :]) == sentences
    assert found[0] == "We begin."


def test_texts_that_share_nothing_are_one_part() -> None:
    assert written_parts("a b c d e f", "u v w x y z " * 60, [0, 4, 8]) == ("a b c d e f", "", "")


def test_a_long_text_keeps_every_sentence() -> None:
    written = "It costs $5 and 3 % of that. " * 5000
    found = parts(written, 750)
    assert len(found) > 500
    assert sum(part.count("$5") for _, part in found) == 5000
    assert all(part.startswith("It costs $5") for _, part in found)


def test_short_texts_are_compared_no_farther_than_they_are_long() -> None:
    assert written_parts("5", "five", [0]) == ("5",)
    assert 5 * _seconds("5", "five") < _seconds("5 " * 20, "five " * 20)


def _seconds(written: str, spoken: str) -> float:
    """Of 200 comparisons, the fastest of three times."""
    return min(timeit.repeat(lambda: written_parts(written, spoken, [0]), time.process_time, number=200, repeat=3))


@settings(deadline=None)
@given(st.text(st.sampled_from("ab 1,.$%!?\n「」好5年,'"), max_size=80), st.integers(1, 80))
def test_nothing_is_lost_and_order_is_kept(written: str, budget: int) -> None:
    assume(normalize(written))
    found = [part for _, part in parts(written, budget)]
    assert "".join("".join(found).split()) == "".join(written.split())


@settings(deadline=None)
@given(st.lists(st.sampled_from(["$5,", "6.", "7 min.", "8\n", "1/2 cup;", "and so", "1999:", "Dec. 3."]), max_size=12))
def test_numbers_in_a_row_keep_their_order(words: list[str]) -> None:
    written = " ".join(words)
    spoken = normalize(written)
    starts = [match.start() for match in re.finditer(r"\S+", spoken)] or [0]
    found = "".join(written_parts(written, spoken, starts))
    assert "".join(found.split()) == "".join(written.split())


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_any_two_texts(written: str, spoken: str, starts: list[int]) -> None:
    ordered = sorted({min(start, len(spoken)) for start in starts} | {0})
    found = written_parts(written, spoken, ordered)
    assert len(found) == len(ordered)
    assert "".join("".join(found).split()) == "".join(written.split())

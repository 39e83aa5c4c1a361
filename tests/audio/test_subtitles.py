"""Subtitles parse back to the text and the times, and never overlap."""

from __future__ import annotations

import html
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparktts_onnx.audio.subtitles import LINE_COLUMNS, LINES, Cue, srt, webvtt, wrapped

STAMP = re.compile(r"(\d{2,}):(\d\d):(\d\d)[,.](\d{3})")


def seconds(stamp: str) -> float:
    match = STAMP.fullmatch(stamp)
    assert match, stamp
    hours, minutes, whole, thousandths = map(int, match.groups())
    assert minutes < 60
    assert whole < 60
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


def parsed(content: str) -> list[Cue]:
    """The cues of a SubRip or WebVTT file, by a strict reader."""
    head, _, body = content.partition("WEBVTT\n\n") if content.startswith("WEBVTT") else ("", "", content)
    assert head == ""
    cues = []
    for number, block in enumerate(body.split("\n\n")[:-1], 1):
        lines = block.split("\n")
        if not content.startswith("WEBVTT"):
            assert lines.pop(0) == str(number)
        start, end = lines.pop(0).split(" --> ")
        assert lines and all(lines)
        cues.append(Cue("\n".join(lines), seconds(start), seconds(end)))
    return cues


def test_the_two_formats_to_the_letter() -> None:
    cues = [Cue("Hello there.", 0.0, 1.2345), Cue("Tom & Jerry <3 -->", 3661.0, 3662.9996)]
    assert srt(cues) == (
        "1\n00:00:00,000 --> 00:00:01,234\nHello there.\n\n2\n01:01:01,000 --> 01:01:03,000\nTom & Jerry <3 -->\n\n"
    )
    assert webvtt(cues) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.234\nHello there.\n\n"
        "01:01:01.000 --> 01:01:03.000\nTom &amp; Jerry &lt;3 --&gt;\n\n"
    )


def test_nothing_said_is_an_empty_file() -> None:
    assert srt([]) == ""
    assert webvtt([Cue(" \n ", 0.0, 1.0)]) == "WEBVTT\n\n"


def test_long_text_is_spread_over_its_time() -> None:
    text = "The quick brown fox jumps over the lazy dog and runs into the wood. " * 6
    shown = parsed(srt([Cue(text, 10.0, 34.0)]))
    assert len(shown) > 3
    assert " ".join(cue.text for cue in shown).split() == text.split()
    assert (shown[0].start, shown[-1].end) == (10.0, 34.0)
    for before, after in itertools.pairwise(shown):
        assert after.start == pytest.approx(before.end, abs=0.0011)
        assert 2.0 < before.end - before.start < 8.0


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("你好，世界。今天天气很好。", ["你好，", "世界。", "今天天", "气很好。"]),
        ("我用GPT写字", ["我用", "GPT写", "字"]),
        ("一（二三）四", ["一（二", "三）四"]),
    ],
)
def test_chinese_breaks_between_characters_but_not_before_a_stop(text: str, lines: list[str]) -> None:
    got = wrapped(text, 6)
    assert "".join(got) == text
    assert all(line[0] not in "，。）" and line[-1] not in "（" for line in got)
    assert len(got) <= len(lines) + 1


def test_a_word_wider_than_a_line_is_cut() -> None:
    assert wrapped("a" * 100, 42) == ["a" * 42, "a" * 42, "a" * 16]


def test_overlapping_and_backward_times_are_put_in_order() -> None:
    shown = parsed(srt([Cue("a", 0.0, 2.0), Cue("b", 1.5, 1.8), Cue("c", 5.0, 4.0)]))
    assert [(cue.start, cue.end) for cue in shown] == [(0.0, 2.0), (2.0, 2.001), (5.0, 5.001)]


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from(" \n，。（）你好<>&-"), max_size=300
)


def is_scene_break(line: str) -> bool:
    """Nothing but signs that part paragraphs."""
    return bool(line.strip()) and set("".join(line.split())) <= set("*~#=_•·⁂※❦⸻—–-")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(TEXT, st.floats(0, 5), st.floats(0, 20)), max_size=6),
)
def test_any_text_survives_both_formats(drawn: list[tuple[str, float, float]]) -> None:
    cues, clock = [], 0.0
    for text, gap, length in drawn:
        cues.append(Cue(text, clock + gap, clock + gap + length))
        clock += gap + length
    said = "\n".join(line for cue in cues for line in cue.text.split("\n") if not is_scene_break(line))
    for content, read in ((srt(cues), str), (webvtt(cues), html.unescape)):
        shown = parsed(content)
        assert "".join("".join(read(cue.text).split()) for cue in shown) == "".join(said.split())
        assert all(before.end <= after.start + 0.0011 for before, after in itertools.pairwise(shown))
        assert all(len(read(cue.text).split("\n")) <= LINES for cue in shown)
        assert all(len(line) <= LINE_COLUMNS for cue in shown for line in read(cue.text).split("\n") if line.isascii())


@pytest.mark.parametrize("sign", ["***", "* * *", "---", "⁂", "~~~", "———", "#", "• • •"])
def test_a_scene_break_is_not_shown(sign: str) -> None:
    shown = srt([Cue(f"The end.\n\n{sign}\n\nMorning came.", 0, 2), Cue(sign, 2, 3), Cue("It - rained.", 3, 4)])
    assert sign not in shown.replace("It - rained.", "").replace("-->", "")
    assert "The end. Morning came." in shown and "2\n00:00:03,000" in shown

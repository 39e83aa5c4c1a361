"""Visible characters are never torn apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparktts_onnx.text.characters import is_unspaced, may_cut, unspoken_scripts


@pytest.mark.parametrize(
    "clusters",
    [
        ["a", "b", " ", "好", "，"],
        ["e\u0301", "x\u0300\u0301", "o"],
        ["👩‍👩‍👧", "👍🏽", "a", "❤️"],
        ["ก็", "ก"],
        ["नि", "म"],
        ["1️⃣", "2"],
        ["\r\n", "\n", "a"],
        ["葛\U000e0100", "飾"],
    ],
)
def test_cuts_come_between_visible_characters(clusters: list[str]) -> None:
    text = "".join(clusters)
    places = {len("".join(clusters[:count])) for count in range(len(clusters) + 1)}
    assert {at for at in range(len(text) + 1) if may_cut(text, at)} == places


@pytest.mark.parametrize(("char", "expected"), [("好", True), ("の", True), ("a", False), ("，", False), ("1", False)])
def test_unspaced_scripts(char: str, expected: bool) -> None:
    assert is_unspaced(char) == expected


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Hello, 你好, café, こんにちは, π = 3.14, 5 µm, ꬲ", ()),
        ("Привет hello ꬲ", ("Cyrillic",)),
        ("Привет, мир", ("Cyrillic",)),
        ("สวัสดี and مرحبا", ("Arabic", "Thai")),
        ("한 नि ש αβ ﻼ", ("Arabic", "Devanagari", "Greek", "Hangul", "Hebrew")),
    ],
)
def test_unspoken_scripts(text: str, scripts: tuple[str, ...]) -> None:
    assert unspoken_scripts(text) == scripts


@settings(deadline=None)
@given(st.text())
def test_scripts_of_any_text(text: str) -> None:
    assert all(name.isalpha() for name in unspoken_scripts(text))

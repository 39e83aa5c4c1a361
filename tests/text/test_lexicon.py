"""A lexicon replaces whole words, and says clearly what is wrong with a file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparktts_onnx.errors import TextError
from sparktts_onnx.text.lexicon import Lexicon

LEXICON = Lexicon(
    {
        "cat": "feline",
        "US": "United States",
        "New York": "the big apple",
        "New": "fresh",
        "重庆": "崇庆",
        "C++": "see plus plus",
        "y'all": "you all",
        "rock’n’roll": "rock and roll",
    }
)


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("a cat.", "a feline."),
        ("Cat CAT cat", "feline feline feline"),
        ("concatenate cats", "concatenate cats"),
        ("US, us", "United States, us"),
        ("New York is New", "the big apple is fresh"),
        ("New Yorkers", "fresh Yorkers"),
        ("去重庆玩", "去崇庆玩"),
        ("我的cat很好", "我的feline很好"),
        ("C++ and (C++)", "see plus plus and (see plus plus)"),
        ("Y’all and y'all, y’all’d", "you all and you all, you all’d"),
        ("rock'n'roll, rock’n’roll", "rock and roll, rock and roll"),
        ("I don’t and don't", "I don’t and don't"),
        ("", ""),
        ("nothing here", "nothing here"),
    ],
)
def test_whole_words_are_replaced(written: str, spoken: str) -> None:
    assert LEXICON.apply(written) == spoken


def test_what_an_entry_gives_is_not_looked_up_again() -> None:
    assert Lexicon({"a": "b", "b": "a"}).apply("a b") == "b a"


@settings(deadline=None)
@given(st.text(max_size=80))
def test_an_empty_lexicon_changes_nothing(text: str) -> None:
    assert Lexicon().apply(text) == text


@settings(deadline=None)
@given(st.text(max_size=80))
def test_a_lexicon_that_says_the_same_changes_nothing(text: str) -> None:
    assert Lexicon({"A": "A", "New York": "New York", "好": "好"}).apply(text) == text


def test_an_entry_may_be_given_twice_with_one_spoken_form() -> None:
    assert Lexicon({"don't": "do not", "don’t": " do not"}).apply("don't don’t") == "do not do not"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("words.json", '{"GIF": "jif", "重庆": "崇庆"}'),
        ("words.json", '\ufeff{"GIF": "jif", "重庆": "崇庆"}'),
        ("words.csv", "word,spoken\nGIF,jif\n重庆,崇庆\n"),
        ("words.CSV", "\ufeffGIF , jif\r\n\r\n重庆,崇庆"),
        ("words.csv", '"GIF","jif"\n重庆,"崇庆"\n'),
    ],
)
def test_files_are_read(tmp_path: Path, name: str, content: str) -> None:
    lexicon = Lexicon.load(write(tmp_path, name, content))
    assert len(lexicon) == 2
    assert lexicon.apply("GIF 重庆") == "jif 崇庆"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("words.txt", "a,b", r"ends in '\.txt'; it must be a \.json or a \.csv file"),
        ("words.json", '{"a": "b",}', r"words\.json is not JSON: .* line 1"),
        ("words.json", '["a", "b"]', "must hold one JSON object"),
        ("words.json", "[]", "must hold one JSON object"),
        ("words.json", '"a"', "must hold one JSON object"),
        ("words.json", "[" * 100_000, "must hold words and their spoken forms; found: maximum recursion"),
        ("words.json", '{"a": ' + "1" * 5000 + "}", "must hold words and their spoken forms; found: Exceeds"),
        ("words.json", '{"a":' + "[" * 900 + "]" * 900 + "}", r"entry 1: the spoken form is \["),
        ("words.json", '{"a": 1}', "entry 1: the spoken form is 1"),
        ("words.json", '{"a": {"b": "c"}}', r"entry 1: the spoken form is \["),
        ("words.json", '{"a": "b", " ": "c"}', "entry 2: the word is ' '"),
        ("words.json", '{"a": "b", "a": "c"}', "entry 2: 'a' is given twice"),
        ("words.json", '{"a\'b": "c", "a’b": "d"}', "entry 2: \"a'b\" is given twice, as 'c' and 'd'"),
        ("words.csv", "a,b\nc\n", "line 2: 1 columns found; expected two"),
        ("words.csv", "a,b\nc,d,e\n", "line 2: 3 columns found"),
        ("words.csv", "a,\n", "line 1: the spoken form is ''"),
        ("words.csv", "a,b\n\na,c", "line 3: 'a' is given twice"),
        ("words.csv", '"a,b', r"line 1: unexpected end of data"),
        ("words.csv", b"a,\xff\n", "is not UTF-8 text"),
        ("words.csv", "a" * 101 + ",b", "the word has 101 characters"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(TextError, match=message):
        Lexicon.load(write(tmp_path, name, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"nowhere\.json cannot be read: No such file"):
        Lexicon.load(tmp_path / "nowhere.json")


def test_a_folder_is_not_a_lexicon(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TextError, match="cannot be read"):
        Lexicon.load(tmp_path / "folder.csv")

"""Number words say the number they were made from: read back by an independent reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparktts_onnx.text.normalize import chinese, english

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SCALES = "thousand million billion trillion quadrillion"
ENGLISH_VALUES = {word: value for value, word in enumerate(ONES.split())} | {
    word: 10 * tens for tens, word in enumerate(TENS.split(), 2)
}
ENGLISH_SCALES = {name: 1000**power for power, name in enumerate(SCALES.split(), 1)}


def read_english(words: str) -> int:
    total = group = 0
    for word in words.replace("-", " ").split():
        if word in ENGLISH_SCALES:
            total, group = total + group * ENGLISH_SCALES[word], 0
        elif word == "hundred":
            group *= 100
        else:
            group += ENGLISH_VALUES[word]
    return total + group


def read_chinese(words: str) -> int:
    total = section = digit = 0
    for char in words.replace("万亿", "兆"):
        if char in "兆亿万":
            total += (section + digit) * {"兆": 10**12, "亿": 10**8, "万": 10**4}[char]
            section = digit = 0
        elif char in "十百千":
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[char]
            digit = 0
        else:
            digit = 2 if char == "两" else "零一二三四五六七八九".index(char)
    return total + section + digit


@given(st.integers(0, 10**18 - 1) | st.integers(0, 20_000))
def test_english_reads_back(value: int) -> None:
    assert read_english(english.cardinal(value)) == value


@given(st.integers(0, 10**16 - 1) | st.integers(0, 200_000))
def test_chinese_reads_back(value: int) -> None:
    words = chinese.cardinal(value)
    assert read_chinese(words) == value
    assert "零零" not in words
    assert value == 0 or not words.endswith("零")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1001, "一千零一"),
        (10_010, "一万零一十"),
        (100_000_001, "一亿零一"),
        (10_001_000, "一千万一千"),
        (20_002, "两万零二"),
        (1_0000_0000_0000, "一万亿"),
        (2_0500_0000, "两亿零五百万"),
        (222, "二百二十二"),
        (-15, "负十五"),
    ],
)
def test_chinese_gaps_and_twos(value: int, words: str) -> None:
    assert chinese.cardinal(value) == words


@pytest.mark.parametrize("value", [10**18, 10**30])
def test_beyond_the_largest_scale_digits_are_read(value: int) -> None:
    assert english.cardinal(value).split() == ["one"] + ["zero"] * (len(str(value)) - 1)
    assert chinese.cardinal(value) == "一" + "零" * (len(str(value)) - 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (12, "twelfth"),
        (20, "twentieth"),
        (21, "twenty-first"),
        (100, "one hundredth"),
        (103, "one hundred third"),
        (1000, "one thousandth"),
    ],
)
def test_english_ordinals(value: int, words: str) -> None:
    assert english.ordinal(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1066, "ten sixty-six"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (2000, "two thousand"),
        (2009, "two thousand nine"),
        (2010, "twenty ten"),
        (987, "nine hundred eighty-seven"),
    ],
)
def test_english_years(value: int, words: str) -> None:
    assert english.year(value) == words

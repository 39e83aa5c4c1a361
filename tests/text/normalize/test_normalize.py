"""What holds for every text and every rule: nothing raises, no word is lost, one match is read once."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text.duration import is_speakable
from sparktts_onnx.text.normalize import NormalizeOptions, any_rule, detect_language, normalize, rules
from sparktts_onnx.text.normalize.rule import Rule
from sparktts_onnx.text.segments import split

WRITTEN = (
    "Dr. Smith",
    "it costs $5",
    "2024-05-01",
    "Hi 😀 there",
    "1/2 cup",
    "3 apples",
    "the 2nd",
    "5% more",
    "555-123-4567",
    "5-10 minutes",
    "salt & pepper",
    "at 10:30",
    "5 km",
    "see example.com",
    "ＡＢＣ",
)
SCRAPS = st.sampled_from(
    [
        *WRITTEN,
        *"0123456789.,:;/-–~+%$€¥°²½#@&()\"' \n年月日号个第点分，。：“”😀年aZé",
        "１",
        "\u200d",
        "\ufe0f",
        *"₂⁶⁻²≤≠×→<!=",
        *(
            "I <3",
            "won ",
            "score: ",
            "1. ",
            "2. ",
            "UTC+8",
            "T10:00:00+02:00",
            "Dr. ",
            "Jr. ",
            "Henry ",
            "VIII",
            "v1.2",
        ),
        *("①", "10,5 €", "04/05/24", "on 12/25", "40°42′N", "5'30\"", "1e-5", "=mc²", "~20km", "周一~", "10kg-"),
        *("1-800-AB", "CAD$", "/month", "4111 1111 1111 1111", "pm"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SCRAPS | st.text(max_size=4), max_size=40).map("".join))
def test_never_raises(text: str) -> None:
    for language in ("auto", "en", "zh"):
        normalize(text, NormalizeOptions(language=language))


@pytest.mark.parametrize(
    "text", ["1" * 10_000, "²" * 50, "٣ apples", "①", "1,", "五", "\ud800", "\x00", "-", "$", "½" * 9]
)
def test_odd_text_is_left_or_read_but_never_fails(text: str) -> None:
    assert isinstance(normalize(text), str)


HOSTILE = (
    *"1<&$[|_*@(`~\\>#好😀",
    *(
        "1 ",
        "9.",
        "1..",
        "1,",
        "1-",
        "A.",
        "x=",
        "3x-1=",
        "<b x=1 ",
        "&#1",
        "$1",
        "$a ",
        '1"',
        "8' ",
        "1 1/2 ",
        "[a](",
        "| a ",
    ),
    *("|-", "a_", "a@b.", "http://a", "1km", "1 km-", "10:10 ", "may 5 ", "Act I ", "5年", "2^", "1e5-", "😀 ", "1~"),
    *(
        r"\\frac{a}{",
        "<!--",
        "<script>",
        "555-",
        "+1 ",
        "1. a 2. b ",
        "Mr. A ",
        "2/3rd ",
        "~~a",
        "[1]",
        "\n",
        "> ",
        "5 and 5 ",
        "\\[",
        "\\(",
        "$\\a",
        ":) ",
        "<a@",
        "Mon–",
        "α",
        "√",
        "5' ",
    ),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_of_any_text(piece: str) -> None:
    """Four times the length takes about four times as long, not sixteen times."""
    short = min(_seconds(piece, 5_000) for _ in range(3))
    # The fastest of three; as a rule the first is fast enough, and the others need not be measured.
    assert any(_seconds(piece, 20_000) < 8 * short + 0.05 for _ in range(3))


def _seconds(piece: str, size: int) -> float:
    text = (piece * size)[:size]
    begin = time.process_time()
    normalize(text)
    return time.process_time() - begin


PLAIN = (SCRAPS | st.sampled_from(HOSTILE) | st.text(max_size=4)).filter(lambda piece: not set(piece) & set("<[&"))
"""Nothing of what may begin a tag, a link, a note, an entity or a heart."""


@settings(max_examples=300, deadline=None)
@given(st.lists(PLAIN, max_size=40).map("".join))
def test_words_are_not_lost(text: str) -> None:
    """What has a letter or a digit still has one, and what has none gets none; :D and xD are faces."""
    assume(not re.search(r"(?:[:;=][-'’]*|[xXoO]_?)[DPpOo]|T_T", text))
    assert is_speakable(normalize(text)) == is_speakable(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*WRITTEN, "and", "so it", "He left.", "第3个", "今天。"]), max_size=8).map(" ".join))
def test_what_is_in_words_stays(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


ANY_LENGTH = [
    *WRITTEN,
    *(
        "9th",
        "$9k",
        "$9.CC",
        "9k元",
        "$9 million 元",
        "9.9.9",
        "9/9",
        "9 9/9",
        "9:9",
        "9^9",
        "9x9",
        "9-9",
        "-9",
        "99:99",
        "+9",
    ),
    *(
        "9km",
        "9℃",
        "9年",
        "第9个",
        "No. 9",
        "#9",
        "9‰",
        "9¢",
        "9 USD",
        "9x faster",
        "9.9/9",
        "9$",
        "$-9",
        "CAD$9",
        "v9.9",
        "9²",
        "won 9:9",
        "9 ≤ x",
        "9/9=",
        "9,9 €",
        "on 9/9/99",
        "9°9′N",
        "9'99\"",
        "9e-9",
        "9h9m",
        "9kg-9kg",
        "9 x 9 cm",
        "9½ km",
        "9 1/2 km",
        '9½" wide',
        '9/9" wide',
        "call 9",
        "'9s",
        "9+9=9",
    ),
]


@pytest.mark.parametrize("written", ANY_LENGTH)
@pytest.mark.parametrize("length", [17, 19, 30, 5000])
def test_numbers_of_any_length_never_fail(written: str, length: int) -> None:
    long = re.sub(r"\d+", "9" * length, written).replace("CC", "99")
    for language in ("en", "zh"):
        assert normalize(long, NormalizeOptions(language=language))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.read.__name__)
def test_all_groups_of_rules_have_names(rule: Rule) -> None:
    """A group without a name in one rule would shift the numbers of all that follow it."""
    assert re.compile(rule.pattern).groups == len(rule.own.groupindex)
    assert any_rule().groups == len(rules())


@settings(max_examples=100, deadline=None)
@given(st.lists(SCRAPS | st.sampled_from([*ANY_LENGTH, *"āЖな你_", "ā ≤ 5"]), max_size=12).map("".join))
def test_the_sieve_lets_through_what_a_rule_matches(text: str) -> None:
    for at in range(len(text)):
        first = next((n for n, rule in enumerate(rules(), 1) if rule.own.match(text, at)), None)
        sieved = any_rule().match(text, at)
        assert first is None or (sieved is not None and (sieved.lastindex or 0) <= first), text[at:]


def test_threads_that_begin_together_make_one_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    @cache
    def slow() -> re.Pattern[str]:
        made.append(1)
        time.sleep(0.1)
        return any_rule()

    monkeypatch.setitem(normalize.__globals__, "any_rule", slow)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(normalize, ["$5"] * 4)) == {"five dollars"}
    assert len(made) == 1


def test_language_can_be_told() -> None:
    assert normalize("12:30") == "twelve thirty"
    assert normalize("12:30", NormalizeOptions(fallback="zh")) == "十二点三十分"
    assert normalize("3 apples", NormalizeOptions(language="zh")) == "三 apples"
    assert normalize("3个", NormalizeOptions(language="en")) == "three个"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hello", "en"),
        ("你好", "zh"),
        ("我用 Windows 11", "zh"),
        ("say 你 to all of them", "en"),
        ("12:30", None),
        ("ありがとう", None),
    ],
)
def test_detect_language(text: str, language: str | None) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("options", [{"language": "fr"}, {"fallback": "auto"}])
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(OptionError, match=r"'fr'|'auto'"):
        NormalizeOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("He left at 5. 7 came back. 12 stayed.", ["He left at five.", "Seven came back.", "Twelve stayed."]),
        ("'Go.' 5 went! $5 each? 3rd time.", ["'Go.'", "Five went!", "Five dollars each?", "Third time."]),
        ('Wait... 5 more? "6 men." No. 7.', ["Wait...", "Five more?", '"Six men."', "Number seven."]),
        ("So did I. 7 too.", ["So did I.", "Seven too."]),
        ("See cf. 5 of J. 6, and Vol. 7.", ["See compare five of J. six, and Volume seven."]),
        ("5 came, 6 went", ["five came, six went"]),
        ("Dave is 5 ft. 3 or 4 tall.", ["Dave is five feet three or four tall."]),
        ("Built ca. 1900 by X et al. 12 of it.", ["Built circa nineteen hundred by X and others twelve of it."]),
        ("Open Mon. 9 to Fri. 5, max. 5 persons.", ["Open Monday nine to Friday five, max. five persons."]),
    ],
)
def test_a_sentence_that_began_with_digits_is_still_one(written: str, sentences: list[str]) -> None:
    assert [segment.text for segment in split(normalize(written), join_below=0)] == sentences

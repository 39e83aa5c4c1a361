"""Segments are the whole text, hold the budget, come out the same from any pieces, and end where speech may pause."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparktts_onnx.errors import OptionError
from sparktts_onnx.text import boundaries
from sparktts_onnx.text.characters import may_cut
from sparktts_onnx.text.duration import expected_tokens
from sparktts_onnx.text.normalize.tables import words
from sparktts_onnx.text.segments import Segmenter, TextSegment, iter_segments, split

SCRAPS = """
Hello world. Dr. Smith 3.14 $5 1,234,567 U.S. e.g. "Quoted. Words." (aside) https://a.b/c?d=1. No. 5 what?! well...
and but because, however; then: yes! I. p.m. etc. a.b 1. 2) — – "open 你好。 世界，很好！ “引用。里面。” 但是 三百五十六
2024年 价格是1,234.5元 （括号）…… 他说：“好” abc中文def 长长长长长长长长长长 e\u0301 👩‍👩‍👧
🇨🇳🇺🇸 각 ① ½ １２３ *** ... 。。。 " “ ” (
'Single. Quotes.' don't '90s list: 2. 3. ‘ ’ '
) 。 . ! a 1 字 \u0301 \u200d
"""
WORDS = st.sampled_from(SCRAPS.split())
SPACES = st.sampled_from(["", " ", " ", " ", "\n", "\n\n", "\r\n", "\t", "  ", "\u3000", "\u2029"])
TEXTS = st.lists(st.tuples(WORDS | st.text(max_size=3), SPACES).map("".join), max_size=12).map("".join)
BUDGETS = st.sampled_from([1, 3, 10, 40, 150, 750])
Cost = Callable[[str], int]
COSTS: st.SearchStrategy[Cost] = st.sampled_from([len, expected_tokens, lambda text: 3 + len(text.split()) * 2])


@settings(max_examples=150, deadline=None)
@given(TEXTS, BUDGETS, COSTS, st.sampled_from([0, 20, 125]))
def test_nothing_is_lost_added_moved_or_torn(text: str, budget: int, cost: Cost, join_below: int) -> None:
    segments = split(text, budget, cost, join_below=join_below)
    end = 0
    for segment in segments:
        assert segment.text == segment.text.strip() != ""
        assert text[segment.start : segment.start + len(segment.text)] == segment.text
        assert text[end : segment.start].strip() == ""
        assert may_cut(text, segment.start) or text[segment.start - 1].isspace()
        end = segment.start + len(segment.text)
    assert text[end:].strip() == ""


@settings(max_examples=150, deadline=None)
@given(TEXTS, BUDGETS, COSTS)
def test_the_budget_holds(text: str, budget: int, cost: Cost) -> None:
    for segment in split(text, budget, cost):
        inner = [at for at in range(1, len(segment.text)) if may_cut(segment.text, at)]
        assert cost(segment.text) <= budget or not inner


@settings(max_examples=150, deadline=None)
@given(TEXTS, BUDGETS, COSTS, st.data())
def test_pieces_give_the_segments_of_the_whole(text: str, budget: int, cost: Cost, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    pieces = [text[start:end] for start, end in itertools.pairwise([0, *places, len(text)])]
    whole = split(text, budget, cost)
    assert tuple(iter_segments(pieces, budget, cost)) == whole
    assert tuple(iter_segments(text, budget, cost)) == whole


def texts(text: str, budget: int = 10_000, join_below: int = 0) -> list[str]:
    return [segment.text for segment in split(text, budget, join_below=join_below)]


SENTENCES = [
    ["Hello there.", "How are you?", "Fine!"],
    ["Dr. Smith paid $3.50 to Mr. Jones at 5 p.m. on Jan. 5.", "He left."],
    ["We saw, e.g. lions, i.e. big cats, vs. dogs etc. and left."],
    ["It happened in the U.S. Army.", "He was in the U.S.", "The end."],
    ["See Fig. 3 and No. 5.", "No.", "I won't."],
    ["J. K. Rowling wrote it.", "So did I.", "But not you."],
    ["Visit https://a.b/c?d=1.5!x for more.", "Or mail a.b@c.org."],
    ["Pi is 3.14.", "It has 1,234.56 digits.", "Version 2.0.1 is out."],
    ['"Where are you going? I want to know." she asked.', "He left."],
    ["“Stop! Go away.”", "He turned."],
    ["'Where are you going? I want to know.' she asked.", "He left."],
    ["'I don't know. It's the dog's.' she said.", "He left."],
    ["‘I don’t know. Go away.’ she said.", "He left."],
    ["In the '90s.", "I fed the dogs' bowls.", "It was '95.", "Get 'em.", "Rock 'n' roll.", "Go."],
    ["'Ere we go again.", "'Ow are you today?", "I am fine.", "The weather is nice."],
    ["‘Ere we go again.", "‘Ow are you today?", "I am fine.", "The weather is nice."],
    ["James' book is 'here.", "We go on.", "And on we go.", "'Who? You?' he said.", "Done."],
    ["She called it 'fine'.", "He left.", "“He said 'Go. Now.' and left.”", "Done."],
    ["他说'你好。今天好吗？'", "然后离开了。"],
    ["A list: 1. apples 2. pears."],
    ["A list: 1. Apples 2. Pears 3. Plums.", "It is 4.", "The end."],
    ["1. I went home.", "There were 2.", "Then we left."],
    ["Answer: 1. The next is 2.", "Chapter 3.", "It is."],
    ["清单：1.苹果 2.梨。", "共2个。"],
    ["King Jr. Dr. is long.", "So is he."],
    ["King Junior Drive is long.", "So is he."],
    ["He came (I saw. It was odd.) and left.", "Done."],
    ["Wait... what?", "No...", "Yes!"],
    ["“What?” he said.", "Yahoo! is a company."],
    ["你好。", "今天好吗？", "很好！"],
    ["他说：“你好。今天好吗？”", "然后离开了。"],
    ["他说：「你好。今天好吗？」", "然后离开了。"],
    ["我等了很久……", "他没来。"],
    ["我用 Python 3.11 写代码。", "It is nice.", "真的！"],
    ["Hello!", "你好。", "Bye."],
    ["价格是1,234.5元。", "增长3.5%。"],
    ["1. First item", "2. Second item"],
    ["Chapter One", "It was dark."],
    ["The rain fell in torrents except at occasional\nintervals, when it was checked by a gust.", "Then it stopped."],
    ["He is 5 ft. tall.", "She is taller."],
    ["See pp. 3-5, vol. 2.", "Then rest."],
]


@pytest.mark.parametrize("sentences", SENTENCES, ids=lambda sentences: sentences[0][:30])
def test_sentences_end_where_they_end(sentences: list[str]) -> None:
    separator = "\n" if sentences[0] in ("1. First item", "Chapter One") else " "
    if any("\u4e00" <= sentence[-2:-1] <= "\u9fff" for sentence in sentences) and sentences[0][0] != "我":
        separator = ""
    assert texts(separator.join(sentences)) == sentences


@pytest.mark.parametrize(
    ("text", "budget", "expected"),
    [
        (
            "The old man walked slowly down the road, and the young dog ran far ahead of him into the wood.",
            200,
            ["The old man walked slowly down the road,", "and the young dog ran far ahead of him into the wood."],
        ),
        (
            "He kept on walking down the long road because there was nothing else that he could do",
            180,
            ["He kept on walking down the long road", "because there was nothing else that he could do"],
        ),
        (
            "他沿着那条长长的路一直走下去，因为他实在没有别的事情可以做了",
            250,
            ["他沿着那条长长的路一直走下去，", "因为他实在没有别的事情可以做了"],
        ),
        (
            "他沿着那条长长的路一直走下去但是没有别的事情可以做",
            250,
            ["他沿着那条长长的路一直走下去", "但是没有别的事情可以做"],
        ),
        ("一共有三千五百六十七", 105, ["一共有", "三千五百六十七"]),
        ("aaa 123 456 789", 175, ["aaa", "123 456 789"]),
    ],
)
def test_a_long_sentence_is_cut_at_its_best_weaker_place(text: str, budget: int, expected: list[str]) -> None:
    assert texts(text, budget) == expected


def test_what_is_left_of_a_long_sentence_still_ends_where_it_ends() -> None:
    text = "The old man walked slowly down the long road, and came home. Then he slept."
    assert texts(text, 150) == ["The old man walked slowly down the long road,", "and came home.", "Then he slept."]


def test_a_quotation_is_not_cut_where_it_can_be_avoided() -> None:
    text = "After some time she turned to them, and said “Go now. Take all of it. Leave.” to the men at the door."
    assert texts(text, 300)[0] == "After some time she turned to them,"


def test_a_quotation_that_nobody_closed_does_not_swallow_the_rest() -> None:
    text = "He said “Go now. " + "It is late and the road is long. " * 40
    assert len(texts(text, 300)) > 30


def test_a_single_quotation_that_is_not_closed_in_its_paragraph_is_none() -> None:
    assert texts("We are 'ere. So it is.\n\nIt's 'fine. Go.'") == ["We are 'ere.", "So it is.", "It's 'fine. Go.'"]
    assert len(texts("We are 'ere. " + "It is late. " * 40 + "He has the dogs' bowl.")) == 42


def test_it_is_known_in_bounded_time_that_a_quotation_has_no_end() -> None:
    segmenter = Segmenter(join_below=0)
    assert [segment for _ in range(40) for segment in segmenter.feed("'Tempts me. " if not _ else "It is late. ")]


def test_short_neighbors_are_joined_and_paragraphs_are_not() -> None:
    assert texts("Yes. No. Maybe. So it is. Well then.\n\nEnd.", join_below=10_000) == [
        "Yes. No. Maybe. So it is. Well then.",
        "End.",
    ]
    joined = texts("Yes. No. Maybe. " * 30, 750, join_below=125)
    assert all(125 <= expected_tokens(text) <= 750 for text in joined[:-1])


def test_what_cannot_be_said_joins_what_can() -> None:
    assert texts("***\n\nChapter One\n\n***", join_below=125) == ["***\n\nChapter One", "***"]
    assert texts("!? ... ( )") == ["!? ... ( )"]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t", "\u3000"])
def test_nothing_gives_no_segments(text: str) -> None:
    assert split(text) == ()


@pytest.mark.parametrize("text", ["a", "好", ".", "1", "👩‍👩‍👧", "é", '"'])
def test_one_character_is_one_segment(text: str) -> None:
    assert split(text) == (TextSegment(text, 0.0, 0),)


def test_pauses_fit_the_signs() -> None:
    text = "One by one, two by two; three by three. Four by four?\n\nFive by five"
    pauses = [segment.pause_seconds for segment in split(text, 60, join_below=0)]
    comma, clause, sentence, paragraph, last = pauses
    assert last < comma < clause < sentence < paragraph
    assert last == 0


def test_a_segment_comes_as_soon_as_it_is_certain() -> None:
    segmenter = Segmenter(join_below=0)
    assert segmenter.feed("It is late. ") == []
    assert [segment.text for segment in segmenter.feed("L")] == ["It is late."]
    assert segmenter.feed("et us go。") == []
    assert [segment.text for segment in segmenter.feed("好")] == ["Let us go。"]
    assert [segment.text for segment in segmenter.finish()] == ["好"]


def test_a_sentence_without_end_does_not_wait_for_it() -> None:
    segmenter = Segmenter(budget=100)
    segments = [segment for _ in range(200) for segment in segmenter.feed("on and on ")]
    assert len(segments) > 20


def test_the_budget_is_checked() -> None:
    with pytest.raises(OptionError, match="budget is 0"):
        split("text", 0)


def test_the_cost_is_asked_in_proportion_to_the_text() -> None:
    asked = 0

    def cost(text: str) -> int:
        nonlocal asked
        asked += len(text)
        return expected_tokens(text)

    for text in (
        "这是一个没有标点符号的句子" * 800,
        "no end of words " * 600,
        "One. Two. " * 1000,
        ". " * 5000,
        "a" * 10_000,
    ):
        asked = 0
        split(text, cost=cost)
        assert asked < 40 * len(text)


def test_the_javascript_host_knows_the_same_words() -> None:
    script = (Path(__file__).parents[2] / "web" / "src" / "text" / "words.js").read_text(encoding="utf-8")
    found = {name: set(entries.split("|")) for name, entries in re.findall(r'(\w+) = new Set\("([^"]+)"', script)}
    assert found == {
        "NEVER_LAST": words("abbreviations", "title", "inside"),
        "NUMBERED": boundaries._numbered(),
        "SELDOM_LAST": words("abbreviations", "end") - {"etc"},
        "SENTENCE_STARTERS": words("lists", "starter"),
        "CONJUNCTIONS": boundaries._CONJUNCTIONS,
        "CHINESE_CONJUNCTIONS": boundaries._CHINESE_CONJUNCTIONS,
        "BEFORE_AMOUNTS": words("lists", "before amounts"),
    }, "a table has changed: write its words into words.js too"

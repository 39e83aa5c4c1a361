"""The judge of speech counts words as it should, knows how sure it is, and hears planted faults."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pocket import Dictation
from pocketsphinx import Decoder

from benchmarks.intelligibility import faults, figures
from benchmarks.judge import SAMPLE_RATE, Errors, interval, median_pitch, plain, rate, whisper, word_errors
from benchmarks.report import MORE_WORDS, precision_faults
from benchmarks.voice import UNSEEN_TEXTS, Spoken, Teacher
from benchmarks.words import grossly_wrong
from training.voices import BASE

SAID = "The farmer keeps seven black sheep behind the house."


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        (SAID, 0),
        ("the farmer keeps 7 black sheep, behind the house", 0),
        ("The farmer keeps seven black ships behind the house.", 1),
        ("The farmer keeps seven sheep behind the house.", 1),
        ("The farmer keeps seven very black sheep behind the house.", 1),
        ("", 9),
        ("house the behind sheep black seven keeps farmer the", 8),
    ],
)
def test_words_wrong_missing_and_too_many_are_counted(heard: str, wrong: int) -> None:
    assert word_errors(SAID, heard) == Errors(wrong, 9)


def test_signs_numbers_and_titles_are_no_errors() -> None:
    assert plain("Doctor Miller's 340 cats!") == plain("dr miller's three hundred and forty cats")


def test_a_rate_is_of_words_not_of_sentences() -> None:
    assert rate([Errors(0, 9), Errors(1, 1)]) == 0.1


def test_an_interval_holds_the_rate_and_narrows_with_the_root_of_the_sentences() -> None:
    few = [Errors(i % 2, 4) for i in range(80)]
    low, high = interval(few)
    assert low < rate(few) == 0.125 < high
    # Half of the sentences have 1 of 4 words wrong: the mean of n has a deviation of 0.125 / √n.
    assert high - low == pytest.approx(2 * 1.96 * 0.125 / math.sqrt(80), rel=0.1)
    narrow = interval(few * 16)
    assert narrow[1] - narrow[0] == pytest.approx((high - low) / 4, rel=0.15)
    assert interval([Errors(1, 2)] * 10) == pytest.approx((0.5, 0.5))


def test_a_difference_is_between_the_same_sentences() -> None:
    hard_and_easy = [Errors(4 * (i % 2), 4) for i in range(40)]
    worse = list(hard_and_easy)
    assert interval(worse, hard_and_easy) == (0.0, 0.0)
    one_more = [Errors(e.wrong + 1, e.words) for e in hard_and_easy]
    assert interval(one_more, hard_and_easy) == pytest.approx((0.25, 0.25))
    apart = interval(one_more)
    assert apart[1] - apart[0] > 0.2


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    return Teacher(tmp_path_factory.mktemp("teacher"))


def test_planted_faults_make_the_figure_worse(teacher: Teacher) -> None:
    """With pocketsphinx for an ear: it needs no network. What matters here is the way from sound to figure."""
    ear = Dictation().recognize
    texts = UNSEEN_TEXTS[:3]
    spoken = teacher.say(texts, BASE[:1])
    whole = figures(spoken, ear)["word_error_rate"]
    backwards = figures([Spoken(s.text, s.wave[::-1].copy()) for s in spoken], ear)["word_error_rate"]
    cut = figures(teacher.say_without_a_word(texts), ear)["word_error_rate"]
    assert whole < cut < backwards
    rows = [{"voice": "espeak-ng", "word_error_rate": whole}, {"voice": "espeak-ng, cut", "word_error_rate": cut}]
    assert faults(rows) == []
    deaf = [row | {"word_error_rate": 0.5} for row in rows]
    assert faults(deaf) == ["the judge heard no fault in espeak-ng, cut"]


@pytest.mark.parametrize(
    ("said", "gross"),
    [
        ("The young artist painted a bright yellow door.", False),
        ("The young artist painted the young artist painted a bright yellow door.", True),
        ("The young artist yellow door.", True),
    ],
)
def test_words_that_are_skipped_or_said_again_are_gross(teacher: Teacher, said: str, gross: bool) -> None:
    decoder = Decoder(lm=None, cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")
    text = "The young artist painted a bright yellow door."
    for name in ("adam", "clara"):
        assert grossly_wrong(decoder, text, teacher.speech(said, name).wave) == gross


def test_guards_are_counted_against_what_was_heard() -> None:
    ear: Callable[[np.ndarray], str] = lambda wave: SAID if wave[0] else "nothing"  # noqa: E731
    good, bad = np.ones(16000, np.float32), np.zeros(16000, np.float32)
    spoken = [Spoken(SAID, good), Spoken(SAID, bad), Spoken(SAID, bad, "silence"), Spoken(SAID, good, "limit")]
    found = figures(spoken, ear)
    assert (found["rejected"], found["bad_and_rejected"], found["bad_and_accepted"]) == (2, 1, 1)
    assert (found["right"], found["sentences"]) == (2, 4)


def test_pitch_is_that_of_the_period_not_of_its_multiples() -> None:
    time = np.arange(16000) / 16000
    for hertz in (60.0, 110.0, 220.0, 330.0):
        tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 6)).astype(np.float32) * 0.3
        assert median_pitch(tone) == pytest.approx(hertz, rel=0.02)
    assert median_pitch(np.zeros(16000, np.float32)) == 0


def test_without_whisper_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--whisper wants a folder"):
        whisper(None, threads=1)
    (tmp_path / "config.json").touch()
    with pytest.raises(SystemExit, match=r"has no model\.bin.*--whisper wants"):
        whisper(str(tmp_path), threads=1)


class Repeating:
    """Writes one word as often as it may, as Whisper does now and then."""

    def transcribe(self, wave: np.ndarray, *, max_new_tokens: int = 448, **_: Any) -> tuple[list[Any], None]:
        return [SimpleNamespace(text=" no" * max_new_tokens)], None


def test_a_word_written_over_and_over_counts_as_fast_speech_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(WhisperModel=lambda *_, **__: Repeating())
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    ear = whisper("base", threads=1)
    assert len(ear(np.zeros(3 * 16000, np.float32)).split()) == 32
    assert len(ear(np.zeros(70 * 16000, np.float32)).split()) == 248


def test_a_precision_outside_a_bound_is_reported() -> None:
    good = {"kl": 0.01, "argmax_agreement": 0.95, "wave_snr_db": 100.0, "likeness": 0.99, "more": 0.0}
    for name, bound in MORE_WORDS.items():
        assert precision_faults({"precisions": {name: good}}) == {name: []}
        for worse in ({"more": bound + 0.001}, {"kl": 0.2}, {"kl": math.nan}, {"wave_snr_db": 20.0}, {"likeness": 0.5}):
            assert len(precision_faults({"precisions": {name: good | worse}})[name]) == 1

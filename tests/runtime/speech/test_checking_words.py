"""What the watch over words does to speech: attempts are tried again, the best is kept, and words get their times."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import nano
import numpy as np
import pytest
import scripted

from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead
from sparktts_onnx.runtime.language.attention import TextAttention
from sparktts_onnx.runtime.speech import speaking, words
from sparktts_onnx.runtime.speech.attempt import Attempt
from sparktts_onnx.runtime.speech.words import WORDS_REPEATED, WORDS_SKIPPED

TEXT = "Hello there, my friend."
TOKENS = 92
STEP = nano.HOP / nano.SAMPLE_RATE
Order = tuple[float, ...]
"""Places in the text, from 0 to 1, that attention goes through at an even pace."""
ONCE: Order = (0.0, 1.0)
TWICE: Order = (0.0, 1.0, 0.0, 1.0)


class ScriptedAttention(TextAttention):
    """Goes through the text as the next order says."""

    orders: Iterator[Order] = iter(())

    def __init__(self, alignment: Alignment, columns: range) -> None:
        super().__init__(alignment, columns)
        self._order = next(self.orders)

    def begin(self, keys: np.ndarray[Any, Any], position: int) -> None:
        """Nothing: the order is known."""

    def record(self, queries: np.ndarray[Any, Any]) -> None:
        """Nothing."""

    def masses(self, step: int) -> np.ndarray[Any, Any]:
        stretches = np.linspace(0, TOKENS, len(self._order) // 2 + 1)
        stretch = min(int(np.searchsorted(stretches, step, side="right")) - 1, len(stretches) - 2)
        share = (step - stretches[stretch]) / (stretches[stretch + 1] - stretches[stretch])
        start, stop = self._order[2 * stretch : 2 * stretch + 2]
        count = len(self.columns)
        row = np.full(count, 0.02 / count, np.float32)
        row[min(int((start + share * (stop - start)) * count), count - 1)] += 0.98
        return row


@pytest.fixture
def watched(tts: SparkTTSONNX, monkeypatch: pytest.MonkeyPatch) -> SparkTTSONNX:
    """A model of a bundle with an alignment head, whose attention and answers are scripted."""
    alignment = Alignment((AlignmentHead(0, 0, 0),), rope_dim=16, lead_seconds=0.0)
    monkeypatch.setattr(tts, "manifest", dataclasses.replace(tts.manifest, alignment=alignment))
    monkeypatch.setattr(words, "TextAttention", ScriptedAttention)
    return tts


def speak(tts: SparkTTSONNX, voice: Voice, *orders: Order, text: str = TEXT, **options: Any) -> Any:
    """Sound and info of attempts with these orders; each attempt has tokens of its own."""
    ScriptedAttention.orders = iter(orders)
    scripts = [lambda n=n: scripted.speech(scripted.walk(TOKENS, n)) for n in range(len(orders))]  # type: ignore[misc]
    scripted.install(tts, *scripts)
    return tts.inference(text, voice=voice, **options)


def test_an_attempt_with_wrong_words_is_tried_again(watched: SparkTTSONNX, voice: Voice) -> None:
    wav, info = speak(watched, voice, TWICE, ONCE)
    assert (info.stop_reason, info.segments[0].retries) == ("end", 1)
    assert nano.heard(wav) == tuple(scripted.walk(TOKENS, 1))


def test_the_attempt_with_the_least_against_its_words_is_kept(watched: SparkTTSONNX, voice: Voice) -> None:
    skips: Order = (0.0, 0.4, 0.75, 1.0)
    wav, info = speak(watched, voice, TWICE, skips, TWICE, retries=2)
    assert (info.stop_reason, info.segments[0].retries) == (WORDS_SKIPPED, 2)
    assert nano.heard(wav) == tuple(scripted.walk(TOKENS, 1))
    assert "words_skipped" in info.warnings[0]


def test_a_jump_back_ends_an_attempt_while_it_is_written_if_another_follows(
    watched: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Attempt] = []

    class Noted(Attempt):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            tried.append(self)

    monkeypatch.setattr(speaking, "Attempt", Noted)
    _, info = speak(watched, voice, TWICE, ONCE)
    assert info.stop_reason == "end"
    assert [attempt.stop_reason for attempt in tried] == [WORDS_REPEATED, "end"]
    assert TOKENS / 2 <= len(tried[0].semantic_ids) < 0.75 * TOKENS


def test_the_last_attempt_is_written_to_its_end_and_judged(watched: SparkTTSONNX, voice: Voice) -> None:
    _, info = speak(watched, voice, TWICE, retries=0)
    assert (info.stop_reason, info.tokens) == (WORDS_REPEATED, TOKENS)


def test_a_jump_back_ends_what_is_being_heard(watched: SparkTTSONNX, voice: Voice) -> None:
    ScriptedAttention.orders = iter([TWICE])
    scripted.install(watched, lambda: scripted.speech(scripted.walk(TOKENS)))
    with watched.stream(TEXT, voice=voice, retries=0) as stream:
        list(stream)
    assert stream.info is not None
    assert stream.info.stop_reason == WORDS_REPEATED and TOKENS / 2 <= stream.info.tokens < 0.75 * TOKENS


def test_the_check_can_be_left_out_and_changes_no_sound_that_passes_it(watched: SparkTTSONNX, voice: Voice) -> None:
    checked, info = speak(watched, voice, ONCE)
    left, without = speak(watched, voice, ONCE, check_words=False)
    assert np.array_equal(checked, left) and info.words == without.words
    _, unchecked = speak(watched, voice, TWICE, check_words=False)
    assert (unchecked.stop_reason, unchecked.tokens) == ("end", TOKENS)


def test_words_have_the_times_at_which_they_are_heard(watched: SparkTTSONNX, voice: Voice) -> None:
    _, info = speak(watched, voice, ONCE)
    assert [word.text for word in info.words] == ["Hello", "there,", "my", "friend."]
    frames_a_letter = TOKENS / len(TEXT)
    for word, start in zip(info.words, (0, 6, 13, 16), strict=True):
        assert word.start_seconds == pytest.approx(start * frames_a_letter * STEP, abs=1.5 * STEP)
    for word, end in zip(info.words, (6, 11, 16, 22), strict=True):
        assert word.end_seconds == pytest.approx(end * frames_a_letter * STEP, abs=1.5 * STEP)


def test_words_follow_joints_tempo_and_what_was_written(watched: SparkTTSONNX, voice: Voice) -> None:
    """The second segment begins with half a second of silence, which the joint takes away."""
    ScriptedAttention.orders = iter([ONCE, ONCE])
    watched._engine.slots = 1  # the first script is the first segment's
    silent = [nano.SILENT] * 25
    scripted.install(
        watched,
        lambda: scripted.speech(scripted.walk(TOKENS)),
        lambda: scripted.speech([*silent, *scripted.walk(TOKENS - 25)]),
    )
    text = "Hello there, my friend.\n\nYou owe me $5, now, dear."
    _, info = watched.inference(text, voice=voice, tempo=1.25)
    first, second = info.segments
    assert [word.text for word in info.words if word.segment == 1] == ["You", "owe", "me", "$5,", "now,", "dear."]
    spoken = second.text
    assert "five dollars" in spoken
    for word in info.words:
        place = spoken.find("five" if word.text == "$5," else word.text)
        if word.segment == 1 and place * TOKENS / len(spoken) > 27:
            own = place * TOKENS / len(spoken) * STEP
            expected = second.start_seconds + (own - 25 * STEP + 0.05) / 1.25
            assert word.start_seconds == pytest.approx(expected, abs=0.06)
    assert all(first.start_seconds <= word.start_seconds <= first.end_seconds for word in info.words[:4])
    assert all(second.start_seconds <= word.start_seconds <= word.end_seconds for word in info.words[4:])
    assert info.words[-1].end_seconds <= info.duration_seconds


def test_a_bundle_without_heads_speaks_as_before(tts: SparkTTSONNX, voice: Voice) -> None:
    scripted.install(tts, lambda: scripted.speech(scripted.walk(TOKENS)))
    assert tts.inference(TEXT, voice=voice)[1].words is None


@pytest.mark.parametrize("tempo", [1.0, 1.25])
def test_a_stream_tells_each_word_with_the_chunk_that_ends_it(
    watched: SparkTTSONNX, voice: Voice, tempo: float
) -> None:
    ScriptedAttention.orders = iter([ONCE, ONCE])
    scripted.install(watched, lambda: scripted.speech(scripted.walk(TOKENS)))
    text = "You owe me $5 now, dear friend.\n\nHello there, my friend."
    given, told, segments = 0.0, [()], [()]
    with watched.stream(text, voice=voice, tempo=tempo, stream_options=StreamOptions(5, 10, 10)) as stream:
        for chunk in stream:
            given += len(chunk) / stream.sample_rate
            assert stream.words is not None and stream.words[: len(told[-1])] == told[-1]
            assert not stream.words or stream.words[-1].end_seconds < given + (0.1 if tempo == 1 else 0.4)
            told.append(stream.words)
            segments.append(stream.segments)
    assert stream.info is not None and stream.info.words == stream.words == told[-1]
    assert [word.text for word in told[-1]][:6] == ["You", "owe", "me", "$5", "now,", "dear"]
    assert len({len(words) for words in told}) >= 8, "they come one or two at a time"
    assert segments[-1] == stream.info.segments[: len(segments[-1])] and stream.segments == stream.info.segments
    assert segments[1] == () and stream.info.segments[:1] in segments

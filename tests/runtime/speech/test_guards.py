"""Every guard against a language model that misbehaves in its way, and none against good speech."""

import dataclasses
import itertools
from collections.abc import Iterable
from functools import partial

import nano
import numpy as np
import pytest
from scripted import ScriptedModel, endless, install, speaker_of, speech, walk

from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.errors import OptionError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.speech.guards import LOOP_TOKENS, longest_silence, unfinished_fault
from sparktts_onnx.runtime.speech.segment import Chunk, Segment, SegmentEnds
from sparktts_onnx.text.duration import TokenBounds, token_bounds

TEXT = "The quick brown fox jumps over the lazy dog."
BOUNDS = token_bounds(TEXT)
GOOD = (BOUNDS.shortest + BOUNDS.longest) // 2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech may hold no more than a second of silence."""
    monkeypatch.setattr("sparktts_onnx.runtime.speech.guards.MOST_SILENCE_SECONDS", 1.0)


def good(start: int = 0) -> Iterable[int]:
    return speech(walk(GOOD, start))


def test_the_text_leaves_room_on_both_sides() -> None:
    assert 20 < BOUNDS.shortest < GOOD < BOUNDS.longest


def test_an_answer_that_stops_too_early_is_tried_again(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: speech([1, 2, 3]), lambda: speech([4]), good)
    wav, info = tts.inference(TEXT, voice=voice, seed=1)
    assert nano.heard(wav) == tuple(walk(GOOD))
    assert (info.stop_reason, info.segments[0].retries, info.warnings) == ("end", 2, ())
    assert len(model.prompts) == 3


def test_what_never_gets_long_enough_is_kept_at_its_best_and_said(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: speech([1, 2]), lambda: speech([1, 2, 3, 4]), lambda: speech([9]))
    wav, info = tts.inference(TEXT, voice=voice, seed=1, retries=2)
    assert nano.heard(wav) == (1, 2, 3, 4)
    assert (info.stop_reason, info.segments[0].retries, info.tokens) == ("too_short", 2, 4)
    assert len(info.warnings) == 1
    assert "segment 1" in info.warnings[0]
    assert "'too_short' after 3 attempts" in info.warnings[0]


def test_an_answer_that_never_stops_is_stopped_and_tried_again(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: endless(nano.walks()), good)
    wav, info = tts.inference(TEXT, voice=voice, seed=1)
    assert nano.heard(wav) == tuple(walk(GOOD))
    assert info.segments[0].retries == 1


def test_what_never_stops_at_all_is_cut(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: endless(nano.walks()))
    wav, info = tts.inference(TEXT, voice=voice, seed=1)
    assert info.stop_reason == "too_long"
    assert len(wav) == (BOUNDS.longest + 1) * nano.HOP
    assert len(info.warnings) == 1


@pytest.mark.parametrize("cycle", [[5], [5, 6], list(range(12))])
def test_an_answer_in_a_loop_is_stopped_and_tried_again(tts: SparkTTSONNX, voice: Voice, cycle: list[int]) -> None:
    before = walk(7, 30)
    install(tts, lambda: endless(itertools.chain(before, itertools.cycle(cycle))), good)
    wav, info = tts.inference(TEXT, voice=voice, seed=1)
    assert nano.heard(wav) == tuple(walk(GOOD))
    assert (info.stop_reason, info.segments[0].retries) == ("end", 1)


def test_what_only_loops_is_said(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: endless(itertools.cycle([5, 6])))
    _, info = tts.inference(TEXT, voice=voice, seed=1)
    assert info.stop_reason == "loop"
    assert info.tokens == LOOP_TOKENS


def segment_of(voice: Voice, **changes: object) -> Segment:
    segment = Segment(TEXT, TEXT, voice, None, SamplingOptions(), 1, 0, BOUNDS, retries=2, check_words=True)
    return dataclasses.replace(segment, **changes)


def speak(tts: SparkTTSONNX, model: ScriptedModel, segment: Segment) -> tuple[np.ndarray, SegmentEnds]:
    """The sound of a segment that is given whole, and how it went."""
    _, sound, ends = speaker_of(tts, model).speak(segment, None, Cancellation())
    assert isinstance(sound, Chunk) and isinstance(ends, SegmentEnds)
    return sound.wav, ends


@pytest.mark.usefixtures("impatient")
def test_an_answer_with_a_long_silence_is_tried_again(tts: SparkTTSONNX, voice: Voice) -> None:
    silent = [*walk(40), *[nano.SILENT] * 60, *walk(20)]
    model = install(tts, lambda: speech(silent), good)
    wav, spoken = speak(tts, model, segment_of(voice))
    assert (spoken.stop_reason, spoken.retries) == ("end", 1)
    assert nano.heard(wav) == tuple(walk(GOOD))


@pytest.mark.usefixtures("impatient")
def test_of_silent_attempts_the_least_silent_is_kept(tts: SparkTTSONNX, voice: Voice) -> None:
    def attempt(silence: int) -> list[int]:
        return speech([*walk(40), *[nano.SILENT] * silence, *walk(20)])

    model = install(tts, lambda: attempt(90), lambda: attempt(60), lambda: attempt(80))
    _, spoken = speak(tts, model, segment_of(voice))
    assert (spoken.stop_reason, spoken.retries, spoken.tokens) == ("silence", 2, 120)


def test_retries_are_as_many_as_asked_for(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: speech([1]))
    for asked, made in (({}, 4), ({"retries": 0}, 0), ({"retries": 1}, 1), ({"retries": 5}, 5)):
        model.prompts.clear()
        info = tts.inference(TEXT, voice=voice, seed=1, **asked)[1]
        assert len(model.prompts) == made + 1
        assert info.segments[0].retries == made


def test_the_likeliest_answer_is_not_asked_for_twice(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: speech([1]))
    info = tts.inference(TEXT, voice=voice, temperature=0)[1]
    assert (len(model.prompts), info.segments[0].retries, info.stop_reason) == (1, 0, "too_short")


def test_every_attempt_draws_otherwise_and_the_same_way_again(
    tts: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tts, lambda: speech([1]))
    assert tts._engine.loaded is not None
    scheduler, seeds = tts._engine.loaded._scheduler, []
    generate = scheduler.generate
    monkeypatch.setattr(
        scheduler, "generate", lambda request, *rest: seeds.append(request.seed) or generate(request, *rest)
    )
    text = f"{TEXT} " * 30
    for _ in range(2):
        tts.inference(text, voice=voice, seed=1)
    half = len(seeds) // 2
    assert half > 3
    assert len(set(seeds[:half])) == half
    assert sorted(seeds[:half]) == sorted(seeds[half:])
    tts.inference(text, voice=voice, seed=2)
    assert not set(seeds[:half]) & set(seeds[2 * half :])


def test_a_limit_is_a_limit_and_no_fault(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    _, info = tts.inference(TEXT, voice=voice, seed=1, max_new_tokens=GOOD)
    assert (info.stop_reason, info.tokens, info.segments[0].retries) == ("length", GOOD, 0)
    assert len(model.prompts) == 1


@pytest.mark.parametrize("limit", [1, 5])
def test_an_answer_without_speech_is_an_error_that_says_why(tts: SparkTTSONNX, limit: int) -> None:
    with pytest.raises(OptionError, match=f"max_new_tokens is {limit}, which ends 'Hi.' before its first sound"):
        tts.inference("Hi.", seed=1, max_new_tokens=limit)
    with pytest.raises(OptionError, match="before its first sound"):
        list(tts.stream("Hi.", seed=1, max_new_tokens=limit))
    with pytest.raises(OptionError, match="before its first sound"):
        tts.inference("Hi there. " * 100, seed=1, max_new_tokens=limit)


def test_speech_beats_none_at_all(tts: SparkTTSONNX, voice: Voice) -> None:
    """A long answer is implausible, an empty one is worse: for a text so short that it has no shortest length."""
    start = nano.TOKEN_IDS.start_semantic
    model = install(tts, lambda: itertools.repeat(start), lambda: endless(nano.walks()))
    segment = segment_of(voice, retries=1, token_bounds=TokenBounds(0, 10))
    cut = dataclasses.replace(segment, sampling=SamplingOptions(max_new_tokens=20))
    assert speak(tts, model, cut)[1].tokens >= 10


def test_a_stream_hears_nothing_of_an_attempt_that_fails_early(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: speech([1, 2, 3]), lambda: speech([4] * 10), good)
    with tts.stream(TEXT, voice=voice, seed=1, stream_options=StreamOptions(look_ahead=66)) as stream:
        wav = np.concatenate(list(stream))
    assert nano.heard(wav) == tuple(walk(GOOD))
    assert stream.info is not None
    assert (stream.info.stop_reason, stream.info.segments[0].retries) == ("end", 2)


@pytest.mark.parametrize("order", list(itertools.permutations([20, 10, 4])))
def test_of_attempts_that_all_fail_a_stream_keeps_the_best_too(
    tts: SparkTTSONNX, voice: Voice, order: tuple[int, ...]
) -> None:
    install(tts, *(partial(speech, walk(count)) for count in order))
    stream = tts.stream(TEXT, voice=voice, seed=1, retries=2, stream_options=StreamOptions(look_ahead=66))
    wav = np.concatenate(list(stream))
    assert nano.heard(wav) == tuple(walk(20))
    assert stream.info is not None
    assert (stream.info.stop_reason, stream.info.segments[0].retries) == ("too_short", 2)


@pytest.mark.usefixtures("impatient")
def test_a_stream_of_whole_segments_tries_a_long_silence_again(tts: SparkTTSONNX, voice: Voice) -> None:
    install(tts, lambda: speech([*walk(40), *[nano.SILENT] * 60, *walk(20)]), good)
    whole = StreamOptions(look_ahead=66, first_chunk=3000, largest_chunk=3000)
    stream = tts.stream(TEXT, voice=voice, seed=1, stream_options=whole)
    assert nano.heard(np.concatenate(list(stream))) == tuple(walk(GOOD))
    assert stream.info is not None
    assert (stream.info.stop_reason, stream.info.segments[0].retries) == ("end", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("silence", "told"), [(60, "silence"), (40, "end")])
def test_a_stream_tells_of_a_silence_that_was_heard(tts: SparkTTSONNX, voice: Voice, silence: int, told: str) -> None:
    install(tts, lambda: speech([*walk(40), *[nano.SILENT] * silence, *walk(20)]))
    stream = tts.stream(TEXT, voice=voice, seed=1)
    list(stream)
    assert stream.info is not None
    assert (stream.info.stop_reason, stream.info.segments[0].retries) == (told, 0)
    assert len(stream.info.warnings) == (told == "silence")


def test_a_stream_keeps_what_was_heard_of_a_loop_and_ends_there(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(itertools.chain(walk(50), itertools.cycle([5]))), good)
    with tts.stream(TEXT, voice=voice, seed=1) as stream:
        wav = np.concatenate(list(stream))
    assert nano.heard(wav)[:50] == tuple(walk(50))
    assert len(wav) == (50 + LOOP_TOKENS) * nano.HOP
    assert stream.info is not None
    assert (stream.info.stop_reason, len(stream.info.warnings), len(model.prompts)) == ("loop", 1, 1)


@pytest.mark.parametrize("text", ["I", "a", "5", "好", "Hi.", TEXT, TEXT * 3, "你好，世界" * 6])
def test_good_speech_passes(tts: SparkTTSONNX, voice: Voice, text: str) -> None:
    def fitting() -> list[int]:
        return speech(walk(max(1, round(1.3 * token_bounds(text).shortest) + 5)))

    install(tts, fitting)
    assert tts.inference(text, voice=voice, seed=1, segment_seconds=60, retries=0)[1].stop_reason == "end"


def test_watching_is_no_matter_of_where_the_loop_begins() -> None:
    bounds = TokenBounds(0, 10_000)
    ids = walk(123) + [1, 2, 3] * 40
    first = next(n for n in range(len(ids) + 1) if unfinished_fault(ids[:n], bounds))
    assert first == 123 + LOOP_TOKENS
    assert unfinished_fault(walk(500), bounds) is None


@pytest.mark.parametrize(("silence", "at"), [(0.0, 0), (0.5, 0), (0.5, 20), (1.3, 40)])
def test_the_longest_silence_is_found_anywhere(silence: float, at: int) -> None:
    ids = walk(40)
    ids[at:at] = [nano.SILENT] * round(silence * 50)
    assert longest_silence(nano.sound(ids, (1, 2, 3, 4)), nano.SAMPLE_RATE) == pytest.approx(silence)
    assert longest_silence(np.zeros(0, np.float32), nano.SAMPLE_RATE) == 0

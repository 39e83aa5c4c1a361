"""Segments become one: pauses exact, nothing clicks, loudness even, and no chunk boundary shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sparktts_onnx.audio.joining import Joiner

RATE = 16_000
Wave = NDArray[np.float32]


def tone(seconds: float, level: float = 0.3, *, before: float = 0.0, after: float = 0.0) -> Wave:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = level * np.cos(2 * np.pi * 200 * time)  # starts and ends at its peak: the worst joint
    edges = [np.zeros(round(before * RATE)), sound, np.zeros(round(after * RATE))]
    return np.concatenate(edges).astype(np.float32)


def join(segments: Iterable[Wave], pauses: Iterable[float], sample_rate: int) -> Wave:
    """float32 [M]: `segments`, each float32 [N], joined with `pauses` seconds after each."""
    joiner = Joiner(sample_rate)
    pieces = []
    for wav, pause in zip(segments, pauses, strict=True):
        pieces += [joiner.feed(wav), joiner.end_segment(pause)]
    return np.concatenate([*pieces, joiner.finish()])


def silent_runs(wav: Wave, least: float = 0.02) -> list[float]:
    """Seconds of each silence inside `wav`."""
    quiet = np.convolve(np.abs(wav) < 1e-3, np.ones(80), "same") > 79.5  # a zero crossing is no silence
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet, [0]])))
    runs = (edges[1::2] - edges[::2] + 79) / RATE
    return [float(run) for run in runs if run >= least]


def level(wav: Wave) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(wav.astype(np.float64) ** 2))))


def test_one_segment_comes_out_bit_for_bit(speech: Wave) -> None:
    padded = np.concatenate([np.zeros(20_000, np.float32), speech, np.zeros(50_123, np.float32)])
    for wav in (speech, padded, np.zeros(1_000, np.float32), np.zeros(0, np.float32)):
        np.testing.assert_array_equal(join([wav], [0.7], RATE), wav)


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.35, 1.0])
@pytest.mark.parametrize(("after", "before"), [(0.0, 0.0), (0.4, 0.3), (0.02, 0.0), (1.5, 0.01)])
def test_the_pause_is_what_was_asked_for(pause: float, after: float, before: float) -> None:
    segments = [tone(0.5, after=after), tone(0.5, before=before, after=0.2)]
    joined = join(segments, [pause, 9.0], RATE)
    kept = min(after, 0.05)
    expected = 0.5 + max(pause, kept) + min(before, 0.05) + 0.5 + 0.2
    assert len(joined) / RATE == pytest.approx(expected, abs=0.011)


def test_a_pause_inside_a_segment_stays() -> None:
    inside = np.concatenate([tone(0.3), np.zeros(RATE, np.float32), tone(0.3)])
    joined = join([inside, inside], [0.5, 0.0], RATE)
    assert silent_runs(joined) == pytest.approx([1.0, 0.5, 1.0], abs=0.02)


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_joints_do_not_click(pause: float) -> None:
    segments = [tone(0.4), tone(0.4), tone(0.4)]
    joined = join(segments, [pause] * 3, RATE)
    steepest = np.abs(np.diff(segments[0])).max()
    assert np.abs(np.diff(joined)).max() < 1.3 * steepest
    butted = np.concatenate([segments[0], np.zeros(int(pause * RATE), np.float32), -segments[1]])
    assert np.abs(np.diff(butted)).max() > 10 * steepest  # what the fades save us from


@pytest.mark.parametrize("difference", [-5.0, -3.0, 3.0, 5.0])
def test_loudness_is_evened(speech: Wave, difference: float) -> None:
    first = speech * np.float32(0.4)
    second = first * np.float32(10 ** (difference / 20))
    joined = join([first, second], [0.3, 0.0], RATE)
    assert abs(level(joined[-len(second) :]) - level(first)) < 2.0
    assert abs(level(joined[-len(second) // 2 :]) - level(first[-len(first) // 2 :])) < 1.2


def test_the_gain_is_limited(speech: Wave) -> None:
    first, second = speech * np.float32(0.4), speech * np.float32(0.04)
    quiet = join([first, second], [0.3, 0.0], RATE)[-len(second) :]
    assert 3.0 < level(quiet) - level(second) <= 6.01


def test_a_gain_never_passes_full_scale(speech: Wave) -> None:
    loud = (speech / np.abs(speech).max()).astype(np.float32)
    peaky = speech * np.float32(0.3)
    peaky[20_000:20_040] = 0.99
    assert np.abs(join([loud, peaky], [0.1, 0.0], RATE)).max() <= 1.0


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_chunks_change_nothing(data: st.DataObject) -> None:
    shapes = data.draw(st.lists(st.tuples(*[st.floats(0, 0.3)] * 3, st.floats(0.05, 0.9)), min_size=1, max_size=4))
    segments = [tone(sound, peak, before=before, after=after) for sound, before, after, peak in shapes]
    pauses = [data.draw(st.floats(0, 0.5)) for _ in segments]
    whole = Joiner(RATE)
    expected = []
    for wav, pause in zip(segments, pauses, strict=True):
        expected += [whole.feed(wav), whole.end_segment(pause)]
    expected.append(whole.finish())

    cut = Joiner(RATE)
    got = []
    for wav, pause in zip(segments, pauses, strict=True):
        edges = sorted(data.draw(st.lists(st.integers(0, len(wav)), max_size=5)))
        got += [cut.feed(piece) for piece in np.split(wav, edges)]
        got.append(cut.end_segment(pause))
    got.append(cut.finish())
    np.testing.assert_array_equal(np.concatenate(got), np.concatenate(expected))
    assert cut.spans == whole.spans
    assert len(cut.spans) == len(segments)


def test_sound_is_never_lost() -> None:
    segments = [tone(0.31, before=0.2, after=0.2) for _ in range(5)]
    joined = join(segments, [0.25] * 5, RATE)
    sounding = np.convolve(np.abs(joined) > 1e-3, np.ones(60), "same") > 0
    assert sounding.sum() / RATE == pytest.approx(5 * 0.31, abs=0.05)


def test_spans_say_where_each_segment_lies() -> None:
    joiner = Joiner(RATE)
    out = []
    for seconds in (0.5, 0.8, 0.3):
        out += [joiner.feed(tone(seconds, before=0.3, after=0.3)), joiner.end_segment(0.4)]
    wav = np.concatenate([*out, joiner.finish()])
    starts = [span.start for span in joiner.spans]
    ends = [span.end for span in joiner.spans]
    assert starts == pytest.approx([0.0, 0.3 + 0.5 + 0.4 + 0.05, 1.25 + 0.8 + 0.4 + 0.05], abs=0.02)
    assert ends == pytest.approx([0.85, 2.1, len(wav) / RATE], abs=0.02)


def test_a_segment_of_silence_adds_no_second_joint() -> None:
    joiner = Joiner(RATE)
    out = []
    for wav in (tone(0.5), np.zeros(RATE, np.float32), tone(0.5)):
        out += [joiner.feed(wav), joiner.end_segment(0.3)]
    joined = np.concatenate([*out, joiner.finish()])
    assert len(joined) / RATE == pytest.approx(1.3, abs=0.02)
    assert [span.end - span.start for span in joiner.spans] == pytest.approx([0.5, 0.0, 0.5], abs=0.02)


def test_empty_segments_do_not_put_a_pause_first() -> None:
    empty = np.zeros(0, np.float32)
    joined = join([empty, tone(0.5), empty], [0.4, 0.4, 0.4], RATE)
    assert len(joined) / RATE == pytest.approx(0.5, abs=0.02)


def test_memory_is_flat_and_sound_is_not_kept_waiting(speech: Wave) -> None:
    joiner = Joiner(RATE)
    given_, out = 0, 0
    for _ in range(200):
        given_ += len(speech)
        out += len(joiner.feed(speech))
        assert given_ - out < 0.5 * RATE
    long_silence = joiner.feed(np.zeros(60 * RATE, np.float32))
    assert len(long_silence) > 57 * RATE

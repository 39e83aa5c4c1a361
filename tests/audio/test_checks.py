"""A recording is judged as a person would judge it, and the best part of it is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sparktts_onnx.audio.checks import best_window, find_speech, inspect_recording, trim_silence

RATE = 16_000
Wave = NDArray[np.float32]


def noise(seconds: float, level: float, seed: int = 1) -> Wave:
    wav = np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * level
    return wav.astype(np.float32)


def silence(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE), np.float32)


@pytest.fixture(scope="module")
def good(speech: Wave) -> Wave:
    """Eleven seconds of clear speech."""
    return np.concatenate([speech, silence(0.3)] * 4) * np.float32(0.6)


def test_a_good_recording_has_no_notes(good: Wave) -> None:
    report = inspect_recording(good, RATE)
    assert report.notes == ()
    assert report.seconds == pytest.approx(len(good) / RATE)
    assert 0.6 < report.speech_seconds / report.seconds < 1.0
    assert report.silence_share == pytest.approx(1 - report.speech_seconds / report.seconds)
    assert report.signal_to_noise_db > 30


@pytest.mark.parametrize("volume", [0.001, 0.05, 1.0])
def test_speech_is_found_at_any_volume(good: Wave, volume: float) -> None:
    quiet = inspect_recording(good * np.float32(volume), RATE)
    assert quiet.speech_seconds == inspect_recording(good, RATE).speech_seconds


def test_a_short_recording_is_told_so(speech: Wave) -> None:
    (note,) = inspect_recording(speech[: RATE * 3 // 2] * np.float32(0.5), RATE).notes
    assert "s of speech: 5 to 10 seconds" in note


@pytest.mark.parametrize("gain", [2.0, 4.0])
def test_clipping_is_told(good: Wave, gain: float) -> None:
    clipped = np.clip(good / np.abs(good).max() * gain, -1, 1).astype(np.float32)
    report = inspect_recording(clipped, RATE)
    assert report.clipped_share > 0.005
    assert any(note.startswith("distorted") for note in report.notes)


@pytest.mark.parametrize("gain", [1.8, 3.5])
def test_a_wave_beyond_full_scale_is_not_cut_off_there(good: Wave, gain: float) -> None:
    assert inspect_recording(good / np.abs(good).max() * np.float32(gain), RATE).notes == ()


def test_a_very_quiet_recording_is_told_so(good: Wave) -> None:
    (note,) = inspect_recording(good / np.abs(good).max() * np.float32(0.002), RATE).notes
    assert note.startswith("very quiet: it reaches 0.20% of full scale")


def test_a_click_that_makes_the_speech_quiet_is_told(good: Wave) -> None:
    quiet = good / np.abs(good).max() * np.float32(0.1)
    quiet[RATE // 2 : RATE // 2 + 8] = 1.0
    (note,) = inspect_recording(quiet, RATE).notes
    assert note.startswith("a click at 0.50 s is far louder than the speech")
    quiet[RATE // 2 : RATE // 2 + 8] = 0.15
    assert inspect_recording(quiet, RATE).notes == ()


def test_full_scale_without_clipping_is_fine(good: Wave) -> None:
    assert inspect_recording(good / np.abs(good).max(), RATE).notes == ()


@pytest.mark.parametrize("decibel", [0, 5, 10, 15, 20, 25])
def test_the_noise_estimate_follows_the_noise(good: Wave, decibel: int) -> None:
    speaking = np.repeat(find_speech(good, RATE).speaking, RATE // 50)
    power = np.mean(good[: len(speaking)][speaking] ** 2)
    noisy = good + noise(len(good) / RATE, float(np.sqrt(power) * 10 ** (-decibel / 20)))
    report = inspect_recording(noisy, RATE)
    assert report.signal_to_noise_db == pytest.approx(decibel, abs=5)
    assert any(note.startswith("noisy") for note in report.notes) == (report.signal_to_noise_db < 15)
    assert (decibel > 5) or any(note.startswith("noisy") for note in report.notes)
    assert (decibel < 20) or not report.notes


def test_whole_numbers_in_a_floating_point_file_are_told_and_not_called_distorted(good: Wave) -> None:
    report = inspect_recording(good * np.float32(32_768 / np.abs(good).max()), RATE)
    assert report.notes == (
        "its samples reach 32768 times full scale and were scaled: save it as 16 bits, or from -1 to 1",
    )
    assert report.speech_seconds == inspect_recording(good, RATE).speech_seconds


def test_mostly_silence_is_told(good: Wave) -> None:
    report = inspect_recording(np.concatenate([good, silence(20)]), RATE)
    assert report.silence_share > 0.6
    assert any("% of it is silence" in note for note in report.notes)


@pytest.mark.parametrize("wav", [noise(5, 0.1), silence(3), (0.3 * np.sin(np.arange(80_000) / 20)).astype(np.float32)])
def test_no_speech_is_told(wav: Wave) -> None:
    report = inspect_recording(wav, RATE)
    assert report.speech_seconds == 0
    assert report.notes[0].startswith("no speech")


def test_a_click_is_not_speech() -> None:
    wav = noise(4, 1e-4)
    wav[30_000:30_100] = 0.9
    assert inspect_recording(wav, RATE).speech_seconds == 0


@pytest.mark.parametrize(("before", "after"), [(2.0, 1.0), (0.0, 3.0), (1.0, 0.0), (0.0, 0.0)])
def test_silence_is_trimmed_at_both_ends_only(speech: Wave, before: float, after: float) -> None:
    inside = np.concatenate([speech, silence(1.0), speech])
    wav = np.concatenate([silence(before), inside, silence(after)])
    trimmed = trim_silence(wav, RATE)
    assert len(inside) - 0.4 * RATE < len(trimmed) <= len(inside) + 0.25 * RATE
    assert np.sum(trimmed**2) == pytest.approx(float(np.sum(wav**2)), rel=1e-3)


@pytest.mark.parametrize(("before", "after"), [(0.4, 0.3), (2.0, 0.3), (0.2, 3.0), (2.0, 2.0)])
def test_silence_within_a_bound_may_stay(speech: Wave, before: float, after: float) -> None:
    wav = np.concatenate([silence(before), speech, silence(after)])
    trimmed = trim_silence(wav, RATE, longest_seconds=0.7)
    cut = sum(seconds for seconds in (before, after) if seconds > 1)
    assert len(wav) - len(trimmed) == pytest.approx(cut * RATE, abs=0.4 * RATE)
    if not cut:
        np.testing.assert_array_equal(trimmed, wav)


def test_trimming_never_takes_everything() -> None:
    assert len(trim_silence(silence(1), RATE)) == RATE


def start_of(part: Wave, wav: Wave) -> float:
    """Seconds into `wav` at which a part of it begins."""
    assert np.shares_memory(part, wav)
    return (part.ctypes.data - wav.ctypes.data) / wav.itemsize / RATE


def test_the_window_is_where_the_speech_is(speech: Wave) -> None:
    wav = np.concatenate([silence(7), speech, silence(4), speech, speech, silence(0.2), speech, silence(9)])
    window = best_window([wav], RATE, seconds=6.0)
    begin = 7 + len(speech) / RATE + 4
    assert begin - 0.5 < start_of(window, wav) < begin + 3
    assert find_speech(window, RATE).seconds() > 4.5
    assert len(window) == 6 * RATE


def test_the_window_avoids_clipping_and_noise(good: Wave) -> None:
    clipped = np.clip(good * 8, -1, 1).astype(np.float32)
    noisy = (good + noise(len(good) / RATE, 0.05)).astype(np.float32)
    assert np.shares_memory(best_window([clipped, noisy, good], RATE, seconds=6.0), good)
    half = np.concatenate([clipped, good])
    assert start_of(best_window([half], RATE, seconds=6.0), half) >= len(clipped) / RATE - 0.5


@pytest.mark.parametrize("level", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("first", [True, False])
def test_the_window_avoids_the_noisy_part_of_a_recording(good: Wave, level: float, first: bool) -> None:
    """Noise is louder than the speech's own pauses, so it passes for speech; that it never falls silent tells it."""
    noisy = (good + noise(len(good) / RATE, level)).astype(np.float32)
    wav = np.concatenate([noisy, good] if first else [good, noisy])
    window, border = best_window([wav], RATE, seconds=6.0), len(good) / RATE
    start = start_of(window, wav)
    noisy_seconds = border - start if first else start + len(window) / RATE - border
    assert noisy_seconds < 0.1 * 6.0


def test_a_short_recording_is_a_window_as_a_whole(speech: Wave) -> None:
    window = best_window([speech[:RATE].copy(), speech], RATE, seconds=6.0)
    assert np.shares_memory(window, speech) and len(window) == len(speech)

"""Speed changes the duration exactly, leaves the pitch, and does not click."""

from __future__ import annotations

import itertools
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sparktts_onnx.audio import optional
from sparktts_onnx.audio.tempo import TempoChanger
from sparktts_onnx.errors import MissingDependencyError

RATE = 16_000
FACTORS = [0.25, 0.3, 0.5, 0.8, 1.25, 1.5, 2.0, 3.0, 4.0]
Wave = NDArray[np.float32]


def tone(hertz: float, seconds: float = 2.0) -> Wave:
    wav: NDArray[np.float64] = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    return wav.astype(np.float32)


def pitch(wav: Wave) -> float:
    """Hertz of the strongest partial."""
    spectrum = np.abs(np.fft.rfft(wav * np.hanning(len(wav)), 1 << 18))
    return float(np.argmax(spectrum)) * RATE / (1 << 18)


def change_tempo(wav: Wave, rate: int, factor: float) -> Wave:
    changer = TempoChanger(rate, factor)
    return np.concatenate([changer.feed(wav), changer.finish()])


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("samples", [0, 1, 100, 700, 5_000, 44_354])
def test_the_duration_is_exact(speech: Wave, factor: float, samples: int) -> None:
    assert len(change_tempo(speech[:samples], RATE, factor)) == round(samples / factor)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("hertz", [110.0, 220.0, 700.0])
def test_the_pitch_stays_and_nothing_clicks(factor: float, hertz: float) -> None:
    wav = tone(hertz)
    changed = change_tempo(wav, RATE, factor)
    middle = changed[len(changed) // 10 : -len(changed) // 10]
    assert pitch(middle) == pytest.approx(hertz, rel=0.01)
    assert np.abs(np.diff(middle)).max() < 1.1 * np.abs(np.diff(wav)).max()


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_words_stay_in_place(speech: Wave, factor: float) -> None:
    """The loudness over time is the original's, stretched."""
    changed = change_tempo(speech, RATE, factor)

    def envelope(wav: Wave) -> NDArray[np.float64]:
        edges = np.linspace(0, len(wav), 41).astype(int)
        return np.array([np.sqrt(np.mean(wav[a:b] ** 2)) for a, b in itertools.pairwise(edges)])

    assert np.corrcoef(envelope(changed), envelope(speech))[0, 1] > 0.9


@pytest.mark.parametrize("factor", [0.25, 0.7, 1.4, 4.0])
def test_chunks_give_the_same_and_come_early(speech: Wave, factor: float) -> None:
    changer = TempoChanger(RATE, factor)
    pieces = [changer.feed(chunk) for chunk in np.array_split(speech, 40)]
    before_the_end = sum(map(len, pieces)) * factor
    whole = np.concatenate([*pieces, changer.finish()])
    assert before_the_end > len(speech) - 0.35 * RATE
    reference = change_tempo(speech, RATE, factor)
    assert len(whole) == len(reference)
    assert np.corrcoef(whole, reference)[0, 1] > 0.99


def test_a_factor_of_one_is_the_same_sound_and_needs_no_library(speech: Wave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    np.testing.assert_array_equal(change_tempo(speech, RATE, 1.0), speech)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"changing the speed of speech needs PyAV"):
        TempoChanger(RATE, 2.0)


def test_the_extras_that_messages_name_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for module, load in (("av", optional.load_av), ("sounddevice", optional.load_sounddevice)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingDependencyError) as caught:
            load("this")
        extra = str(caught.value).split("[")[1].split("]")[0]
        assert any(need.startswith(module) for need in project["optional-dependencies"][extra])

"""Playing: everything in order, nothing left running, every failure one message. The device is a stand-in."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sparktts_onnx.audio.playback import play
from sparktts_onnx.errors import GenerationError, MissingDependencyError, OutputError

RATE = 16_000
Wave = NDArray[np.float32]


class PortAudioError(Exception):
    pass


class Device:
    """A sound device that remembers what it played."""

    def __init__(self, *, rates: tuple[int, ...] = (RATE,), fails_after: int | None = None) -> None:
        self.rates = rates
        self.fails_after = fails_after
        self.heard: list[Wave] = []
        self.calls: list[str] = []
        self.rate = 0
        self.delay = 0.0

    def module(self) -> Any:
        return SimpleNamespace(
            PortAudioError=PortAudioError,
            query_devices=lambda kind: {"default_samplerate": float(self.rates[-1])},
            check_output_settings=self.check,
            OutputStream=self.open,
        )

    def check(self, *, channels: int, dtype: str, samplerate: int) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate")

    def open(self, *, samplerate: int, channels: int, dtype: str) -> Device:
        self.rate = samplerate
        return self

    def start(self) -> None:
        self.calls.append("start")

    def write(self, wav: Wave) -> None:
        assert wav.ndim == 2 and wav.shape[1] == 1
        time.sleep(self.delay)
        if self.fails_after is not None and len(self.heard) >= self.fails_after:
            raise PortAudioError("device unplugged")
        self.heard.append(wav[:, 0])

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self, ignore_errors: bool) -> None:
        self.calls.append("close")


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    assert "sparktts-playback" not in [thread.name for thread in threading.enumerate()]


def plug(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", device.module())


def test_all_is_heard_in_order(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    device = Device()
    plug(monkeypatch, device)
    assert play(np.array_split(speech, 200), RATE) == pytest.approx(len(speech) / RATE)
    np.testing.assert_array_equal(np.concatenate(device.heard), speech)
    assert device.calls == ["start", "stop", "close"]


def test_a_device_with_another_rate_gets_it(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    device = Device(rates=(44_100, 48_000))
    plug(monkeypatch, device)
    play(np.array_split(speech, 9), RATE)
    assert device.rate == 48_000
    assert abs(sum(map(len, device.heard)) - 3 * len(speech)) <= 2


def test_an_interruption_silences_at_once(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    device = Device()
    device.delay = 0.01
    plug(monkeypatch, device)

    def interrupted() -> Iterator[Wave]:
        yield from np.array_split(speech, 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(interrupted(), RATE)
    assert device.calls == ["start", "close"]
    assert sum(map(len, device.heard)) < len(speech) / 2


def test_a_device_that_goes_away_is_one_message(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    plug(monkeypatch, Device(fails_after=2))
    with pytest.raises(OutputError, match="stopped playing: device unplugged"):
        play((chunk for _ in range(100) for chunk in np.array_split(speech, 10)), RATE)


def test_no_device_is_one_message(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    def none(kind: str) -> dict[str, float]:
        raise PortAudioError("Error querying device -1")

    module = Device().module()
    module.query_devices = none
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    with pytest.raises(OutputError, match=r"no sound device to play on .*write a file instead"):
        play([speech], RATE)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingDependencyError, match=r"sparktts-onnx\[play\]"):
        play([speech], RATE)


def test_without_portaudio_the_package_is_named(monkeypatch: pytest.MonkeyPatch, speech: Wave) -> None:
    def missing(what: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("sparktts_onnx.audio.playback.load_sounddevice", missing)
    with pytest.raises(OutputError, match=r"PortAudio library not found.*libportaudio2"):
        play([speech], RATE)


def test_without_a_thread_the_device_is_free_again(
    monkeypatch: pytest.MonkeyPatch, no_threads: Callable[[str], None], speech: Wave
) -> None:
    device = Device()
    plug(monkeypatch, device)
    no_threads("sparktts-playback")
    with pytest.raises(GenerationError, match="no thread could be started"):
        play([speech], RATE)
    assert device.calls == ["start", "close"]

"""The vocoder's windows give exactly what one long computation gives."""

import dataclasses
import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

import nano
import numpy as np
import pytest

from sparktts_onnx.bundle.manifest import CodecLayout, Manifest, read_manifest
from sparktts_onnx.runtime.codec.vocoder import (
    ACCELERATOR_WINDOW,
    DECODER_WINDOW,
    PRENET_WINDOW,
    Vocoder,
    window_length,
)
from sparktts_onnx.runtime.graphs.sessions import Sessions

SPEAKER = (3, 1, 4, 1)
LENGTHS = [1, 2, 5, DECODER_WINDOW, DECODER_WINDOW + 1, PRENET_WINDOW - 1, PRENET_WINDOW, 2 * PRENET_WINDOW + 33]


def walk(length: int) -> list[int]:
    return list(itertools.islice(nano.walks(), length))


@pytest.fixture(scope="module", params=[1, 3], ids="{} lanes".format)
def sessions(manifest: Manifest, request: pytest.FixtureRequest) -> Iterator[Sessions]:
    sessions = Sessions(nano.BUNDLE, manifest, device="cpu", threads=request.param)
    assert sessions.lanes == request.param
    yield sessions
    sessions.close()


@pytest.mark.parametrize("length", LENGTHS)
def test_any_length_is_exact(sessions: Sessions, manifest: Manifest, length: int) -> None:
    wav = Vocoder(sessions, manifest.codec).decode(walk(length), SPEAKER)
    assert wav.dtype == np.float32
    np.testing.assert_allclose(wav, nano.sound(walk(length), SPEAKER), atol=1e-5)


def test_nothing_is_nothing(sessions: Sessions, manifest: Manifest) -> None:
    assert Vocoder(sessions, manifest.codec).decode([], SPEAKER).shape == (0,)


@pytest.mark.parametrize("field", ["prenet_context", "decoder_context"])
def test_a_token_less_of_context_would_be_heard(sessions: Sessions, manifest: Manifest, field: str) -> None:
    """The nano bundle's sound tells too small a context, so the tests here can fail."""
    less = dataclasses.replace(manifest.codec, **{field: getattr(manifest.codec, field) - 1})
    length = 2 * PRENET_WINDOW
    wav = Vocoder(sessions, less).decode(walk(length), SPEAKER)
    assert np.abs(wav - nano.sound(walk(length), SPEAKER)).max() > 1e-3


def test_any_stretch_is_exact(sessions: Sessions, manifest: Manifest) -> None:
    vocoder, ids = Vocoder(sessions, manifest.codec), walk(300)
    whole, d_vector = nano.sound(ids, SPEAKER), vocoder.d_vector(SPEAKER)
    for start, stop in [(0, 1), (17, 18), (40, 290), (299, 300), (5, 5)]:
        pieces = vocoder.render(np.array(ids), d_vector, start, stop)
        wav = np.concatenate([np.zeros(0, np.float32), *pieces])
        np.testing.assert_allclose(wav, whole[start * nano.HOP : stop * nano.HOP], atol=1e-5)


class OneLane:
    """Runs windows in turn."""

    lanes = 1
    on_cpu = True

    def run(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        raise NotImplementedError

    def run_each(self, inputs: Iterable[Mapping[str, np.ndarray[Any, Any]]]) -> Iterator[list[np.ndarray[Any, Any]]]:
        return (self.run("decoder", window) for window in inputs)

    def options(self, _: str) -> frozenset[str]:
        return frozenset()


class CountingSessions(OneLane):
    """Passes on, and notes how many frames each graph was given."""

    def __init__(self, sessions: Any) -> None:
        self._sessions = sessions
        self.frames: dict[str, list[int]] = {}

    def run(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        self.frames.setdefault(name, []).append(next(iter(inputs.values())).shape[-1])
        outputs: list[np.ndarray[Any, Any]] = self._sessions.run(name, inputs)
        return outputs


def test_the_decoder_is_told_what_is_surplus(sessions: Sessions, manifest: Manifest) -> None:
    """And a graph that cannot be told is cut afterwards, with the same result."""
    assert sessions.options("decoder") == {"surplus"} and sessions.options("prenet") == frozenset()
    told: list[tuple[int, int]] = []

    class Listening(CountingSessions):
        def options(self, name: str) -> frozenset[str]:
            return sessions.options(name)

        def run(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
            outputs = super().run(name, inputs)
            if name == "decoder":
                told.append(tuple(inputs["surplus"].tolist()))
                assert outputs[0].shape[2] == (inputs["x"].shape[2] - sum(told[-1])) * nano.HOP
            return outputs

    listening: Any = Listening(sessions)
    unable: Any = CountingSessions(sessions)
    ids, reach = walk(3 * DECODER_WINDOW), nano.DECODER_CONTEXT
    wavs = [Vocoder(each, manifest.codec).decode(ids, SPEAKER) for each in (listening, unable)]
    assert told == [(0, reach), (reach, reach), (reach, 0)]
    np.testing.assert_array_equal(*wavs)


def test_no_window_grows_with_the_audio(sessions: Sessions, manifest: Manifest) -> None:
    counting: Any = CountingSessions(sessions)
    Vocoder(counting, manifest.codec).decode(walk(2000), SPEAKER)
    assert max(counting.frames["prenet"]) <= PRENET_WINDOW + 2 * (nano.PRENET_CONTEXT + nano.DECODER_CONTEXT)
    assert max(counting.frames["decoder"]) <= DECODER_WINDOW + 2 * nano.DECODER_CONTEXT
    assert counting.frames["speaker_detokenize"] == [nano.GLOBAL_TOKENS]


@pytest.mark.parametrize("length", [1, 127, 128, 129, 200, 600, 1900])
def test_on_an_accelerator_windows_are_exact_and_of_one_length(
    sessions: Sessions, manifest: Manifest, length: int
) -> None:
    counting: Any = CountingSessions(sessions)
    counting.on_cpu = False
    wav = Vocoder(counting, manifest.codec).decode(walk(length), SPEAKER)
    np.testing.assert_allclose(wav, nano.sound(walk(length), SPEAKER), atol=1e-5)
    lengths = set(counting.frames["decoder"])
    assert lengths == {min(length, ACCELERATOR_WINDOW)}
    assert len(counting.frames["decoder"]) <= 2 + length // 100


@pytest.mark.parametrize(
    ("frames", "lanes", "expected"), [(20, 1, 20), (20, 2, 20), (35, 1, 18), (35, 2, 18), (60, 8, 8)]
)
def test_stretches_longer_than_a_window_are_shared_out(frames: int, lanes: int, expected: int) -> None:
    assert window_length(frames, lanes=lanes, reach=0) == expected


def test_windows_are_not_cut_smaller_than_pays() -> None:
    assert window_length(DECODER_WINDOW, lanes=100, reach=10) == DECODER_WINDOW
    assert window_length(DECODER_WINDOW + 1, lanes=100, reach=10) == 1  # as many as frames, if there are lanes
    assert window_length(30, lanes=2, reach=1000) == 15
    for frames, lanes in itertools.product(range(1, 500), (1, 2, 3, 4, 16)):
        length = window_length(frames, lanes=lanes, reach=10)
        assert 1 <= length <= DECODER_WINDOW
        assert ceil(ceil(frames / length) / lanes) <= ceil(ceil(frames / DECODER_WINDOW) / lanes)


def test_windows_run_side_by_side_and_come_in_order(manifest: Manifest) -> None:
    sessions = Sessions(nano.BUNDLE, manifest, device="cpu", threads=2)
    together = threading.Barrier(2, timeout=30)

    class Slow:
        def run(self, _: None, inputs: Mapping[str, int]) -> list[int]:
            together.wait()  # broken if one window at a time is computed
            return [inputs["x"]]

    sessions._loaded["decoder"] = Slow()
    windows: Any = ({"x": number} for number in range(6))
    assert list(sessions.run_each(windows)) == [[number] for number in range(6)]
    sessions.close()


def test_windows_nobody_waits_for_are_not_computed(manifest: Manifest) -> None:
    sessions = Sessions(nano.BUNDLE, manifest, device="cpu", threads=2)
    taken: list[int] = []

    class Quick:
        def run(self, _: None, inputs: Mapping[str, int]) -> list[int]:
            return [inputs["x"]]

    def windows() -> Iterator[Any]:
        for number in range(100):
            taken.append(number)
            yield {"x": number}

    sessions._loaded["decoder"] = Quick()
    outputs = sessions.run_each(windows())
    assert next(outputs) == [0]
    outputs.close()  # type: ignore[attr-defined]
    assert len(taken) == 3
    sessions.close()


@pytest.mark.parametrize("length", [nano.FIXED_FRAMES, nano.FIXED_FRAMES + 1, 2 * nano.FIXED_FRAMES, 333])
def test_graphs_of_fixed_length_are_exact_too(length: int) -> None:
    manifest = read_manifest(nano.FIXED_BUNDLE)
    sessions = Sessions(nano.FIXED_BUNDLE, manifest, threads=1)
    wav = Vocoder(sessions, manifest.codec).decode(walk(length), SPEAKER)
    np.testing.assert_allclose(wav, nano.sound(walk(length), SPEAKER), atol=1e-5)


@pytest.mark.parametrize("length", [1, 3, nano.FIXED_FRAMES - 1])
def test_what_is_shorter_than_the_fixed_length_is_padded(length: int) -> None:
    manifest = read_manifest(nano.FIXED_BUNDLE)
    sessions = Sessions(nano.FIXED_BUNDLE, manifest, threads=1)
    wav = Vocoder(sessions, manifest.codec).decode(walk(length), SPEAKER)
    assert nano.heard(wav) == tuple(walk(length))
    sure = max(0, length - nano.PRENET_CONTEXT - nano.DECODER_CONTEXT) * nano.HOP  # beyond, the padding is heard
    np.testing.assert_allclose(wav[:sure], nano.sound(walk(length), SPEAKER)[:sure], atol=1e-5)


class ArithmeticSessions(OneLane):
    """Graphs of any rate in numpy: frames of x that know 4 tokens around them, samples that know 3 frames."""

    def __init__(self, codec: CodecLayout) -> None:
        self._codec = codec

    def run(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        first = next(iter(inputs.values()))
        rate = self._codec.frames_per_token
        if name == "speaker_detokenize":
            return [first.sum(2, keepdims=True)[:, 0].astype(np.float32)]
        if name == "quantizer_detokenize":
            self._see_length(first, 1)
            return [first[:, None].astype(np.float32)]
        if name == "prenet":
            self._see_length(first, 1)
            x = np.repeat(first + 0.1 * _shifted(first, 4) + 0.01 * _shifted(first, -4), rate, axis=2)
            return [x + np.tile(np.arange(rate, dtype=np.float32), first.shape[2])]
        self._see_length(first, rate)
        x = first + inputs["d_vector"][:, :, None]
        wav = x + 0.1 * _shifted(x, 3) + 0.01 * _shifted(x, -3)
        return [np.repeat(wav, self._codec.hop_length // rate, axis=2)]

    def _see_length(self, array: np.ndarray[Any, Any], rate: int) -> None:
        if self._codec.fixed_frames is not None:
            assert array.shape[-1] == self._codec.fixed_frames * rate

    def one_shot(self, ids: list[int], speaker: tuple[int, ...]) -> np.ndarray[Any, Any]:
        free = ArithmeticSessions(dataclasses.replace(self._codec, fixed_frames=None))
        d_vector = free.run("speaker_detokenize", {"global_tokens": np.array([[speaker]])})[0]
        z_q = free.run("quantizer_detokenize", {"semantic_tokens": np.array([ids])})[0]
        x = free.run("prenet", {"z_q": z_q})[0]
        wav: np.ndarray[Any, Any] = free.run("decoder", {"x": x, "d_vector": d_vector})[0][0, 0]
        return wav


def _shifted(array: np.ndarray[Any, Any], by: int) -> np.ndarray[Any, Any]:
    """The value `by` frames before; 0 past the ends."""
    pad = np.pad(array, [(0, 0), (0, 0), (abs(by), abs(by))])
    return pad[:, :, abs(by) - by : array.shape[2] + abs(by) - by]


def codecs() -> Iterator[CodecLayout]:
    layout = read_manifest(nano.BUNDLE).codec
    for rate, fixed in itertools.product((1, 2, 4), (None, 20, 64)):
        yield dataclasses.replace(
            layout,
            prenet_context=4,
            decoder_context=3,
            frames_per_token=rate,
            fixed_frames=fixed,
            hop_length=8,
        )


@pytest.mark.parametrize(
    "codec", list(codecs()), ids=lambda codec: f"{codec.frames_per_token} frames, fixed {codec.fixed_frames}"
)
@pytest.mark.parametrize("length", [64, 65, 200, 333])
def test_other_rates_are_exact(codec: CodecLayout, length: int) -> None:
    sessions: Any = ArithmeticSessions(codec)
    wav = Vocoder(sessions, codec).decode(walk(length), SPEAKER)
    np.testing.assert_allclose(wav, sessions.one_shot(walk(length), SPEAKER), rtol=1e-6)


def test_a_fixed_length_below_the_context_still_speaks() -> None:
    codec = dataclasses.replace(next(codecs()), fixed_frames=5)
    sessions: Any = ArithmeticSessions(codec)
    assert len(Vocoder(sessions, codec).decode(walk(30), SPEAKER)) == 30 * codec.hop_length

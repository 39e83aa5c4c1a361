"""Streams of encoded speech: early, whole, marked as synthetic, and the same whatever the chunks."""

from __future__ import annotations

import io
import sys

import av
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sparktts_onnx._version import __version__
from sparktts_onnx.audio.encoding import StreamEncoder, encoder
from sparktts_onnx.audio.formats import FORMATS, format_named
from sparktts_onnx.audio.reading import load_recording
from sparktts_onnx.errors import MissingDependencyError, OptionError

RATE = 16_000
ALL = sorted(FORMATS)
Wave = NDArray[np.float32]

FIDELITY_DB = {"pcm": 75, "wav": 75, "flac": 75, "mp3": 15, "opus": 8, "aac": 15, "m4a": 15}
"""Least signal over error after decoding; Opus changes waveforms that sound the same, hence 8."""


def encoded(name: str, wav: Wave, *, chunk: int = 3_200, output_rate: int | None = None) -> bytes:
    stream = encoder(name, RATE, output_rate=output_rate)
    pieces = [stream.encode(wav[start : start + chunk]) for start in range(0, len(wav), chunk)]
    return b"".join([*pieces, stream.finish()])


def decoded(name: str, data: bytes) -> tuple[Wave, int]:
    """float32 [N] and its rate, read by a decoder that had no part in writing."""
    if name == "pcm":
        return (np.frombuffer(data, "<i2") / 32767).astype(np.float32), RATE
    with av.open(io.BytesIO(data)) as file:
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), frames[0].sample_rate


def delay_of(wav: Wave, reference: Wave, most: int = 4_000) -> int:
    """How many samples later `wav` says what `reference` says."""
    size = 1 << 18
    product = np.fft.irfft(np.fft.rfft(wav, size) * np.conj(np.fft.rfft(reference, size)))
    return int(np.argmax(product[:most]))


def signal_to_error_db(wav: Wave, reference: Wave) -> float:
    start = delay_of(wav, reference)
    same = wav[start : start + len(reference)]
    reference = reference[: len(same)]
    return float(10 * np.log10(np.sum(reference**2) / np.sum((same - reference) ** 2)))


@pytest.mark.parametrize("name", ALL)
def test_the_stream_decodes_to_the_speech(name: str, speech: Wave) -> None:
    wav, rate = decoded(name, encoded(name, speech))
    wav = soxr.resample(wav, rate, RATE, quality="VHQ")
    assert 0 <= len(wav) - len(speech) < 0.25 * RATE
    assert signal_to_error_db(wav, speech) > FIDELITY_DB[name]


@pytest.mark.parametrize("name", [name for name in ALL if FORMATS[name].streams])
def test_bytes_leave_with_the_first_chunks_and_keep_pace(name: str, speech: Wave) -> None:
    stream = encoder(name, RATE)
    sizes = [len(stream.encode(speech[start : start + 1_600])) for start in range(0, len(speech), 1_600)]
    total = sum(sizes) + len(stream.finish())
    assert sum(sizes[:3]) > 0.04 * total  # 0.3 s of 2.8 s have been given
    assert sum(sizes) > 0.85 * total


@pytest.mark.parametrize("name", ["wav", "opus", "mp3"])
def test_libsndfile_reads_a_stream_too(name: str, speech: Wave) -> None:
    wav, rate = soundfile.read(io.BytesIO(encoded(name, speech)), dtype="float32")
    assert rate == RATE
    assert signal_to_error_db(wav, speech) > FIDELITY_DB[name]
    assert len(load_recording(io.BytesIO(encoded(name, speech)), sample_rate=RATE).normalized()) >= len(speech)


@pytest.mark.parametrize("name", ["pcm", "wav", "flac", "mp3", "aac"])
def test_chunks_do_not_change_the_bytes(name: str, speech: Wave) -> None:
    assert encoded(name, speech, chunk=len(speech)) == encoded(name, speech, chunk=777)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 8_000), max_size=12), name=st.sampled_from(["pcm", "wav", "opus", "mp3"]))
def test_any_chunks_give_the_same_sound(cuts: list[int], name: str) -> None:
    wav = np.sin(np.arange(8_000) / 9).astype(np.float32) * 0.5
    stream = encoder(name, RATE)
    pieces = [stream.encode(piece) for piece in np.split(wav, sorted(cuts))]
    heard, _ = decoded(name, b"".join([*pieces, stream.finish()]))
    whole, _ = decoded(name, encoded(name, wav, chunk=8_000))
    np.testing.assert_array_equal(heard, whole)


def test_no_sound_at_all_is_still_a_wav() -> None:
    assert soundfile.info(io.BytesIO(encoder("wav", RATE).finish())).frames == 0


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("pcm", "wav")])
def test_every_stream_says_that_it_is_synthetic(name: str, speech: Wave) -> None:
    with av.open(io.BytesIO(encoded(name, speech))) as file:
        tags = {**file.metadata, **file.streams.audio[0].metadata}
    said = {key.lower(): value for key, value in tags.items()}
    assert said["title"] == "Synthetic speech"
    assert "synthetic" in said["comment"].lower()
    assert f"sparktts-onnx {__version__}" in said["comment"]


def test_a_streamed_wav_is_a_plain_header_and_samples(speech: Wave) -> None:
    assert encoded("wav", speech)[44:] == encoded("pcm", speech)


def test_pcm_at_the_rate_that_clients_expect(speech: Wave) -> None:
    stream = encoder("pcm", RATE, output_rate=24_000)
    data = stream.encode(speech) + stream.finish()
    wav = (np.frombuffer(data, "<i2") / 32767).astype(np.float32)
    assert stream.sample_rate == 24_000
    assert stream.content_type == "audio/pcm; rate=24000"
    assert abs(len(wav) - 1.5 * len(speech)) <= 1
    assert signal_to_error_db(soxr.resample(wav, 24_000, RATE), speech) > 35


@pytest.mark.parametrize(
    ("name", "rate", "carried"),
    [("opus", 44_100, 48_000), ("opus", 22_050, 24_000), ("mp3", 96_000, 48_000), ("wav", 12_345, 12_345)],
)
def test_a_rate_the_format_lacks_is_resampled(name: str, rate: int, carried: int) -> None:
    stream = encoder(name, rate)
    wav = np.sin(2 * np.pi * 300 * np.arange(rate) / rate).astype(np.float32) * 0.5
    heard, got = decoded(name, stream.encode(wav) + stream.finish())
    assert stream.sample_rate == carried
    assert abs(len(heard) / got - 1.0) < 0.2


def test_samples_past_full_scale_are_clipped_not_wrapped() -> None:
    data = encoder("pcm", RATE).encode(np.array([-3.0, -1.0, 0.0, 1.0, 3.0], np.float32))
    assert np.frombuffer(data, "<i2").tolist() == [-32767, -32767, 0, 32767, 32767]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown audio format 'tape': expected one of wav, flac, mp3"):
        encoder("tape", RATE)


def test_aac_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for ask in (format_named, lambda name: encoder(name, RATE)):
        with pytest.raises(MissingDependencyError, match=r"PyAV.*sparktts-onnx\[aac\]"):
            ask("aac")


def test_a_format_that_libsndfile_was_built_without_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "check_format", lambda container, codec: container != "MP3")
    with pytest.raises(OptionError, match=r"libsndfile .* cannot write mp3"):
        format_named("MP3")
    assert format_named("opus").name == "opus"


def test_an_abandoned_stream_is_freed(speech: Wave) -> None:
    stream: StreamEncoder | None = encoder("mp3", RATE)
    assert stream is not None
    stream.encode(speech)
    stream = None  # no finish: a client that left must not leave warnings or errors behind
    assert stream is None


class Pipe:
    """What a player reads from a socket: bytes in order, no way back."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "flac", "aac"])
def test_a_player_takes_the_stream_from_a_pipe(name: str, speech: Wave) -> None:
    with av.open(Pipe(encoded(name, speech))) as file:
        samples = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert samples == pytest.approx(len(speech) / RATE, abs=0.2)

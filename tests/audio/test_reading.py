"""Recordings are read as the original reads them, and what cannot be used is refused in one message."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import load_recording, reference_clip
from sparktts_onnx.errors import RecordingError

DATA = Path(__file__).parent.parent / "data"
PROMPT = DATA / "prompt.wav"
RATE = 16_000


@pytest.fixture(scope="module")
def golden() -> dict[str, NDArray[np.float32]]:
    with np.load(DATA / "golden_tiny.npz") as arrays:
        return {name: arrays[name] for name in ("wav_16k", "ref_clip")}


def voiced(seconds: float, rate: int = RATE, level: float = 0.3) -> NDArray[np.float32]:
    time = np.arange(int(seconds * rate)) / rate
    wav: NDArray[np.float64] = level * np.sin(2 * np.pi * 220 * time) * np.sin(np.pi * 3 * time) ** 2
    return wav.astype(np.float32)


def written(path: Path, wav: NDArray[np.float32], rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, wav, rate, subtype=subtype)
    return path


def test_the_prompt_is_read_as_the_original_reads_it(golden: dict[str, NDArray[np.float32]]) -> None:
    wav = load_recording(PROMPT, sample_rate=RATE).normalized()
    assert wav.dtype == np.float32
    np.testing.assert_allclose(wav, golden["wav_16k"], rtol=0, atol=1e-6)
    clip = reference_clip(wav, sample_rate=RATE, seconds=6, hop=320)
    np.testing.assert_allclose(clip, golden["ref_clip"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("block", [1 << 12, 1 << 30])
def test_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, golden: dict[str, NDArray[np.float32]], block: int
) -> None:
    monkeypatch.setattr("sparktts_onnx.audio.decoding.BLOCK_SAMPLES", block)
    wav = load_recording(PROMPT, sample_rate=RATE).normalized()
    np.testing.assert_allclose(wav, golden["wav_16k"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("form", "tolerance"), [("WAV", 0.0), ("FLAC", 0.0), ("OGG", 0.15), ("MP3", 0.15)])
def test_every_format_and_an_open_file(form: str, tolerance: float) -> None:
    samples, rate = soundfile.read(PROMPT)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form)
    file.seek(0)
    wav = load_recording(file, sample_rate=RATE).normalized()
    reference = load_recording(PROMPT, sample_rate=RATE).normalized()
    assert abs(len(wav) - len(reference)) <= (0 if tolerance == 0 else RATE // 20)
    assert np.sqrt(np.mean(wav**2)) == pytest.approx(np.sqrt(np.mean(reference**2)), rel=tolerance)


def test_only_the_first_channel_counts(tmp_path: Path) -> None:
    left, right = voiced(1.0), 0.9 * np.ones(RATE, np.float32)
    stereo = written(tmp_path / "stereo.wav", np.stack([left, right], axis=1))
    mono = written(tmp_path / "mono.wav", left)
    np.testing.assert_array_equal(
        load_recording(stereo, sample_rate=RATE).normalized(), load_recording(mono, sample_rate=RATE).normalized()
    )


@pytest.mark.parametrize("level", [2e-4, 1e-3, 0.05, 0.3, 1.0])
def test_volume_follows_the_rule_at_every_level(tmp_path: Path, level: float) -> None:
    wav = voiced(2.0, level=level)
    got = load_recording(written(tmp_path / "a.wav", wav), sample_rate=RATE).normalized()
    np.testing.assert_allclose(got, rule_in_steps(wav.astype(np.float64)), rtol=0, atol=1e-6)
    assert np.abs(got).max() <= 1


def rule_in_steps(wav: NDArray[np.float64]) -> NDArray[np.float64]:
    """The volume rule written again from its description, one step a line."""
    ordered = sorted(abs(wav))
    if ordered[-1] < 0.1:
        wav = wav * (0.1 / max(ordered[-1], 1e-3))
    ordered = sorted(value for value in abs(wav) if value > 0.01)
    if len(ordered) > 10:
        kept = ordered[int(0.9 * len(ordered)) : int(0.99 * len(ordered))]
        wav = wav * min(max(0.2 / (sum(kept) / len(kept)), 0.1), 10)
    scale: float = max(1.0, *abs(wav))
    return np.asarray(wav / scale, dtype=np.float64)


def test_volume_can_be_left_alone(tmp_path: Path) -> None:
    wav = voiced(1.0, level=0.03)
    path = written(tmp_path / "a.wav", wav)
    np.testing.assert_array_equal(load_recording(path, sample_rate=RATE).wav.astype(np.float32), wav)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_length_follows_the_rate(tmp_path: Path, rate: int) -> None:
    path = written(tmp_path / "a.wav", voiced(1.5, rate), rate)
    assert abs(len(load_recording(path, sample_rate=RATE).normalized()) - 1.5 * RATE) <= 1


@pytest.mark.parametrize(("samples", "expected"), [(100, 960), (960, 960), (961, 960), (5_000, 960)])
def test_the_clip_is_whole_hops_and_repeats_a_short_recording(samples: int, expected: int) -> None:
    wav = np.arange(samples, dtype=np.float32)
    clip = reference_clip(wav, sample_rate=1_000, seconds=1.1, hop=320)
    np.testing.assert_array_equal(clip, np.arange(expected) % samples)


def test_a_file_or_folder_that_is_not_audio_is_refused(tmp_path: Path) -> None:
    text, empty, raw = tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.raw"
    text.write_text("This is a sentence, not sound.\n" * 50)
    empty.touch()
    raw.write_bytes(bytes(4_000))
    for path, message in [
        (tmp_path / "none.wav", "does not exist"),
        (tmp_path, "is a folder"),
        (text, "is not recognized as audio"),
        (empty, "is an empty file"),
        (raw, "has no audio header"),
        (tmp_path / f"{'n' * 300}.wav", "cannot be opened: File name too long"),
    ]:
        with pytest.raises(RecordingError, match=message) as caught:
            load_recording(path, sample_rate=RATE).normalized()
        assert "\n" not in str(caught.value)
        assert path.name in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders there")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(RecordingError, match="is a pipe or a device"):
        load_recording(tmp_path / "a.wav", sample_rate=RATE)


@pytest.mark.parametrize(
    ("wav", "message"),
    [
        (np.zeros(0, np.float32), "holds no samples"),
        (np.zeros(RATE, np.float32), "is silent"),
        (np.full(RATE, 0.5, np.float32), "is silent"),
        (voiced(0.05), "lasts 0.050 s"),
        (
            np.where(np.arange(RATE) == RATE // 2, np.float32(np.nan), voiced(1.0)),
            r"NaN, infinite or absurd values at 0\.50 s",
        ),
        (
            np.where(np.arange(RATE) == 0, np.float32(np.inf), voiced(1.0)),
            r"NaN, infinite or absurd values at 0\.00 s",
        ),
    ],
)
def test_sound_that_holds_no_voice_is_refused(tmp_path: Path, wav: NDArray[np.float32], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        load_recording(written(tmp_path / "a.wav", wav), sample_rate=RATE).normalized()


def test_a_recording_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", voiced(3.0))
    with pytest.raises(RecordingError, match="longer than 2 s"):
        load_recording(path, sample_rate=RATE, max_seconds=2.0).normalized()


def test_bytes_that_are_not_audio_are_refused() -> None:
    for content in (b"", b"RIFF", bytes(1_000), PROMPT.read_bytes()[:20]):
        with pytest.raises(RecordingError):
            load_recording(io.BytesIO(content), sample_rate=RATE).normalized()


def test_a_pipe_can_be_read(golden: dict[str, NDArray[np.float32]]) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0, /) -> int:
            raise io.UnsupportedOperation

    wav = load_recording(Pipe(PROMPT.read_bytes()), sample_rate=RATE).normalized()
    np.testing.assert_allclose(wav, golden["wav_16k"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_damaged_files_are_read_or_refused_and_nothing_else(form: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, voiced(0.5), RATE, format=form)
    random = np.random.default_rng(7)
    for _ in range(60):
        damaged = np.frombuffer(file.getvalue(), np.uint8).copy()
        damaged[random.integers(0, len(damaged), 6)] = random.integers(0, 256, 6)
        damaged = damaged[: random.integers(1, 3 * len(damaged))]
        try:
            wav = load_recording(io.BytesIO(damaged.tobytes()), sample_rate=RATE, max_seconds=30).normalized()
        except RecordingError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(wav).all()
            assert np.abs(wav).max() <= 1


def test_what_is_no_mp3_is_told_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    contents = {
        "text": b"This is text, not sound. " * 200,
        "page": b"<!doctype html><html>" + b" " * 3_000,
        "zeros": bytes(5_000),
        "id3": b"ID3\x04\x00\x00\x00\x00\x00\x0a" + b"x" * 5_000,
        "frame": b"\xff\xfb\x90\x00" + b"x" * 5_000,
        "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.mp3"
        path.write_bytes(content)
        for source in (path, io.BytesIO(content)):
            with pytest.raises(RecordingError, match="is not recognized as audio"):
                load_recording(source, sample_rate=RATE).normalized()
    assert capfd.readouterr() == ("", "")


def test_a_damaged_mp3_is_read_in_silence_and_the_error_stream_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    file = io.BytesIO()
    soundfile.write(file, voiced(2.0), RATE, format="MP3")
    damaged = bytearray(file.getvalue())
    damaged[2_000:2_400] = bytes(400)
    assert len(load_recording(io.BytesIO(damaged), sample_rate=RATE).normalized()) > RATE
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_an_mp3_with_something_in_front_is_found_by_its_ending(tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, voiced(1.0), RATE, format="MP3")
    (tmp_path / "a.mp3").write_bytes(b"hello" * 500 + file.getvalue())
    assert len(load_recording(tmp_path / "a.mp3", sample_rate=RATE).normalized()) >= RATE


def from_a_phone(container: str, codec: str, wav: NDArray[np.float32], rate: int, *, title: str = "") -> bytes:
    """What phones and browsers record: float32 [channels, N] in a container of FFmpeg's."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as file:
        file.metadata["title"] = title
        stream = file.add_stream(codec, rate=rate, layout="mono" if len(wav) == 1 else "stereo")
        frame = av.AudioFrame.from_ndarray(wav, format="fltp", layout=stream.layout.name)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format.name, layout=stream.layout, rate=rate)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return target.getvalue()


PHONES = [("ipod", "aac", "m4a"), ("mp4", "aac", "mp4"), ("webm", "libopus", "webm"), ("adts", "aac", "aac")]


@pytest.mark.parametrize(("container", "codec", "ending"), PHONES)
@pytest.mark.parametrize("channels", [1, 2])
def test_recordings_of_phones_and_browsers(
    tmp_path: Path, container: str, codec: str, ending: str, channels: int
) -> None:
    wav = voiced(2.0, 48_000)
    content = from_a_phone(container, codec, np.stack([wav, 0.5 * wav][:channels]), 48_000)
    expected = load_recording(written(tmp_path / "a.wav", wav, 48_000), sample_rate=RATE).normalized()
    for name in (f"a.{ending}", "b.mp3", "c.bin"):
        (tmp_path / name).write_bytes(content)
        for source in (tmp_path / name, io.BytesIO(content)):
            got = load_recording(source, sample_rate=RATE).normalized()
            assert len(got) == pytest.approx(len(expected), abs=0.1 * RATE)
            product = np.fft.irfft(np.fft.rfft(got, 1 << 16) * np.conj(np.fft.rfft(expected, 1 << 16)))
            assert product.max() > 0.95 * np.sqrt(np.sum(got**2) * np.sum(expected**2))


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memo.m4a"
    path.write_bytes(from_a_phone("ipod", "aac", voiced(1.0)[None], RATE))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(RecordingError, match=r"memo\.m4a.*pip install 'sparktts-onnx\[aac\]'"):
        load_recording(path, sample_rate=RATE).normalized()


@pytest.mark.parametrize("kept", [40, 300, 3_000])
@pytest.mark.parametrize(("container", "codec", "ending"), PHONES[:3])
def test_a_cut_recording_of_a_phone_is_read_or_refused(
    container: str, codec: str, ending: str, kept: int, capfd: pytest.CaptureFixture[str]
) -> None:
    content = from_a_phone(container, codec, voiced(2.0)[None], 48_000 if codec == "libopus" else RATE)
    try:
        assert np.isfinite(load_recording(io.BytesIO(content[:kept]), sample_rate=RATE).normalized()).all()
    except RecordingError as error:
        assert "\n" not in str(error)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_header_that_leads_before_the_file_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.aiff"
    soundfile.write(path, voiced(1.0), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes().replace(b"SSND", b"SS\xffD", 1))  # libsndfile goes to -1 then
    for source in (path, io.BytesIO(path.read_bytes())):
        with pytest.raises(RecordingError, match="cannot be read as audio"):
            load_recording(source, sample_rate=RATE)
    assert capsys.readouterr() == ("", "")


def test_joined_recordings_may_differ_in_rate_and_channels() -> None:
    first, second = voiced(1.0)[None], np.stack([voiced(2.0, 44_100)] * 2)
    content = from_a_phone("adts", "aac", first, RATE) + from_a_phone("adts", "aac", second, 44_100)
    assert load_recording(io.BytesIO(content), sample_rate=RATE).wav.size == pytest.approx(3 * RATE, abs=0.2 * RATE)


@pytest.mark.parametrize(("container", "codec", "ending"), PHONES[:3])
def test_tags_in_another_encoding_are_passed_over(container: str, codec: str, ending: str) -> None:
    content = from_a_phone(container, codec, voiced(1.0, 48_000)[None], 48_000, title="Zzzz")
    assert b"Zzzz" in content
    in_latin_1 = content.replace(b"Zzzz", "Été!".encode("latin-1"))
    assert len(load_recording(io.BytesIO(in_latin_1), sample_rate=RATE).wav) >= RATE


def test_a_codec_that_is_not_known_is_told() -> None:
    content = from_a_phone("matroska", "aac", voiced(1.0)[None], RATE)
    assert content.count(b"A_AAC") == 1
    with pytest.raises(RecordingError, match="codec that PyAV does not know"):
        load_recording(io.BytesIO(content.replace(b"A_AAC", b"A_XYZ")), sample_rate=RATE)


def test_a_video_without_sound_is_told() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
    with pytest.raises(RecordingError, match="holds no sound"):
        load_recording(io.BytesIO(target.getvalue()), sample_rate=RATE).normalized()


@pytest.mark.parametrize("offset", [-0.3, 0.05, 0.15, 0.3])
def test_an_offset_is_taken_out_and_noted(tmp_path: Path, offset: float) -> None:
    wav = voiced(2.0)
    clean = load_recording(written(tmp_path / "a.wav", wav), sample_rate=RATE)
    moved = load_recording(written(tmp_path / "b.wav", wav + np.float32(offset)), sample_rate=RATE)
    assert clean.notes == ()
    assert [note for note in moved.notes if f"{abs(offset):.0%} of full scale" in note]
    np.testing.assert_allclose(moved.normalized(), clean.normalized(), atol=1e-4)


def test_speech_without_an_offset_is_not_touched() -> None:
    samples, _ = soundfile.read(PROMPT)
    recording = load_recording(PROMPT, sample_rate=RATE)
    assert 0 < abs(recording.wav.mean()) < 0.01 and abs(samples.mean()) > 0 and recording.notes == ()


@pytest.mark.parametrize("hiss", [0.0, 1e-4, 1e-3])
def test_the_channel_with_speech_is_taken_where_the_first_is_silent(tmp_path: Path, hiss: float) -> None:
    wav = voiced(2.0)
    silent = (hiss * np.random.default_rng(3).standard_normal(len(wav))).astype(np.float32)
    recording = load_recording(
        written(tmp_path / "a.wav", np.stack([silent, 0.1 * silent, wav], axis=1)), sample_rate=RATE
    )
    assert recording.notes == ("its first channel is silent: channel 3 of 3 was taken",)
    np.testing.assert_array_equal(
        recording.normalized(), load_recording(written(tmp_path / "b.wav", wav), sample_rate=RATE).normalized()
    )
    with pytest.raises(RecordingError, match="is silent"):
        load_recording(written(tmp_path / "c.wav", np.stack([0 * wav, 0 * wav], axis=1)), sample_rate=RATE).normalized()


def test_an_open_file_without_bytes_is_called_empty() -> None:
    with pytest.raises(RecordingError, match="the recording is empty"):
        load_recording(io.BytesIO(), sample_rate=16_000)


@pytest.mark.parametrize("riff_size", [None, 0, 0xFFFFFFFF])
def test_a_wav_that_says_it_is_empty_is_read_to_its_end(tmp_path: Path, riff_size: int | None) -> None:
    path = written(tmp_path / "a.wav", voiced(2.0), subtype="PCM_16")
    expected = load_recording(path, sample_rate=RATE).normalized()
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = bytes(4)
    if riff_size is not None:
        content[4:8] = riff_size.to_bytes(4, "little")
    path.write_bytes(content)
    for source in (path, io.BytesIO(content)):
        np.testing.assert_array_equal(load_recording(source, sample_rate=RATE).normalized(), expected)
    nothing = content[: at + 4] + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    with pytest.raises(RecordingError, match="holds no samples"):
        load_recording(io.BytesIO(nothing), sample_rate=RATE).normalized()


def test_a_truncated_file_gives_what_it_has() -> None:
    whole = PROMPT.read_bytes()
    wav = load_recording(io.BytesIO(whole[: len(whole) // 2]), sample_rate=RATE).normalized()
    assert abs(len(wav) / 44_354 - 0.5) < 0.01


@pytest.mark.parametrize("noise", [0.004, 0.03])
def test_the_channel_with_speech_is_taken_where_the_first_is_steady_noise(tmp_path: Path, noise: float) -> None:
    speech = load_recording(PROMPT, sample_rate=RATE).wav
    hiss = noise * np.random.default_rng(3).standard_normal((len(speech), 3))
    hiss[:, 1] += speech
    recording = load_recording(written(tmp_path / "a.wav", hiss.astype(np.float32)), sample_rate=RATE)
    assert recording.notes == ("its first channel holds only noise: channel 2 of 3 was taken",)
    assert np.abs(recording.wav - hiss[:, 1]).max() < 1e-3


def test_the_first_channel_is_taken_where_somebody_speaks_in_it(tmp_path: Path) -> None:
    speech = load_recording(PROMPT, sample_rate=RATE).wav
    both = np.stack([0.1 * speech, speech[::-1]], axis=1).astype(np.float32)
    noisy = np.stack([0.02 * np.ones(len(speech)) * (-1) ** np.arange(len(speech)), 0 * speech], axis=1).astype(
        np.float32
    )
    for wav in (both, noisy):
        recording = load_recording(written(tmp_path / "a.wav", wav), sample_rate=RATE)
        assert recording.notes == () and np.abs(recording.wav - wav[:, 0]).max() < 1e-3

"""Files of speech: complete or not there, marked as synthetic, and refused in one message."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sparktts_onnx._version import __version__
from sparktts_onnx.audio.parts import see_replaceable, see_writable, whole_file
from sparktts_onnx.audio.reading import load_recording
from sparktts_onnx.audio.writing import SpeechFile, save
from sparktts_onnx.errors import OptionError, OutputError

RATE = 16_000
Wave = NDArray[np.float32]


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus", "ogg"])
def test_a_file_reads_back_at_its_exact_length(tmp_path: Path, speech: Wave, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", speech, RATE)
    wav, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    assert len(wav) == len(speech)
    assert np.corrcoef(wav, speech)[0, 1] > 0.98
    if suffix in ("wav", "flac"):
        np.testing.assert_allclose(wav, speech, rtol=0, atol=1e-4)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "opus"])
def test_a_file_says_that_it_is_synthetic(tmp_path: Path, speech: Wave, suffix: str) -> None:
    with soundfile.SoundFile(save(tmp_path / f"a.{suffix}", speech, RATE)) as file:
        tags = file.copy_metadata()
    assert tags["title"] == "Synthetic speech"
    assert tags["comment"].startswith("AI-generated")
    assert f"sparktts-onnx {__version__}" in tags["comment"]
    if suffix != "mp3":
        assert f"sparktts-onnx {__version__}" in tags["software"]


@pytest.mark.parametrize("suffix", ["aac", "m4a"])
def test_aac_files_are_written_through_pyav(tmp_path: Path, speech: Wave, suffix: str) -> None:
    import av

    with av.open(str(save(tmp_path / f"a.{suffix}", speech, RATE))) as file:
        seconds = sum(frame.samples for frame in file.decode(audio=0)) / RATE
        assert "AI-generated" in file.metadata["comment"]
    assert seconds == pytest.approx(len(speech) / RATE, abs=0.15)


def test_the_named_format_wins_over_the_ending(tmp_path: Path, speech: Wave) -> None:
    save(tmp_path / "a.bin", speech, RATE, format="flac")
    assert soundfile.info(tmp_path / "a.bin").format == "FLAC"


def test_an_ending_that_says_nothing_is_refused(tmp_path: Path, speech: Wave) -> None:
    with pytest.raises(OptionError, match=r"cannot tell the audio format of .*a\.xyz"):
        save(tmp_path / "a.xyz", speech, RATE)
    assert list(tmp_path.iterdir()) == []


def test_chunks_make_the_same_file_as_the_whole(tmp_path: Path, speech: Wave) -> None:
    for suffix in ("wav", "flac", "mp3"):
        whole = save(tmp_path / f"whole.{suffix}", speech, RATE)
        with SpeechFile(tmp_path / f"chunks.{suffix}", RATE) as file:
            for chunk in np.array_split(speech, 13):
                file.write(chunk)
        assert file.path.read_bytes() == whole.read_bytes()


def test_a_written_recording_can_be_a_prompt(tmp_path: Path, speech: Wave) -> None:
    wav = load_recording(save(tmp_path / "a.wav", speech, RATE), sample_rate=RATE).normalized()
    assert np.corrcoef(wav, speech)[0, 1] > 0.9999


def test_folders_on_the_way_are_made(tmp_path: Path, speech: Wave) -> None:
    assert save(tmp_path / "one" / "two" / "a.wav", speech, RATE).is_file()


def test_nothing_appears_and_the_old_file_stays_when_the_work_fails(tmp_path: Path, speech: Wave) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), SpeechFile(path, RATE) as file:
        file.write(speech)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_no_name_before_it_is_complete(tmp_path: Path, speech: Wave) -> None:
    path = tmp_path / "a.wav"
    with SpeechFile(path, RATE) as file:
        file.write(speech)
        assert not path.exists()
    assert path.is_file()
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_message_and_leaves_nothing(
    tmp_path: Path, speech: Wave, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sparktts_onnx.audio.writing.os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        save(tmp_path / "a.wav", speech, RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_limit_reached_while_writing_leaves_nothing(tmp_path: Path, speech: Wave) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*a\.wav: File too large"):
            save(tmp_path / "a.wav", np.tile(speech, 10), RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_named(tmp_path: Path, speech: Wave) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.wav").mkdir()
    for path in (tmp_path / "file" / "a.wav", tmp_path / "folder.wav", tmp_path / ("x" * 300 + ".wav")):
        with pytest.raises(OutputError, match="cannot write") as caught:
            save(path, speech, RATE)
        assert str(path) in str(caught.value)


def test_a_device_or_a_pipe_stays_what_it_is(tmp_path: Path, speech: Wave) -> None:
    """A file in the place of /dev/null would be a fault of the whole machine."""
    pipe, link = tmp_path / "pipe.wav", tmp_path / "link.wav"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OutputError, match="it is a device or a pipe, not a file"):
            save(path, speech, RATE)
        with pytest.raises(OSError, match="not a file"), whole_file(path):
            raise AssertionError("it was refused too late")
    assert pipe.is_fifo() and link.is_symlink() and len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev").is_dir(), reason="no folder of devices")
def test_nothing_takes_the_place_of_what_is_among_the_devices(tmp_path: Path) -> None:
    """/dev/stdout is a link that leads to a file where the output goes to one: the link would be gone."""
    (tmp_path / "dev").symlink_to("/dev")
    for path in (Path("/dev/none.wav"), tmp_path / "dev" / "none.wav"):  # /dev/stdout itself is too dear to try
        with pytest.raises(OutputError, match=f"cannot write {path}: it is a place of devices, not of files"):
            see_writable(path)
        with pytest.raises(OSError, match="a place of devices"):
            see_replaceable(path)


def test_ctrl_c_in_the_moment_of_beginning_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def interrupted(self: Path, mode: str) -> None:
        opened(self, mode).close()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "speech.wav", np.zeros(10, np.float32), RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_as_long_as_the_system_takes_and_no_longer(tmp_path: Path, speech: Wave) -> None:
    assert save(tmp_path / f"{'n' * 251}.wav", speech, 16000).is_file()
    with pytest.raises(OutputError, match="name too long"):
        save(tmp_path / f"{'n' * 252}.wav", speech, 16000)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "wav", [np.ones(9, np.int16), np.ones((9, 2), np.float32), np.array([0.5, np.nan]), np.array([0.5, -np.inf])]
)
def test_samples_that_would_be_noise_are_refused(tmp_path: Path, wav: NDArray[np.float32]) -> None:
    with pytest.raises(OptionError, match=r"wav (is|has) .*expected float32 \[N\]"):
        save(tmp_path / "a.wav", wav, 16_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", ["16000", 0, 16e3])
def test_a_rate_that_no_file_can_have_is_refused(tmp_path: Path, speech: Wave, rate: Any) -> None:
    with pytest.raises(OptionError, match=r"sample_rate is .*; expected a whole number from 1"):
        save(tmp_path / "a.wav", speech, rate)
    assert not list(tmp_path.iterdir())

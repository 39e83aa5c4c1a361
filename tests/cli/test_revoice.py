"""`spark-tts-onnx revoice`: a file, raw samples, and one message for everything that cannot be done."""

import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import Voice
from sparktts_onnx.cli import main

IDS = tuple(range(60))


@pytest.fixture
def files(tmp_path: Path, other_voice: Voice) -> Path:
    """A folder with a recording, a recording of another speaker, and a voice file."""
    for name, speaker in (("in.wav", (1, 2, 3, 4)), ("who.wav", (5, 5, 5, 5))):
        wav = np.concatenate([nano.sound(IDS, speaker), np.zeros(nano.BORDER)])
        soundfile.write(tmp_path / name, wav, nano.SAMPLE_RATE, subtype="FLOAT")
    other_voice.save(tmp_path / "me.json")
    return tmp_path


def run(files: Path, *more: str) -> int:
    in_place = [str(files / part) if "." in part else part for part in more]
    return main(["revoice", str(files / "in.wav"), "--model_dir", str(nano.BUNDLE), *in_place])


def test_a_file_is_written(files: Path, other_voice: Voice, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--voice", "me.json", "-o", "out.flac") == 0
    assert capsys.readouterr().out.strip() == str(files / "out.flac")
    wav, _ = soundfile.read(files / "out.flac", dtype="float32")
    assert (nano.heard(wav), nano.heard_speaker(wav)) == (IDS, other_voice.global_ids)


def test_the_voice_may_be_a_recording_and_samples_go_to_stdout(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=taken, flush=lambda: None))
    assert run(files, "--prompt-path", "who.wav", "--stream", "pcm") == 0
    wav = np.frombuffer(taken.getvalue(), "<i2").astype(np.float32) / 32768
    assert (nano.heard(wav), nano.heard_speaker(wav)) == (IDS, (5, 5, 5, 5))


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        (("--voice", "me.json", "-o", "in.wav"), 2, "is the recording itself"),
        (("--voice", "me.json", "-o", "out.xyz"), 2, "xyz"),
        (("--voice", "none.json", "-o", "out.wav"), 1, "none.json"),
        (("--prompt-path", "me.json", "-o", "out.wav"), 1, "not recognized as audio"),
    ],
)
def test_one_message_and_no_file(
    files: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], status: int, said: str
) -> None:
    before = sorted(files.iterdir())
    assert run(files, *more) == status
    out, err = capsys.readouterr()
    assert out == "" and err.count("error:") == 1 and said in err
    assert sorted(files.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize(("target", "status", "said"), [("link.wav", 1, "does not exist"), ("in.wav", 2, "itself")])
def test_a_link_that_leads_nowhere_or_to_the_recording(
    files: Path, capsys: pytest.CaptureFixture[str], target: str, status: int, said: str
) -> None:
    (files / "link.wav").symlink_to(files / target)
    recording, output = ("link.wav", "out.wav") if status == 1 else ("in.wav", "link.wav")
    given = [str(files / recording), "--voice", str(files / "me.json"), "-o", str(files / output)]
    assert main(["revoice", "--model", str(nano.BUNDLE), *given]) == status
    assert said in capsys.readouterr().err

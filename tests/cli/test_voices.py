"""Voices kept by name in a folder."""

import re
from pathlib import Path

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.cli import main


@pytest.fixture
def recordings(tmp_path: Path) -> list[str]:
    paths = [str(tmp_path / f"{number}.wav") for number in range(2)]
    for number, path in enumerate(paths):
        soundfile.write(path, nano.sound([5 + number, 6, 7] * 20, (1, 2, 3, 4)), nano.SAMPLE_RATE)
    return paths


@pytest.fixture
def voices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Voices":
    return Voices(tmp_path, capsys)


class Voices:
    """Runs the command on a folder of its own."""

    def __init__(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.folder = tmp_path / "voices"

    def __call__(self, *given: str) -> tuple[str, str]:
        code, out, err = self.run(*given)
        assert code == 0, err
        return out, err

    def run(self, *given: str) -> tuple[int, str, str]:
        folders = ["--voices-dir", str(self.folder), "--model-dir", str(nano.BUNDLE)]
        code = main(["voices", *given, *folders])
        out, err = self._capsys.readouterr()
        return code, out, err


def test_a_note_keeps_to_its_line_whatever_the_file_is_called(
    voices: Voices, recordings: list[str], tmp_path: Path
) -> None:
    odd = tmp_path / "a\n\x1b[31m.wav"
    odd.write_bytes(Path(recordings[0]).read_bytes())
    _, err = voices("enroll", "Ann", str(odd))
    assert "a\\n\\x1b[31m.wav': " in err and "\x1b" not in err


def test_a_voice_from_enrollment_to_removal(voices: Voices, recordings: list[str], tmp_path: Path) -> None:
    assert "no voices in" in voices("list")[1]
    _, err = voices("enroll", "Ann", *recordings, "--consent", "she said yes", "--trim", "--window", "all")
    assert "kept Ann" in err
    assert f"{recordings[0]}: " in err  # what would make the recording better
    assert voices("list")[0].startswith("Ann\t")
    shown = voices("show", "Ann")[0]
    assert re.search(r"^consent: \d{4}-.*: she said yes$", shown, re.MULTILINE) and "global ids: " in shown
    out, _ = voices("try", "Ann", "--seed", "1", "--output-dir", str(tmp_path / "tries"))
    wav, _ = soundfile.read(out.strip())
    assert np.abs(wav).max() > 0.01
    voices("remove", "Ann")
    assert "no voices in" in voices("list")[1]


def test_a_voice_with_a_transcript(voices: Voices, recordings: list[str]) -> None:
    voices("enroll", "Ann", recordings[0], "--transcript", "What is said.")
    assert "transcript: What is said." in voices("show", "Ann")[0]
    code, _, err = voices.run("enroll", "Bob", *recordings, "--transcript", "What is said.")
    assert code != 0 and err.count("error:") == 1 and "one recording" in err


def test_a_created_voice(voices: Voices) -> None:
    voices("create", "Low", "--gender", "male", "--pitch", "very_low", "--seed", "4")
    first = voices("show", "Low")[0]
    voices("create", "Same", "--gender", "male", "--pitch", "very_low", "--seed", "4")
    assert first.splitlines()[-1] == voices("show", "Same")[0].splitlines()[-1]


def test_spaces_around_a_name_do_not_count(voices: Voices) -> None:
    name = " sp  ace "
    made = voices("create", name, "--gender", "male", "--seed", "4")[1]
    assert made == f"kept sp ace as {voices.folder / 'sp ace.json'}\n"
    assert Voice.load(voices.folder / "sp ace.json").name == "sp ace"
    assert voices("list")[0].startswith("sp ace\t")
    assert voices("show", name)[0].startswith("name: sp ace\n")
    assert voices("remove", name)[1] == "removed sp ace\n"
    assert "no voices in" in voices("list")[1]


def test_a_name_that_is_taken_is_told_before_any_work(
    voices: Voices, recordings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    voices("enroll", "Ann", *recordings)
    monkeypatch.setattr(SparkTTSONNX, "enroll", None)
    monkeypatch.setattr(SparkTTSONNX, "create_voice", None)
    for given in (("enroll", "ann", *recordings), ("create", "ann", "--gender", "male")):
        assert voices.run(*given)[::2] == (
            1,
            "error: there is a voice 'ann' already: choose another name, or remove that one first\n",
        )


@pytest.mark.parametrize("given", [("list",), ("show", "Ann"), ("remove", "Ann")])
@pytest.mark.parametrize("option", ["--device", "--threads", "--packed-weights"])
def test_what_computes_nothing_has_no_options_for_it(voices: Voices, given: tuple[str, ...], option: str) -> None:
    with pytest.raises(SystemExit):
        voices.run(*given, option, "1")


@pytest.mark.parametrize(
    "given",
    [
        ("show", "Nobody"),
        ("remove", "Nobody"),
        ("try", "Nobody"),
        ("enroll", "Ann", "no-such.wav"),
        ("enroll", "../Ann", __file__),
        ("create", "Low", "--gender", "robot"),
    ],
)
def test_what_cannot_be_done_is_one_message(voices: Voices, given: tuple[str, ...]) -> None:
    code, out, err = voices.run(*given)
    assert code != 0 and out == "" and err.count("error:") == 1 and "Traceback" not in err
    assert not (voices.folder.exists() and list(voices.folder.iterdir()))

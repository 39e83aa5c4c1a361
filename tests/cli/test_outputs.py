"""What a command is to write is looked at before its work, and work that fails leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nano
import pytest

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.cli import main
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.graphs.sessions import Sessions

PROMPT = Path(__file__).parents[1] / "data" / "prompt.wav"
COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "speak": lambda out: ["--text", "Hi.", "--prompt-path", str(PROMPT), "--output-dir", str(out)],
    "save a voice": lambda out: ["--text", "Hi.", "--stream", "pcm", "--save-voice", str(out / "me.json")],
    "revoice": lambda out: ["revoice", str(PROMPT), "--prompt-path", str(PROMPT), "--output", str(out / "a.wav")],
    "batch": lambda out: ["batch", str(out.parents[2] / "lines.jsonl"), "--output-dir", str(out)],
    "tokens": lambda out: ["tokens", str(out.parents[2] / "clips.jsonl"), "--output", str(out / "rows.jsonl")],
    "voices enroll": lambda out: ["voices", "enroll", "Me", str(PROMPT), "--voices-dir", str(out)],
    "voices create": lambda out: ["voices", "create", "Me", "--voices-dir", str(out)],
    "voices try": lambda out: ["voices", "try", "Me", "--output-dir", str(out), "--voices-dir", str(out.parents[2])],
}


@pytest.fixture
def place(tmp_path: Path, voice: Any) -> Path:
    """A folder with what the commands read."""
    (tmp_path / "lines.jsonl").write_text('{"text": "Hello.", "seed": 1}\n', encoding="utf-8")
    (tmp_path / "clips.jsonl").write_text(f'{{"audio": "{PROMPT}", "text": "Speech is silver."}}\n', encoding="utf-8")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    voice.save(tmp_path / "Me.json")
    return tmp_path


def run(command: str, out: Path) -> int:
    return main([*COMMANDS[command](out), "--model", str(nano.BUNDLE)])


@pytest.mark.parametrize("blocked", ["file", "link"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_is_refused_before_any_graph_is_loaded(
    place: Path, command: str, blocked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loaded(*_: Any, **__: Any) -> None:
        raise AssertionError("a graph was loaded")

    monkeypatch.setattr(Sessions, "_session", loaded)
    before = sorted(place.rglob("*"))
    assert run(command, place / blocked / "in" / "it") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and ("cannot write" in err or "cannot be read" in err)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"tokens"}))  # whose rows are none then
def test_work_that_fails_leaves_no_folder(
    place: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise GenerationError("the graph failed")

    monkeypatch.setattr(Sessions, "_session", fails)
    before = sorted(place.rglob("*"))
    assert run(command, place / "new" / "deep" / "out") == 1
    assert "the graph failed" in capsys.readouterr().err
    assert sorted(place.rglob("*")) == before


def test_an_output_that_is_a_device_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["revoice", str(PROMPT), "--voice", str(place / "Me.json"), "--model", str(nano.BUNDLE), "--output"]
    assert main([*given, str(place)]) == 2  # a folder has no ending
    (place / "pipe.wav").mkdir()
    assert main([*given, str(place / "pipe.wav")]) == 1
    assert "it is a folder; choose another place or name" in capsys.readouterr().err


def test_a_folder_that_was_made_stays_with_what_was_written(place: Path, tts: SparkTTSONNX) -> None:
    _, info = tts.inference("Hi.", gender="female", seed=1, save_dir=place / "new" / "deep")
    assert info.file is not None and list((place / "new" / "deep").iterdir()) == [info.file]

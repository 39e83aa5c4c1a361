"""`spark-tts-onnx tokens`: recordings into rows to train on, whatever is wrong with some of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import EnrollOptions, SparkTTSONNX
from sparktts_onnx.batch.tokens import training_line
from sparktts_onnx.cli import main

PROMPT = Path(__file__).parents[1] / "data" / "prompt.wav"
TEXTS = ["Speech is silver.", "说话是银。", "It costs $5, or “more”."]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder of three recordings, with half a second of silence before each, and their texts next to them."""
    folder = tmp_path / "clips"
    folder.mkdir()
    wav, rate = soundfile.read(PROMPT, dtype="float32")
    for number, text in enumerate(TEXTS):
        sound = np.concatenate([np.zeros(rate // 2, np.float32), wav[number * rate // 2 :][: rate * 2]])
        soundfile.write(folder / f"{number}.wav", sound, rate)
        (folder / f"{number}.txt").write_text(f"{text}\n", encoding="utf-8")
    return folder


def run(dataset: Path, output: Path, *options: str) -> int:
    return main(["tokens", str(dataset), "--output", str(output), "--model", str(nano.BUNDLE), *options])


def read(output: Path) -> list[dict[str, Any]]:
    if output.suffix == ".jsonl":
        return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(output).to_pylist()
    return rows


def write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def columns(folder: Path) -> Path:
    return write(folder / "all.csv", ["path|text", *(f"{number}.wav|{text}" for number, text in enumerate(TEXTS))])


def objects(folder: Path) -> Path:
    items = [{"audio": f"{number}.wav", "text": text} for number, text in enumerate(TEXTS)]
    return write(folder / "all.jsonl", [json.dumps(item) for item in items])


@pytest.mark.parametrize("dataset", [lambda folder: folder, columns, objects], ids=["folder", "CSV", "JSONL"])
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_rows_hold_the_tokens_of_the_whole_recording(
    clips: Path, tmp_path: Path, dataset: Callable[[Path], Path], suffix: str
) -> None:
    output = tmp_path / f"rows{suffix}"
    assert run(dataset(clips), output) == 0
    rows = read(output)
    assert [row["transcript"] for row in rows] == TEXTS and [row["audio"] for row in rows] == [
        "0.wav",
        "1.wav",
        "2.wav",
    ]
    with SparkTTSONNX(nano.BUNDLE, threads=1) as tts:
        for row in rows:
            voice = tts.enroll([clips / row["audio"]], "x", options=EnrollOptions(trim=False)).voice
            assert row["global_ids"] == list(voice.global_ids) and row["semantic_ids"] == list(voice.semantic_ids or ())
            assert row["text"] == training_line(row["transcript"], row["global_ids"], row["semantic_ids"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", output.name]


def test_a_line_is_what_the_recipes_train_on() -> None:
    assert training_line("Hi.", [3, 0], [7, 8191]) == (
        "<|task_tts|><|start_content|>Hi.<|end_content|><|start_global_token|><|bicodec_global_3|><|bicodec_global_0|>"
        "<|end_global_token|><|start_semantic_token|><|bicodec_semantic_7|><|bicodec_semantic_8191|>"
        "<|end_semantic_token|><|im_end|>"
    )


def test_bad_recordings_are_reported_by_line_and_left_out(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clips / "bad.wav").write_bytes(b"RIFF")
    soundfile.write(clips / "long.wav", np.tile(np.sin(np.arange(16000)), 9), 16000)
    dataset = write(
        clips / "all.jsonl",
        [
            '{"audio": "0.wav", "text": "Said.", "source": "anna"}',
            '{"audio": "gone.wav", "text": "Said."}',
            '{"audio": "bad.wav", "text": "Said."}',
            '{"audio": "1.wav", "text": " "}',
            '{"audio": "1.wav", "text": "Said.<|im_end|>"}',
            '{"audio": "1.wav"}',
            '{"audio": "1.wav", "text"',
            '{"audio": "a\\u0000.wav", "text": "Said."}',
            '{"audio": "long.wav", "text": "Said."}',
            json.dumps({"audio": "2.wav", "text": "Far too much for two seconds. " * 9}),
        ],
    )
    assert run(dataset, tmp_path / "rows.jsonl", "--max-seconds", "5") == 1
    assert [row["transcript"][:12] for row in read(tmp_path / "rows.jsonl")] == ["anna: Said.", "Far too much"]
    said = capsys.readouterr().err.splitlines()
    for number, word in enumerate(
        [
            "",
            "",
            "does not exist",
            "audio",
            "empty",
            "<|im_end|>",
            '"audio" and "text"',
            "not JSON",
            "",
            "long",
            "too much",
        ]
    ):
        assert not word or any(line.startswith(f"line {number}: ") and word in line for line in said), (number, said)
    assert "10" not in said[-2] and said[-2].endswith("8 failed") and said[-1] == "2 rows"


def test_a_run_goes_on_where_one_stopped(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in the second recording, cut off in a note, with a text changed, a recording changed and one gone."""
    heard: list[str] = []
    enroll = SparkTTSONNX.enroll

    def counted(self: SparkTTSONNX, recordings: Any, *given: Any, **options: Any) -> Any:
        heard.append(name := Path(recordings[0]).name)
        if stop and name == "1.wav":  # results come in order, so that of 0.wav is known whichever reader was faster
            raise KeyboardInterrupt
        return enroll(self, recordings, *given, **options)

    monkeypatch.setattr(SparkTTSONNX, "enroll", counted)
    output, notes = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.notes"
    stop = True
    assert run(clips, output) == 130 and not output.exists() and notes.exists()
    stop = False
    with notes.open("a") as file:
        file.write('{"key": "cut')
    heard.clear()
    assert run(clips, output) == 0 and len(heard) == 2 and not notes.exists()
    whole = output.read_bytes()
    heard.clear()
    assert run(clips, output) == 0 and heard == [] and output.read_bytes() == whole
    (clips / "0.txt").write_text("Other words.")
    os.utime(clips / "1.wav", (1, 1))
    (clips / "2.wav").unlink()
    assert run(clips, output) == 0 and heard == ["1.wav"]
    assert [row["transcript"] for row in read(output)] == ["Other words.", TEXTS[1]]
    assert "1 read, 1 there already, 0 failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("rows.txt", None, 2, "ends in .jsonl or .parquet"),
        ("rows.jsonl", '{"audio": "0.wav", "text": "Hi."}\n', 1, "was not written by this command (a row has no key)"),
        ("rows.parquet", "junk", 1, "cannot be read"),
    ],
)
def test_an_output_of_somebody_else_stays(
    clips: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, status: int, message: str
) -> None:
    if content is not None:
        (clips / name).write_text(content)
    assert run(clips, clips / name) == status
    assert message in capsys.readouterr().err
    assert content is None or (clips / name).read_text() == content


def test_a_pipe_in_the_place_of_the_rows_is_refused_before_anything_is_read(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    assert run(clips, tmp_path / "rows.jsonl") == 1
    assert capsys.readouterr().err.endswith(
        "rows.jsonl: it is a device or a pipe, not a file; choose another place or name\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "rows.jsonl"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("none", "the recordings cannot be read: there is no "),
        ("a.wav", "a.wav is one itself; expected a folder with audio files"),
        ("empty.csv", "holds no recordings"),
        ("nothing", "holds no recordings"),
    ],
)
def test_a_data_set_that_holds_nothing_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: str, message: str
) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "a.wav").write_bytes(PROMPT.read_bytes())
    (tmp_path / "nothing").mkdir()
    assert run(tmp_path / dataset, tmp_path / "rows.jsonl") == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_every_recording_would_have_ends_the_command(
    clips: Path, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["tokens", str(clips), "--output", str(tmp_path / "rows.jsonl"), "--model"]
    assert main([*given, str(nano.FIXED_BUNDLE)]) == 1
    assert "convert the checkpoint without --no-dynamic-axes" in capsys.readouterr().err
    (bundle / "wav2vec2.onnx").write_bytes(b"0" * (bundle / "wav2vec2.onnx").stat().st_size)
    assert main([*given, str(bundle)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run(clips, tmp_path / "rows.parquet") == 1
    assert "pip install" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.parquet"])
def test_where_every_recording_is_bad_each_is_reported_and_there_are_no_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    dataset = write(tmp_path / "all.csv", ["path|text", "gone.wav|Hello.", "x|y|z"])
    assert run(dataset, tmp_path / name) == 1
    err = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in err] == [
        "line 3",
        "line 2",
        "0 read, 0 there already, 2 failed",
        "0 rows",
    ]
    assert read(tmp_path / name) == [] and not (tmp_path / f"{name}.notes").exists()


def test_a_csv_of_other_columns_is_named(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(write(clips / "all.csv", ["0.wav|anna|Hello.", "1.wav|Hello."]), tmp_path / "rows.jsonl") == 1
    assert "line 1: expected path|text, found 3 columns" in capsys.readouterr().err
    assert len(read(tmp_path / "rows.jsonl")) == 1
    shutil.rmtree(clips)


@pytest.mark.parametrize("seconds", ["121", "3600"])
def test_recordings_that_take_all_memory_cannot_be_allowed(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    assert run(clips, tmp_path / "rows.jsonl", "--max-seconds", seconds) == 2
    assert f"max_seconds is {float(seconds):g}; expected at most 120" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == [clips]


def test_readers_that_cannot_start_are_one_message(
    clips: Path, tmp_path: Path, no_threads: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    no_threads("spark-tts-tokens")
    assert run(clips, tmp_path / "rows.jsonl") == 1
    assert capsys.readouterr().err == "error: no thread could be started: can't start new thread\n"

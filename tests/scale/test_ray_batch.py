"""Batches on a cluster of this machine: two workers, one of them killed in the middle, and a stop in the middle."""

import itertools
import json
import os
import signal
from pathlib import Path

import nano
import numpy as np
import pytest
import soundfile
from processes import until, workers

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.batch.lines import Line, read_lines
from sparktts_onnx.batch.results import Results, Target
from sparktts_onnx.cli import main
from sparktts_onnx.scale.batch import speak_on_cluster
from sparktts_onnx.scale.cluster import ModelSettings, Replicas

pytestmark = pytest.mark.usefixtures("cluster")

MODEL = ModelSettings(nano.BUNDLE, slots=2)
WORKERS = Replicas(2, 2)
COUNT = 64
WORKER = "ray::MapWorker"


@pytest.fixture
def lines(tmp_path: Path) -> list[Line]:
    path = tmp_path / "lines.jsonl"
    texts = [{"id": f"n{n}", "text": f"This is line {n}. " + "It goes on for a while. " * 4} for n in range(COUNT)]
    path.write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
    with SparkTTSONNX(nano.BUNDLE) as tts:
        return read_lines(path, tts.manifest)[0]


def test_every_line_is_done_once_though_a_worker_is_killed(lines: list[Line], tmp_path: Path) -> None:
    target = Target(tmp_path / "spoken", "wav")
    outcomes = speak_on_cluster(lines, target, MODEL, WORKERS)
    done = [next(outcomes)]
    assert until(lambda: bool(workers(WORKER)))
    os.kill(workers(WORKER)[0], signal.SIGKILL)
    done += list(outcomes)
    assert sorted(outcome.number for outcome in done) == list(range(1, COUNT + 1))
    assert all(outcome.note is not None and outcome.error is None for outcome in done)
    assert sorted(path.name for path in target.folder.iterdir()) == sorted(f"n{n}.wav" for n in range(COUNT))


def test_a_run_goes_on_where_the_last_one_stopped(lines: list[Line], tmp_path: Path) -> None:
    target = Target(tmp_path / "spoken", "wav")
    results = Results(target)
    first = speak_on_cluster(lines, target, MODEL, WORKERS)
    for outcome in itertools.islice(first, 10):
        assert outcome.note is not None
        results.add(outcome.note)
    first.close()
    left = [line for line in lines if not Results(target).has(line)]
    assert len(left) == COUNT - 10
    for outcome in speak_on_cluster(left, target, MODEL, WORKERS):
        assert outcome.note is not None
        results.add(outcome.note)
    assert [line for line in lines if not Results(target).has(line)] == []
    noted = [json.loads(note)["line"] for note in results.path.read_text(encoding="utf-8").splitlines()]
    assert sorted(noted) == list(range(1, COUNT + 1))


def test_the_command_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "Hello.", "seed": 1}\nnot JSON\n{"text": "...", "seed": 2}\n', encoding="utf-8")
    command = ["batch", str(path), "--model-dir", str(nano.BUNDLE), "--output-dir", str(tmp_path / "there")]
    assert main([*command, "--ray", "--workers", "2"]) == 1
    told = capsys.readouterr().err
    assert "line 2" in told and "line 3" in told and "2 failed" in told
    here = tmp_path / "here"
    assert main([*command[:-1], str(here)]) == 1
    spoken = [soundfile.read(folder / "000001.wav")[0] for folder in (tmp_path / "there", here)]
    assert np.array_equal(*spoken)
    assert len((tmp_path / "there" / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 1

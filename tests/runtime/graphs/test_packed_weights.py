"""Packed weights: the same answers, made once, shared by place, and never half there or altered."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.contract import SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import GraphEntry, Manifest, describe_file
from sparktts_onnx.errors import BundleError, OutputError
from sparktts_onnx.runtime.graphs import packed_weights
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.graphs.packed_weights import packed_graph
from sparktts_onnx.runtime.language.language_model import LanguageModel


def options() -> Any:
    made = ort.SessionOptions()
    made.intra_op_num_threads = 1
    return made


def packed(entry: GraphEntry, cache: Path, bundle: Path = nano.BUNDLE) -> Path:
    """The packed graph, compared with its record."""
    path, checks = packed_graph(bundle, entry, cache, options=options)
    for check in checks:
        check()
    return path


@pytest.fixture
def entry(manifest: Manifest) -> GraphEntry:
    return manifest.graphs["language_model"]


def test_the_packed_graph_gives_the_same_bits(entry: GraphEntry, manifest: Manifest, tmp_path: Path) -> None:
    graph = packed(entry, tmp_path)
    prompt = nano.clone_prompt("Hello", (1, 2, 3, 4))
    answers = []
    for path in (nano.BUNDLE / "language_model.onnx", graph):
        session = ort.InferenceSession(str(path), options(), providers=["CPUExecutionProvider"])
        model = LanguageModel(session, manifest.language_model)
        answers.append([model.prefill(0, prompt), model.step([0], [nano.next_id(prompt)])[0]])
    assert np.array_equal(*answers)
    assert graph.with_name("language_model.onnx.data").stat().st_size > 0


def test_it_is_made_once(entry: GraphEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = packed(entry, tmp_path)
    monkeypatch.setattr(packed_weights, "_pack", None)
    assert packed(entry, tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == [first.parent.name]


def test_another_graph_or_processor_has_another_place(
    entry: GraphEntry, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {packed(entry, tmp_path)}
    monkeypatch.setattr(packed_weights, "_processor_features", lambda: ["flags: none"])
    places.add(packed(entry, tmp_path))
    places.add(packed(manifest.graphs["decoder"], tmp_path))
    assert len(places) == 3


def test_a_failure_leaves_nothing_and_says_so(
    entry: GraphEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(packed_weights, "_save", fail)
        with pytest.raises(OutputError, match="no space left"):
            packed(entry, tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="cannot keep packed weights"):
        packed(entry, tmp_path / "file")


def test_a_process_that_comes_second_uses_the_first_one_s(
    entry: GraphEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = packed_weights._save

    def beaten(graph: Path, target: Path, made: Any) -> None:
        save(graph, target, made)
        working = target.parent.parent
        place = working.with_name(working.name.removeprefix(".").rsplit("-", 1)[0])
        place.mkdir()
        (place / "language_model.onnx").write_text("the first one's")
        packed_weights._write_record(place)

    monkeypatch.setattr(packed_weights, "_save", beaten)
    assert packed(entry, tmp_path).read_text() == "the first one's"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["zeroed", "short", "lost", "no record", "broken record"])
def test_what_is_not_as_it_was_packed_is_packed_again(
    entry: GraphEntry, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    graph = packed(entry, tmp_path)
    weights, record = graph.with_name("language_model.onnx.data"), graph.with_name("packed.json")
    before = weights.read_bytes()
    if damage == "zeroed":
        weights.write_bytes(bytes(len(before)))
    elif damage == "short":
        os.truncate(weights, len(before) // 2)
    elif damage == "broken record":
        record.write_bytes(bytes(record.stat().st_size))
    else:
        (weights if damage == "lost" else record).unlink()
    if damage == "zeroed":
        with pytest.raises(BundleError, match="data is not as it was packed"):
            packed(entry, tmp_path)
    assert "packing it again" not in caplog.text
    assert packed(entry, tmp_path) == graph
    assert "packing it again" in caplog.text
    assert weights.read_bytes() == before
    assert list(tmp_path.iterdir()) == [graph.parent]
    caplog.clear()
    packed(entry, tmp_path)
    assert "packing" not in caplog.text


def test_only_what_dead_processes_left_is_cleared(entry: GraphEntry, tmp_path: Path) -> None:
    living, dead, foreign = (
        tmp_path / name for name in (f".language_model-{'0' * 16}-new", f".language_model-{'1' * 16}-old", ".mine")
    )
    for folder in (living, dead, foreign):
        (folder / "packed").mkdir(parents=True)
    for folder in (dead, foreign):
        os.utime(folder, (time.time() - 2 * 86_400,) * 2)
    graph = packed(entry, tmp_path)
    assert set(tmp_path.iterdir()) == {living, foreign, graph.parent}


def test_speech_is_the_same_and_the_enrolling_graphs_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken = []
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        with SparkTTSONNX(nano.BUNDLE, device="cpu", packed_weights=cache) as tts:
            spoken.append(tts.inference("Hello.", gender="female", seed=1)[0])
        monkeypatch.setattr(packed_weights, "_pack", packed_weights._pack if cache is None else None)
    assert np.array_equal(spoken[0], spoken[1]) and np.array_equal(spoken[0], spoken[2])
    kept = {path.name.rpartition("-")[0] for path in (tmp_path / "cache").iterdir()}
    assert kept == set(SPEAKING_GRAPHS)


def test_altered_weights_are_not_packed(bundle: Path, manifest: Manifest, tmp_path: Path) -> None:
    entry = with_weights(bundle, manifest.graphs["prenet"])
    (bundle / "extra.data").write_bytes(b"wrong")
    with pytest.raises(BundleError, match=r"extra\.data was altered"):
        packed(entry, tmp_path / "cache", bundle)
    assert not list((tmp_path / "cache").glob("*"))


def with_weights(bundle: Path, entry: GraphEntry) -> GraphEntry:
    """A graph with one more file of weights, of 5 bytes."""
    (bundle / "extra.data").write_bytes(b"right")
    return dataclasses.replace(entry, files=(*entry.files, describe_file(bundle / "extra.data")))


def test_an_altered_bundle_is_not_spoken_from_old_weights(bundle: Path, tmp_path: Path) -> None:
    with SparkTTSONNX(bundle, device="cpu", packed_weights=tmp_path / "cache") as tts:
        tts.inference("Hello.", gender="female", seed=1)
    graph = bundle / "decoder.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with (
        SparkTTSONNX(bundle, device="cpu", packed_weights=tmp_path / "cache") as tts,
        pytest.raises(BundleError, match=r"decoder\.onnx"),
    ):
        tts.inference("Hello.", gender="female", seed=1)

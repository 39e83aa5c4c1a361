"""Graphs are loaded when they are used, checked before, and named when they are wrong."""

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, MANIFEST_NAME, SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import FileEntry, Manifest, describe_file, read_manifest
from sparktts_onnx.errors import BundleError, GenerationError
from sparktts_onnx.runtime.graphs import sessions as sessions_module
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.graphs.providers import CPU, CUDA
from sparktts_onnx.runtime.graphs.sessions import Sessions

CONTENT_GRAPHS = {"wav2vec2", "encoder", "quantizer_tokenize"}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.wav"
    soundfile.write(path, nano.sound([5, 6, 7] * 10, (1, 2, 3, 4)), nano.SAMPLE_RATE)
    return path


def damage(bundle: Path, name: str) -> None:
    """Change one byte of a graph."""
    path = bundle / f"{name}.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def drop(bundle: Path, names: set[str]) -> None:
    """Make a bundle without some graphs."""
    path = bundle / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    for name in names:
        del data["graphs"][name]
        (bundle / f"{name}.onnx").unlink()
    path.write_text(json.dumps(data), encoding="utf-8")


def replace(bundle: Path, name: str, content: bytes) -> None:
    """Put another file in a graph's place and say so in the manifest."""
    file = bundle / f"{name}.onnx"
    file.write_bytes(content)
    path = bundle / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    data["graphs"][name]["files"] = [vars(describe_file(file))]
    path.write_text(json.dumps(data), encoding="utf-8")


def add_weights(bundle: Path, name: str) -> Path:
    """Give a graph one more file of weights."""
    file = bundle / "extra.data"
    file.write_bytes(b"right")
    path = bundle / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    data["graphs"][name]["files"].append(vars(describe_file(file)))
    path.write_text(json.dumps(data), encoding="utf-8")
    return file


def test_nothing_is_loaded_before_it_is_used(tts: SparkTTSONNX, recording: Path) -> None:
    voice = tts.process_prompt(recording)
    loaded = tts.inference("Hi.", voice=voice, seed=1)[1].providers.keys()
    assert loaded == {*SPEAKING_GRAPHS, "speaker_encoder"}
    tts.process_prompt(recording, "What is said.")
    assert tts.inference("Hi.", voice=voice, seed=1)[1].providers.keys() == loaded | CONTENT_GRAPHS


def test_without_a_transcript_wav2vec2_need_not_be_there(bundle: Path, recording: Path) -> None:
    drop(bundle, {*CONTENT_GRAPHS, "postnet"})
    with SparkTTSONNX(bundle) as tts:
        tts.process_prompt(recording)
        assert tts.inference("Hi.", seed=1)[1].stop_reason == "end"
        with pytest.raises(BundleError, match="has no graph wav2vec2; it has speaker_encoder,"):
            tts.process_prompt(recording, "What is said.")


@pytest.mark.parametrize("name", SPEAKING_GRAPHS)
def test_an_altered_graph_is_named_before_it_runs(bundle: Path, name: str) -> None:
    damage(bundle, name)
    with SparkTTSONNX(bundle) as tts, pytest.raises(BundleError, match=rf"{name}\.onnx was altered: its SHA-256"):
        tts.inference("Hi.", seed=1)


@pytest.mark.parametrize("name", SPEAKING_GRAPHS)
def test_altered_weights_are_named_before_anything_is_heard(bundle: Path, name: str) -> None:
    weights = add_weights(bundle, name)
    with SparkTTSONNX(bundle) as tts:
        weights.write_bytes(b"wrong")
        for _ in range(2):
            with pytest.raises(BundleError, match=r"extra\.data was altered"), tts.stream("Hi.", seed=1) as stream:
                next(stream)
            with pytest.raises(BundleError, match=r"extra\.data was altered"):
                tts.warm_up()
        with pytest.raises(BundleError, match=r"extra\.data was altered"):
            tts._engine.sessions[name]
        weights.write_bytes(b"right")
        assert tts.inference("Hi.", seed=1)[1].stop_reason == "end"


def test_sound_waits_for_weights_that_are_still_compared(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The language model and the vocoder do not."""
    weights, compared, go_on = add_weights(bundle, "decoder"), sessions_module.check_file, threading.Event()

    def slow(folder: Path, entry: FileEntry) -> None:
        if entry.name == weights.name:
            go_on.wait(30)
        compared(folder, entry)

    monkeypatch.setattr(sessions_module, "check_file", slow)
    heard, decoded = threading.Event(), threading.Event()
    with SparkTTSONNX(bundle) as tts:
        decode = tts._engine.vocoder.decode
        monkeypatch.setattr(tts._engine.vocoder, "decode", lambda *a, **k: (decode(*a, **k), decoded.set())[0])
        thread = threading.Thread(target=lambda: (tts.inference("Hi.", seed=1), heard.set()))
        thread.start()
        assert decoded.wait(30)
        assert not heard.wait(0.2)
        go_on.set()
        assert heard.wait(30)
        thread.join()


@pytest.mark.parametrize("name", SPEAKING_GRAPHS)
def test_a_missing_graph_is_named_at_once(bundle: Path, name: str) -> None:
    (bundle / f"{name}.onnx").unlink()
    with pytest.raises(BundleError, match=rf"lacks {name}\.onnx"):
        SparkTTSONNX(bundle)


def test_an_altered_tokenizer_is_named_at_once(bundle: Path) -> None:
    path = bundle / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8").replace("ByteLevel", "ByteLevex", 1), encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer\.json was altered"):
        SparkTTSONNX(bundle)


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_a_file_that_is_no_graph_is_named(bundle: Path, content: bytes) -> None:
    replace(bundle, "decoder", content)
    with SparkTTSONNX(bundle) as tts, pytest.raises(BundleError, match=r"decoder\.onnx does not load"):
        tts.inference("Hi.", seed=1)


def test_a_file_that_vanishes_after_the_start_is_named(bundle: Path) -> None:
    with SparkTTSONNX(bundle) as tts:
        (bundle / "decoder.onnx").unlink()
        with pytest.raises(BundleError, match=r"lacks decoder\.onnx"):
            tts.inference("Hi.", seed=1)


def test_every_graph_loads_once_however_many_ask(manifest: object) -> None:
    sessions = Sessions(nano.BUNDLE, read_manifest(nano.BUNDLE), threads=1)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(sessions["decoder"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(session) for session in found}) == 1
    assert sessions.providers() == {"decoder": "CPUExecutionProvider"}
    sessions.close()
    assert sessions.providers() == {}
    assert sessions["decoder"] is not found[0]


def test_graphs_load_beside_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two graphs neither waits for the other: each begins before the other has ended."""
    sessions = Sessions(nano.BUNDLE, read_manifest(nano.BUNDLE), threads=1)
    load, both = sessions._load, threading.Barrier(2, timeout=30)

    def together(name: str) -> Any:
        both.wait()
        return load(name)

    monkeypatch.setattr(sessions, "_load", together)
    with sessions.loading(("prenet",)):
        sessions["decoder"]
    assert sessions.providers().keys() == {"prenet", "decoder"}


def test_a_graph_that_does_not_load_beside_a_block_is_named_at_its_end(bundle: Path) -> None:
    damage(bundle, "prenet")
    sessions = Sessions(bundle, read_manifest(bundle), threads=1)
    with pytest.raises(BundleError, match=r"prenet\.onnx was altered"), sessions.loading(("prenet",)):
        sessions["decoder"]
    assert sessions.providers().keys() == {"decoder"}


def test_outputs_come_in_the_order_of_the_contract() -> None:
    sessions = Sessions(nano.BUNDLE, read_manifest(nano.BUNDLE), threads=1)
    for name, spec in COMPONENTS.items():
        assert [output.name for output in sessions[name].get_outputs()] == [tensor.name for tensor in spec.outputs]
    assert sessions.input_shape("wav2vec2") == ["B", "N"]
    clip = np.zeros((1, 640), np.float32)
    assert [o.shape for o in sessions.run("speaker_encoder", {"ref_wav": clip})] == [(1, 1, 4), (1, nano.CHANNELS)]


def test_a_checkpoint_folder_with_a_bundle_inside(bundle: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "Spark-TTS"
    checkpoint.mkdir()
    bundle.rename(checkpoint / "onnx")
    with SparkTTSONNX(checkpoint) as tts:
        assert tts.manifest.source == "nano"
    with SparkTTSONNX(str(checkpoint / "onnx")) as tts:
        assert tts.inference("Hi.", seed=1)[1].tokens == 9


def test_the_language_model_is_in_the_manifest() -> None:
    assert LANGUAGE_MODEL in read_manifest(nano.BUNDLE).graphs


@pytest.mark.parametrize(
    ("dtype", "graph", "precision", "expected"),
    [
        ("float32", "language_model", "int8", [CPU]),
        ("float16", "language_model", "fp16", [CUDA, CPU]),
        ("float32", "decoder", "fp32", [CUDA, CPU]),
        ("float16", "decoder", "fp16 stored", [CUDA, CPU]),
        ("float32", "decoder", "int8", [CPU]),
    ],
)
def test_a_graph_that_cuda_cannot_compute_stays_on_the_processor(
    manifest: Manifest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    dtype: str,
    graph: str,
    precision: str,
    expected: list[str],
) -> None:
    layout = dataclasses.replace(manifest.language_model, cache_dtype=dtype)
    graphs = manifest.graphs | {graph: dataclasses.replace(manifest.graphs[graph], precision=precision)}
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(ort, "InferenceSession", lambda *_, **given: asked.append(given))
    changed = dataclasses.replace(manifest, language_model=layout, graphs=graphs)
    sessions = Sessions(nano.BUNDLE, changed, device="cuda")
    sessions[graph]
    assert asked[0]["providers"] == expected and len(asked[0]["provider_options"]) == len(expected)
    warned = f"{graph} of {nano.BUNDLE} is made for processors" in caplog.text
    assert warned == (expected == [CPU])
    assert sessions.on_cpu == (graph == "decoder" and expected == [CPU])


def test_a_graph_that_cannot_compute_says_which_it_is(manifest: Manifest) -> None:
    sessions = Sessions(nano.BUNDLE, manifest, threads=2)
    wrong = {"x": np.zeros((1, 1), np.float32)}
    with pytest.raises(GenerationError, match="the graph prenet failed: "):
        sessions.run("prenet", wrong)
    with pytest.raises(GenerationError, match="the graph decoder failed: "):
        list(sessions.run_each([wrong]))
    sessions.close()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_never_spoken_nor_enrolled(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """It would be written as silence, or heard as a code that nobody has."""

    class Broken:
        def run(self, *_: object) -> list[Any]:
            return [np.zeros((1, 1, 3), np.int64), np.array([0.5, value], np.float32)]

    sessions = Sessions(nano.BUNDLE, manifest)
    monkeypatch.setattr(Sessions, "__getitem__", lambda *_: Broken())
    with pytest.raises(GenerationError, match="the graph speaker_encoder gives what is not a number"):
        sessions.run("speaker_encoder", {})
    with pytest.raises(GenerationError, match="the graph decoder gives what is not a number"):
        list(sessions.run_each([{}, {}]))

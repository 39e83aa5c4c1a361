"""Checkpoints on a hub on loopback: what is fetched, where the bundles go, and that their ids find them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub

from sparktts_onnx.bundle.manifest import read_manifest

REPOSITORY = Path(__file__).parents[2]
QUICK = ("--skip-verification", "--no-alignment")


@pytest.fixture(scope="module")
def hub(tiny_folder: Path) -> Iterator[LoopbackHub]:
    """A hub with the tiny checkpoint, and files beside it that no conversion needs."""
    files = {path.relative_to(tiny_folder).as_posix(): path for path in tiny_folder.rglob("*") if path.is_file()}
    card = b"---\nlicense: mit\n---\nA tiny one."
    more = {"README.md": card, "src/figure.png": b"1" * 5000, "LLM/pytorch_model.bin": b"the same again" * 999}
    with LoopbackHub() as made:
        made.put("org/tiny", {**files, **more})
        finetune = {name: files[f"LLM/{name}"] for name in ("model.safetensors", "config.json")}
        made.put("org/finetune", {**finetune, "checkpoint-5/model.safetensors": b"older" * 999})
        made.put("org/whole", {f"LLM/{name}": content for name, content in finetune.items()})
        yield made


def run(hub: LoopbackHub, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line."""
    hub.requests.clear()
    environment = hub.environment(home, OMP_NUM_THREADS="1", **environment)
    command = [sys.executable, "-m", "sparktts_onnx", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False)


def asked_for(hub: LoopbackHub) -> set[str]:
    """Files that were fetched."""
    return {line.split("/resolve/")[1].partition("/")[2] for line in hub.requests if line.startswith("HEAD")}


def needed(tiny_folder: Path) -> set[str]:
    """What the tiny checkpoint has, and the card."""
    return {path.relative_to(tiny_folder).as_posix() for path in tiny_folder.rglob("*") if path.is_file()} | {
        "README.md"
    }


def test_a_checkpoint_is_converted_into_the_cache_and_found_by_its_id(
    hub: LoopbackHub, tmp_path: Path, tiny_folder: Path
) -> None:
    commit = hub.models["org/tiny"].refs["main"]
    refused = run(hub, tmp_path, "--model", "org/tiny", "--text", "Hello.", "--precision", "int4")
    assert refused.returncode == 1
    advice = refused.stderr.strip().rpartition("convert it once: spark-tts-onnx ")[2]
    assert advice == "convert org/tiny --precision int4"
    done = run(hub, tmp_path, *advice.split(), *QUICK)
    place = tmp_path / "assets" / "sparktts_onnx" / "org--tiny" / commit
    assert (done.returncode, done.stdout) == (0, f"{place / 'int4'}\n"), done.stderr
    came_before = {"README.md", "config.yaml", "LLM/config.json"}
    assert asked_for(hub) == needed(tiny_folder) - came_before
    assert done.stderr.splitlines()[-1] == 'next: spark-tts-onnx --model org/tiny --text "Hello."'
    manifest = read_manifest(place / "int4")
    assert (manifest.source, manifest.licence) == (f"org/tiny@{commit}", "mit")
    given = ("voices", "list", "--model", "org/tiny", "--voices-dir", str(tmp_path / "voices"))
    shown = run(hub, tmp_path, *given, HF_HUB_OFFLINE="1")
    assert shown.returncode == 0 and hub.requests == [], shown.stderr


def test_what_is_printed_next_speaks_with_the_bundle(hub: LoopbackHub, tmp_path: Path, tiny_folder: Path) -> None:
    """Also of a checkpoint in the hub's cache that is named by its folder, with a space in its path."""
    snapshot = tmp_path / "my cache" / "models--my--tiny" / "snapshots" / ("0" * 40)
    shutil.copytree(tiny_folder, snapshot)
    done = run(hub, tmp_path, "convert", str(snapshot), "--graphs", "decoder,language_model", *QUICK)
    assert done.returncode == 0, done.stderr
    command = shlex.split(done.stderr.splitlines()[-1].removeprefix("next: spark-tts-onnx "))
    found = run(hub, tmp_path, "voices", "list", *command[:2], "--voices-dir", str(tmp_path / "voices"))
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(("name", "folder"), [("finetune", ""), ("whole", "LLM/")])
def test_a_finetune_on_the_hub_has_the_bundle(
    hub: LoopbackHub, tmp_path: Path, tiny_folder: Path, name: str, folder: str
) -> None:
    given = ("convert", str(tiny_folder), "--language-model", f"org/{name}", "--precision", "int8", *QUICK)
    done = run(hub, tmp_path, *given, "--graphs", "decoder,language_model")
    commit = hub.models[f"org/{name}"].refs["main"]
    place = tmp_path / "assets" / "sparktts_onnx" / f"org--{name}" / commit / "int8"
    assert done.stdout == f"{place}\n", done.stderr
    assert asked_for(hub) == {f"{folder}config.json", f"{folder}model.safetensors"}
    assert read_manifest(place).source == f"Tiny + org/{name}@{commit}"


def test_several_precisions_of_a_folder_lie_beside_each_other(
    hub: LoopbackHub, tmp_path: Path, tiny_folder: Path
) -> None:
    given = ("--output-dir", str(tmp_path / "out"), "--graphs", "decoder,language_model", *QUICK)
    done = run(hub, tmp_path, "convert", str(tiny_folder), "--precision", "int8,int4", *given)
    assert done.stdout.split() == [str(tmp_path / "out" / precision) for precision in ("int8", "int4")], done.stderr
    more = run(hub, tmp_path, "convert", str(tiny_folder), "--precision", "fp16", *given)
    assert more.stdout.split() == [str(tmp_path / "out" / "fp16")] and hub.requests == []
    for precision in ("int8", "int4", "fp16"):
        assert read_manifest(tmp_path / "out" / precision).precision == precision


def test_a_conversion_without_wav2vec2_does_not_fetch_it(hub: LoopbackHub, tmp_path: Path, tiny_folder: Path) -> None:
    given = ("--graphs", "decoder,language_model", "--output-dir", str(tmp_path / "out"), *QUICK)
    done = run(hub, tmp_path, "convert", "org/tiny", *given)
    assert done.returncode == 0, done.stderr
    assert asked_for(hub) == needed(tiny_folder) - {"wav2vec2-large-xlsr-53/pytorch_model.bin"}
    wrong = run(hub, tmp_path / "empty", "convert", "org/tiny", "--opset-version", "12")
    assert wrong.returncode == 2 and hub.requests == []

"""Models by id: which bundle is opened, which of its files are fetched and when, and that a folder asks nobody."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nano
import pytest
from loopback_hub import LoopbackHub

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.contract import ENROLLMENT_GRAPHS, SPEAKING_GRAPHS
from sparktts_onnx.errors import BundleError, OptionError
from sparktts_onnx.hub.bundles import open_bundle

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests/data/prompt.wav"
SPEAK = """
import json, sys
from sparktts_onnx import SparkTTSONNX
with SparkTTSONNX.from_pretrained(*sys.argv[1:2], **json.loads(sys.argv[2])) as tts:
    print(tts.manifest.precision)
    print(tts.inference("Hello.", seed=1)[1].to_dict()["model_id"])
    print(tts.enroll(["tests/data/prompt.wav"]).voice.global_ids)
    print(tts.enroll(["tests/data/prompt.wav"], "Hello there.").voice.semantic_ids is not None)
"""


@pytest.fixture
def hub(several: Path) -> Iterator[LoopbackHub]:
    """A hub with bundles and a checkpoint."""
    with LoopbackHub() as made:
        made.put_folder("org/one", nano.BUNDLE, ref="v1")
        made.put_folder("org/one", nano.BUNDLE)
        made.put_folder("org/several", several)
        made.put("org/checkpoint", {"LLM/config.json": b"{}", "config.yaml": b"a: 1"})
        made.put("org/other", {"README.md": b"another kind of model"})
        yield made


def run(hub: LoopbackHub, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python process that speaks with the hub."""
    hub.requests.clear()
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=hub.environment(home, **environment),
        check=False,
    )


def speak(hub: LoopbackHub, home: Path, model: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Open a model, speak, and enroll without and with a transcript."""
    return run(hub, home, "-c", SPEAK, model, json.dumps(options))


def files_asked_for(hub: LoopbackHub) -> list[str]:
    """Names of the files that were fetched, each once, in order."""
    heads = [line.split("/resolve/")[1].partition("/")[2] for line in hub.requests if line.startswith("HEAD")]
    return list(dict.fromkeys(heads))


def test_speaking_fetches_what_speaking_needs_and_enrolling_the_rest(hub: LoopbackHub, tmp_path: Path) -> None:
    commit = hub.models["org/one"].refs["main"]
    done = speak(hub, tmp_path, "org/one@v1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["fp32", f"org/one@{commit}"] and done.stdout.splitlines()[3] == "True"
    order = ["manifest", "tokenizer", *SPEAKING_GRAPHS, "speaker_encoder", *ENROLLMENT_GRAPHS[:3]]
    assert [Path(name).stem for name in files_asked_for(hub)] == order
    again = speak(hub, tmp_path, "org/one", revision="v1", local_files_only=True)
    assert again.stdout == done.stdout and hub.requests == [], again.stderr
    pinned = run(hub, tmp_path, "-c", SPEAK, f"org/one@{commit}", "{}", HF_HUB_OFFLINE="1")
    assert pinned.stdout == done.stdout and hub.requests == []


@pytest.mark.parametrize(
    ("options", "chosen"), [({}, "int4"), ({"precision": "fp32"}, "fp32"), ({"precision": "fp16"}, "fp16")]
)
def test_one_of_several_bundles_and_only_its_files(
    hub: LoopbackHub, tmp_path: Path, options: dict[str, str], chosen: str
) -> None:
    done = speak(hub, tmp_path, "org/several", **options)
    assert done.stdout.splitlines()[0] == chosen, done.stderr
    assert {name.partition("/")[0] for name in files_asked_for(hub) if not name.endswith("manifest.json")} == {chosen}


def test_folders_have_several_bundles_too(several: Path, tmp_path: Path) -> None:
    assert open_bundle(several).manifest.precision == "int4"
    assert open_bundle(several, device="cuda").manifest.precision == "fp16"
    assert open_bundle(str(several), precision="fp32").folder == several / "fp32"
    shutil.copytree(several, tmp_path / "checkpoint" / "onnx")
    assert open_bundle(tmp_path / "checkpoint", precision="fp16").folder == tmp_path / "checkpoint" / "onnx" / "fp16"
    with pytest.raises(BundleError, match="has no bundle of precision int8; it has fp16, fp32, int4"):
        open_bundle(several, precision="int8")
    with pytest.raises(BundleError, match="has no bundle of precision int8; it has fp32"):
        SparkTTSONNX.from_pretrained(nano.BUNDLE, precision="int8")
    with pytest.raises(OptionError, match="has no revisions"):
        SparkTTSONNX.from_pretrained(nano.BUNDLE, revision="v1")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "org/checkpoint@main",
            "org/checkpoint@main is a checkpoint, not a bundle; convert it once: "
            "spark-tts-onnx convert org/checkpoint@main --precision int8",
        ),
        ("org/other", "org/other on the hub is neither a bundle nor a checkpoint of Spark-TTS; choose another"),
        (
            "org/several",
            "org/several has no bundle of precision int8; it has fp16, fp32, int4. If it has a checkpoint too: "
            "spark-tts-onnx convert org/several --precision int8",
        ),
        ("org/one@v9", "org/one has no revision v9; its branches and tags are at {hub}/org/one"),
        (
            "nowhere",
            "there is no folder nowhere; name a folder that exists, or a model on the hub as org/name or "
            "org/name@revision",
        ),
    ],
)
def test_the_command_line_says_in_one_line_what_is_wrong(
    hub: LoopbackHub, tmp_path: Path, model: str, message: str
) -> None:
    options = ["--model_dir", model, "--text", "Hi.", "--precision", "int8"]
    done = run(hub, tmp_path, "-m", "sparktts_onnx", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {message.format(hub=hub.url)}\n"


def test_an_altered_file_in_the_cache_is_refused_and_can_be_fetched_again(hub: LoopbackHub, tmp_path: Path) -> None:
    assert speak(hub, tmp_path, "org/one").returncode == 0
    blob = next((tmp_path / "hub").rglob("decoder.onnx")).resolve()
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    failed = speak(hub, tmp_path, "org/one")
    assert failed.returncode == 1 and f"delete {blob} to fetch it again" in failed.stderr
    blob.unlink()
    assert speak(hub, tmp_path, "org/one").returncode == 0 and blob.read_bytes() == data


def test_ctrl_c_ends_a_download_and_leaves_whole_files(hub: LoopbackHub, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "Hello."}\n', encoding="utf-8")
    hub.stalls.add("decoder.onnx")
    speaking = ["--text", "Hello.", "--output-dir", str(tmp_path)]
    for number, arguments in enumerate((speaking, ["batch", str(lines), "--output-dir", str(tmp_path)])):
        home = tmp_path / f"home{number}"
        command = [sys.executable, "-m", "sparktts_onnx", *arguments, "--model", "org/one"]
        hub.requests.clear()
        with subprocess.Popen(
            command, env=hub.environment(home), cwd=ROOT, stderr=subprocess.PIPE, text=True
        ) as process:
            while "stalled" not in hub.requests and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert process.returncode == 130 and said.endswith("error: interrupted\n"), said
        whole = {path.name: path.read_bytes() for path in home.glob("hub/*/snapshots/*/*")}
        assert "language_model.onnx" in whole and "decoder.onnx" not in whole
        assert all(data == (nano.BUNDLE / name).read_bytes() for name, data in whole.items())


def test_a_folder_opens_no_socket_and_needs_no_hub_library() -> None:
    program = f"""
import os, sys
os.environ.pop("HF_HUB_DISABLE_TELEMETRY", None)
sys.addaudithook(lambda event, arguments: event.startswith("socket.") and print(event))
from sparktts_onnx import SparkTTSONNX
with SparkTTSONNX({str(nano.BUNDLE)!r}) as tts:
    tts.inference("Hello.", voice=tts.enroll([{str(RECORDING)!r}], "Hello.").voice, seed=1)
    assert tts.bundle.model_id is None
print("huggingface_hub" in sys.modules, os.environ["HF_HUB_DISABLE_TELEMETRY"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout, done.returncode) == ("False 1\n", 0), done.stderr

"""Every example runs as documented; of the demo, what it converts."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NANO = ROOT / "tests" / "data" / "nano_bundle"
EXAMPLES = sorted(path for path in (ROOT / "example").glob("*.py") if "ws://" not in path.read_text())
"""All but the client of a server, which tests/server runs."""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_speaks(
    example: Path, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a model that is named, and with the one of the clone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example), *([str(NANO)] if named else [])])
    if not named:
        (tmp_path / "pretrained_models").mkdir()
        (tmp_path / "pretrained_models" / "Spark-TTS-mini").symlink_to(NANO)
    runpy.run_path(str(example), run_name="__main__")
    written = list((tmp_path / "outputs").glob("*.wav"))
    assert written, "an example writes speech"
    assert capsys.readouterr().out.strip().splitlines()[-1].endswith(".wav")


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
@pytest.mark.parametrize(
    ("manifest", "converted"), [("manifest.json", False), ("onnx/manifest.json", False), (None, True)]
)
def test_the_demo_converts_only_what_is_no_bundle_yet(tmp_path: Path, manifest: str | None, converted: bool) -> None:
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    if manifest is not None:
        (tmp_path / "model" / manifest).touch()
    (tmp_path / "example").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv-demo" / "bin").mkdir(parents=True)
    demo = shutil.copy(ROOT / "example" / "onnx_demo.sh", tmp_path / "example")
    (tmp_path / "scripts" / "environment.sh").write_text("make_environment() { :; }\n")
    python = tmp_path / ".venv-demo" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(["bash", demo], capture_output=True, text=True, env={**os.environ, "MODEL_DIR": "model"})
    assert done.returncode == 0 and "cli.spark_tts_onnx --model-dir model " in done.stdout
    assert ("convert_to_onnx.py --model_dir model" in done.stdout) == converted

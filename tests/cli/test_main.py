"""Every way to start the command line, and to stop it while it is still being loaded."""

import subprocess
import sys
from pathlib import Path

import nano
import pytest

from sparktts_onnx.cli import main

ROOT = Path(__file__).parents[2]
STOPPED = """
import signal, sys

class Stop:
    def find_spec(self, name, *rest):
        if name == sys.argv[1]:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ImportError(name) from None  # as compiled modules do

sys.meta_path.insert(0, Stop())
signal.signal(signal.SIGINT, signal.default_int_handler)
from sparktts_onnx.cli import main
sys.exit(main(["--help"]))
"""
ELSEWHERE = """
import asyncio, concurrent.futures.process, importlib, pathlib, subprocess, sys, tempfile
import sparktts_onnx
for name in ("fcntl", "grp", "posix", "pwd", "readline", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
package = pathlib.Path(sparktts_onnx.__path__[0])
for file in sorted(package.rglob("*.py")):
    name = ".".join(file.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
    if not name.startswith(("sparktts_onnx.export.", "sparktts_onnx.scale", "sparktts_onnx.server")):
        importlib.import_module(name)
from sparktts_onnx.cli import main
sys.exit(main(["--model", sys.argv[1], "--text", "Hello.", "--seed", "1", "--output-dir", sys.argv[2]]))
"""


def python(*given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *given], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("module", ["sparktts_onnx", "cli.spark_tts_onnx"])
def test_a_module_is_the_command_line(module: str) -> None:
    done = python("-m", module, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: spark-tts-onnx ") and done.stderr == ""


def test_a_command_that_is_not_there_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speek", "--text", "Hello."]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and "'speek'" in err and "batch, revoice, tokens" in err


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("batch lines.jsonl --output-dir out --model M --workers 2", "--workers does nothing without --ray"),
        ("serve --model M --workers 2 --front_ends 2", "--workers and --front-ends do nothing without --ray"),
        ("serve --model M --gpus-per-worker=0.5", "--gpus-per-worker does nothing without --ray"),
        ("--model M --text Hi --voices-dir voices", "--voices-dir does nothing without --ssml"),
        ("--model M --text Hi --stream --flush-seconds 1", "--flush-seconds does nothing without --stream and --text"),
        ("convert M --frames 100", "--frames does nothing without --no-dynamic-axes"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, needed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "M").mkdir()
    assert main(command.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1) and err.startswith(f"error: {needed}")
    assert [path.name for path in tmp_path.iterdir()] == ["M"]


@pytest.mark.parametrize("module", ["numpy", "onnxruntime", "sparktts_onnx.cli.speak"])
def test_ctrl_c_while_the_modules_load_is_one_line(module: str) -> None:
    done = python("-c", STOPPED, module)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")


def test_nothing_on_the_way_to_speech_needs_posix(tmp_path: Path) -> None:
    """Other systems have no such modules. What Python itself needs of them is loaded before they are taken away."""
    done = python("-c", ELSEWHERE, str(nano.BUNDLE), str(tmp_path))
    assert (done.returncode, done.stderr.count("error:")) == (0, 0), done.stderr
    assert Path(done.stdout.strip()).suffix == ".wav"
    broken = ELSEWHERE.replace("from sparktts_onnx.cli", "import sparktts_onnx; import pwd\nfrom sparktts_onnx.cli")
    assert python("-c", broken, str(nano.BUNDLE), str(tmp_path)).returncode != 0

"""Every way to start the command line, and to stop it while it is still being loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

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


def python(*given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *given], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("module", ["sparktts_onnx", "cli.spark_tts_onnx"])
def test_a_module_is_the_command_line(module: str) -> None:
    done = python("-m", module, "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: spark-tts-onnx ") and done.stderr == ""


@pytest.mark.parametrize("module", ["numpy", "onnxruntime", "sparktts_onnx.cli.speak"])
def test_ctrl_c_while_the_modules_load_is_one_line(module: str) -> None:
    done = python("-c", STOPPED, module)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")

"""ONNX Runtime is imported where its telemetry was switched off before, and nothing reaches for the network."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
THE_ONE_IMPORT = "sparktts_onnx/runtime/graphs/onnx_runtime.py"
WATCHED = """
import os, sys
def watch(event, arguments):
    if event == "import" and arguments[0] == "onnxruntime":
        print("onnxruntime", os.environ.get("ORT_DISABLE_TELEMETRY"))
    if event.startswith("socket."):
        print(event)
sys.addaudithook(watch)
{statement}
from pathlib import Path
print([name for name in map(os.path.realpath, Path("/proc/self/fd").iterdir()) if "socket:" in name])
"""


def seen(statement: str) -> list[str]:
    """What a fresh process reports while it runs a statement, where nobody has set the variable."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED.format(statement=statement)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open sockets are listed under /proc")
def test_the_exporter_imports_it_with_its_telemetry_off_and_opens_no_socket() -> None:
    assert seen("import sparktts_onnx.export.conversion") == ["onnxruntime 1", "[]"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open sockets are listed under /proc")
def test_the_watcher_sees_an_import_before_and_a_socket() -> None:
    assert seen("import onnxruntime")[0] == "onnxruntime None"
    found = seen("import socket; kept = socket.socket()")
    assert found[0] == "socket.__new__" and "socket:[" in found[1]


def test_one_module_of_the_package_imports_it() -> None:
    found = set()
    for path in (REPOSITORY / "sparktts_onnx").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "onnxruntime" for name in names):
                found.add(path.relative_to(REPOSITORY).as_posix())
    assert found == {THE_ONE_IMPORT}

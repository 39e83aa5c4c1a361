"""The machine's description decides what is measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("flags", "worth"), [("avx2 avx512f", False), ("avx2 avx512_bf16", True), ("amx_bf16", True)])
def test_bfloat16_is_measured_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, flags: str, worth: bool
) -> None:
    monkeypatch.setattr(machine, "_cpu", lambda key: flags)
    assert machine.computes_bfloat16() is worth


def in_a_process(program: str) -> Any:
    """What a program prints as JSON: a process of tests reuses memory that earlier ones left."""
    command = [sys.executable, "-c", f"import json\nfrom benchmarks.processes import memory\n{program}"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def test_memory_that_is_touched_is_counted() -> None:
    size = 50_000_000
    before, after = in_a_process(
        f"before = memory(); held = bytearray(b'x') * {size}; print(json.dumps([before, memory()]))"
    )
    assert 0.8 < (after["anonymous_mb"] - before["anonymous_mb"]) / (size / 1e6) < 1.2
    assert after["resident_mb"] > after["anonymous_mb"] > 1


def test_a_process_counts_its_own_memory_only() -> None:
    held = bytearray(b"x") * 300_000_000
    assert 5 < in_a_process("print(json.dumps(memory()))")["resident_mb"] < len(held) / 1e6

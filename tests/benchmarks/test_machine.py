"""The machine's description decides what is measured."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.processes import memory

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("flags", "worth"), [("avx2 avx512f", False), ("avx2 avx512_bf16", True), ("amx_bf16", True)])
def test_bfloat16_is_measured_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, flags: str, worth: bool
) -> None:
    monkeypatch.setattr(machine, "_cpu", lambda key: flags)
    assert machine.computes_bfloat16() is worth


def test_memory_that_is_touched_is_counted() -> None:
    before = memory()
    held = bytearray(b"x") * 50_000_000
    after = memory()
    assert 0.8 < (after["anonymous_mb"] - before["anonymous_mb"]) / (len(held) / 1e6) < 1.2
    assert after["resident_mb"] > after["anonymous_mb"] > 1


def test_a_process_counts_its_own_memory_only() -> None:
    held = bytearray(b"x") * 300_000_000
    command = "from benchmarks.processes import memory; print(memory()['resident_mb'])"
    found = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 5 < float(found.stdout) < len(held) / 1e6

"""The machine's description decides what is measured."""

from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.processes import megabytes, memory


@pytest.mark.parametrize(("flags", "worth"), [("avx2 avx512f", False), ("avx2 avx512_bf16", True), ("amx_bf16", True)])
def test_bfloat16_is_measured_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, flags: str, worth: bool
) -> None:
    monkeypatch.setattr(machine, "_cpu", lambda key: flags)
    assert machine.computes_bfloat16() is worth


def test_a_missing_line_of_memory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmHWM:\t  2048 kB\n")
    assert megabytes(tmp_path / "status", "VmHWM") == 2.048
    with pytest.raises(KeyError, match="RssAnon"):
        megabytes(tmp_path / "status", "RssAnon")
    assert memory()["resident_mb"] >= memory()["anonymous_mb"] > 1

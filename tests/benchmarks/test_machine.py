"""The machine's description decides what is measured."""

from pathlib import Path

import pytest
import torch

from benchmarks import machine
from benchmarks.process import megabytes, memory


@pytest.mark.parametrize(("seconds", "worth"), [(5.0, False), (3.9, True), (0.5, True)])
def test_bfloat16_is_measured_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float, worth: bool
) -> None:
    measured = {torch.float32: 1.0, torch.bfloat16: seconds}
    monkeypatch.setattr(machine, "_product_seconds", lambda dtype: measured[dtype])
    assert machine.computes_bfloat16() is worth


def test_a_missing_line_of_memory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmHWM:\t  2048 kB\n")
    assert megabytes(tmp_path / "status", "VmHWM") == 2.048
    with pytest.raises(KeyError, match="RssAnon"):
        megabytes(tmp_path / "status", "RssAnon")
    assert memory()["resident_mb"] >= memory()["share_mb"] > 1

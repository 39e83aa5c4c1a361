"""The capacity plan: its figures follow from what was measured, and the page is what the script writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scaling
from benchmarks.queueing import Speed


def level(clients: int, throughput: float) -> dict[str, Any]:
    """A load whose answers last 4 s on average."""
    return {
        "clients": clients,
        "answers": 300,
        "audio_seconds": 1200.0,
        "wall_seconds": 1200.0 / throughput,
        "memory_bytes": 1.5e9 + clients * 1e6,
        "whole_median": 4.0 * clients / throughput,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Measured: 2 s of speech a second alone, 5 with all rows; 800 MB of 1 000 MB shared."""
    speed = Speed.of(2.0, 8, 5.0)
    levels = [level(clients, speed.total(min(8, clients))) for clients in (1, 4, 16)]
    (tmp_path / "load.json").write_text(json.dumps(levels))
    shared = {
        "suite": "shared memory",
        "case": "two processes at once",
        "contender": "ours, packed weights",
        "fault": None,
    }
    cpu = {"results": [{**shared, "medians": {"resident_mb": 1000.0, "share_mb": 600.0}}]}
    (tmp_path / "cpu.json").write_text(json.dumps(cpu))
    return tmp_path


def measured(results: Path) -> scaling.Measured:
    found = scaling.read_measured(results, cores=2, rows=8)
    assert found is not None
    return found


def test_the_figures_are_those_that_were_measured(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "STREAMS", (10,))
    told = scaling.figures(measured(results), price=0.05)
    assert "| one answer | 2.00 |" in told.replace("seconds of speech a second, ", "")
    assert "| … 8 answers at once | 5.00 |" in told
    assert "| streams a core, all rows in use | 2.50 |" in told
    assert "| … of which workers on one machine share | 800 MB |" in told
    assert "| memory of a worker under load | 1516 MB |" in told
    assert "| cost of an hour of speech at 0.05 a core and hour | 0.0200 |" in told


def test_the_simulation_meets_the_load_that_it_was_not_fitted_to(results: Path) -> None:
    found = measured(results)
    four = next(level for level in found.levels if level["clients"] == 4)
    assert scaling._closed(found, 4).throughput == pytest.approx(scaling.throughput(four), rel=0.03)


def test_more_streams_use_their_workers_better(results: Path) -> None:
    found = measured(results)
    few, many = scaling.needed(found, 10), scaling.needed(found, 200)
    assert few.wait <= scaling.PATIENCE_SECONDS >= many.wait
    assert 10 / 5 < few.workers <= 6
    assert 200 / 5 <= many.workers < 20 * few.workers


def test_nothing_is_invented_where_nothing_was_measured(tmp_path: Path) -> None:
    assert scaling.read_measured(tmp_path, cores=2, rows=8) is None
    assert "Nothing was measured" in scaling.figures(None, price=1)


def test_only_the_figures_are_rewritten() -> None:
    page = f"before\n{scaling.BEGIN}\n\nold\n\n{scaling.END}\nafter\n"
    assert scaling.rewritten(page, "new\n") == f"before\n{scaling.BEGIN}\n\nnew\n\n{scaling.END}\nafter\n"
    with pytest.raises(SystemExit, match="marks"):
        scaling.rewritten("no marks", "new")
    shown = scaling.PAGE.read_text(encoding="utf-8")
    assert scaling.rewritten(shown, "x") != shown

"""Tables say what was measured, and every page shows what the committed results give."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.report import FIGURES, filled, gains, markdown, number, pages, speed


def _result(suite: str, case: str, contender: str, **medians: float) -> dict[str, Any]:
    return {
        "suite": suite,
        "case": case,
        "contender": contender,
        "fault": None,
        "values": {key: [value] for key, value in medians.items()},
    }


def _report(*results: dict[str, Any]) -> dict[str, Any]:
    machine = {
        "date": "2026-01-01",
        "cpu": "C",
        "cores": 2,
        "memory_gb": 1.0,
        "system": "S",
        "python": "3",
        "flags": ["avx2"],
        "gpu": None,
    }
    return {
        "results": list(results),
        "disk": {"int8": {"bundle_bytes": 2e9, "speaking_bytes": 5e8}},
        "machine": {**machine, "flags": ["avx2"], "gpu": None, "versions": {"numpy": "2", "torch": None}},
        "load_average": [0.1],
        "minutes": 3.0,
        "threads": 2,
        "rounds": 5,
        "note": "",
    }


def _row(text: str, start: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_better_is_a_larger_ratio_whatever_the_metric() -> None:
    table = speed(
        _report(
            _result("codec", "10 s", "PyTorch float32", real_time=2.5),
            _result("codec", "10 s", "ours int8", real_time=5.0),
            _result("enrollment", "6 s", "PyTorch float32", seconds=3.0),
            _result("enrollment", "6 s", "ours int8", seconds=1.5),
            _result("enrollment", "6 s", "ours int8, no transcript", seconds=0.3),
        )
    )
    assert _row(table, "codec, 10 s")[1:] == ["2.5", "5 (2.00×)"]
    assert _row(table, "enrollment, 6 s, with transcript")[1:] == ["3", "1.5 (2.00×)"]
    assert _row(table, "enrollment, 6 s, without")[1:] == ["", "0.3 (10.00×)"]
    assert _row(table, "bundle, MB")[1:] == ["", "2000"]
    assert "numpy 2, avx2." in table and "torch" not in table.splitlines()[-1]


def test_a_wrong_output_stands_in_the_table_and_has_no_gain() -> None:
    case = "8 answers together"
    measured = _report(
        _result("language model", "300 ids in", "ours int8", decode=10.0),
        _result("language model", case, "ours int8, 1 at once", decode=100.0),
        _result("language model", case, "ours int8, plain loop", decode=125.0),
        _result("language model", case, "ours int8, 8 at once") | {"fault": "silence"},
    )
    assert _row(speed(measured), "… 8 answers")[1] == "WRONG: silence"
    table = gains({"here": measured})
    assert _row(table, "eight answers in one step, int8")[1] == ""
    assert _row(table, "the scheduler over a plain loop, int8")[1] == "0.80×"


def test_every_gain_names_figures_that_there_are() -> None:
    starts = [start for _, *pair in report.GAINS for start, _ in pair]
    assert all(sum(figure.what.startswith(start) for figure in FIGURES) >= 1 for start in starts)


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.01234, "0.0123"), (12.34, "12.3"), (1234.4, "1234")])
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_tables_escape_their_own_sign() -> None:
    assert markdown(["a", "b"], [["x|y", "1"]]).splitlines()[-1] == "| x\\|y | 1 |"


def test_only_what_stands_between_the_marks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "TABLES", {"a b": lambda: "new"})
    page = "before\n<!-- figures: a b -->\nold\n<!-- end of figures -->\nafter\n"
    assert filled(page) == "before\n<!-- figures: a b -->\n\nnew\n\n<!-- end of figures -->\nafter\n"
    assert filled(filled(page)) == filled(page)
    with pytest.raises(SystemExit, match="'a c'"):
        filled(page.replace("a b", "a c"))


def test_every_page_shows_what_the_committed_results_give() -> None:
    written = pages()
    assert "benchmarks.md" in {path.name for path in written}
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, f"run python -m benchmarks.report: {path} is old"


def test_every_table_stands_on_a_page() -> None:
    shown = {name for text in pages().values() for _, name, _ in report._MARKED.findall(text)}
    assert shown == set(report.TABLES)


def test_what_was_not_measured_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    page = "<!-- figures: load -->\n<!-- end of figures -->"
    assert "Not measured yet: there is no `load.json`." in filled(page)

"""The page is what the results say, and is up to date."""

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.plot import plot
from benchmarks.report import left_out, markdown, number, pages, table, times
from benchmarks.settings import DEFAULT_PRECISION
from benchmarks.targets import TARGETS, Facts, Target

OURS = f"ours {DEFAULT_PRECISION}"


def _result(suite: str, case: str, contender: str, **medians: float) -> dict[str, Any]:
    values = {metric: [value] for metric, value in medians.items()}
    return {
        "suite": suite,
        "case": case,
        "contender": contender,
        "check": "compared",
        "fault": None,
        "values": values,
        "medians": medians,
    }


def _report(*results: dict[str, Any]) -> dict[str, Any]:
    return {"results": list(results), "disk": {DEFAULT_PRECISION: {"bundle_bytes": 2e9, "speaking_bytes": 5e8}}}


def _target(text: str) -> Target:
    (target,) = (target for target in TARGETS if text in target.what)
    return target


def test_faster_means_a_larger_ratio_whatever_the_metric() -> None:
    report = _report(
        _result("codec", "10 s", "PyTorch float32", seconds=4.0, real_time=2.5),
        _result("codec", "10 s", "ours", seconds=2.0, real_time=5.0),
        _result("enrollment", "6 s", "PyTorch float32", seconds=3.0),
        _result("enrollment", "6 s", "ours", seconds=1.5),
    )
    assert _target("codec, 10 s, against").measured(Facts(report, DEFAULT_PRECISION)) == 2.0
    assert _target("enrollment with a").measured(Facts(report, DEFAULT_PRECISION)) == 2.0
    assert table(report).count("2.00×") == 2


def test_the_share_of_the_limit_is_told() -> None:
    result = _result("language model", "300 ids in, 300 out", OURS, decode=80.0) | {"limits": {"decode": 100.0}}
    assert _target("decoding, share of what").measured(Facts(_report(result), DEFAULT_PRECISION)) == 0.8
    assert "| 80% |" in table(_report(result))


def test_many_answers_are_compared_with_one() -> None:
    case = "8 answers together"
    report = _report(
        _result("language model", case, f"{OURS}, 1 at once", decode=100.0),
        _result("language model", case, f"{OURS}, 8 at once", decode=300.0),
    )
    assert _target("8 answers together").measured(Facts(report, DEFAULT_PRECISION)) == 3.0


def test_what_was_not_measured_is_not_a_number() -> None:
    empty = Facts({"results": [], "disk": {}}, DEFAULT_PRECISION)
    assert [target.measured(empty) for target in TARGETS] == [None] * len(TARGETS)


def test_bounds_hold_on_their_side() -> None:
    least, most = Target("a", lambda facts: None, 2), Target("b", lambda facts: None, 2, at_most=True)
    assert least.met(2.0, 2) and least.met(3.0, 2) and not least.met(1.9, 2)
    assert most.met(2.0, 2) and most.met(1.0, 2) and not most.met(2.1, 2)


def test_a_wrong_output_stands_in_the_table() -> None:
    wrong = _result("codec", "1 s", "ours") | {"fault": "silence"}
    assert "WRONG: silence" in table(_report(wrong))


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.01234, "0.0123"), (12.34, "12.3"), (1234.4, "1234")])
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_tables_escape_their_own_sign() -> None:
    assert markdown(["a", "b"], [["x|y", times(1.5)]]).splitlines()[-1] == "| x\\|y | 1.50× |"


@pytest.mark.parametrize(("contender", "said"), [("PyTorch bfloat16", False), ("ours", True)])
def test_a_format_that_was_not_measured_is_said(contender: str, said: bool) -> None:
    assert ("bfloat16 is left out" in left_out(_report(_result("codec", "1 s", contender)))) is said


def test_the_plot_is_well_formed_and_its_bars_have_the_right_proportions() -> None:
    report = _report(
        _result("codec", "10 s", "PyTorch float32", real_time=2.0), _result("codec", "10 s", "ours", real_time=4.0)
    )
    root = ElementTree.fromstring(plot(report))
    bars = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("fill") != "white"]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert len(widths) == 2 and widths[1] == pytest.approx(2 * widths[0], rel=0.01)


def test_the_page_and_its_plot_are_what_the_committed_results_give() -> None:
    written = pages()
    assert len(written) == 5
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text

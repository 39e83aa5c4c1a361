"""The harness counts what it should, in the order it should, and only work that was really done."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from benchmarks import harness
from benchmarks.harness import Case, Contender, Result, WrongOutputError, faults, measure
from benchmarks.report import Figure


def _contender(
    name: str, values: Iterator[float], log: list[str], *, check: Callable[[], None] = lambda: None
) -> Contender:
    def run() -> dict[str, float]:
        log.append(name)
        return {"seconds": next(values)}

    return Contender(name, run, check)


def _fail() -> None:
    raise WrongOutputError("the samples are silence")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "_PAUSE_SECONDS", 0)


def figure(results: list[Result], contender: str, metric: str = "seconds") -> float | str | None:
    """What the table shows."""
    return Figure("what", "suite", "case", metric).value({"results": [asdict(r) for r in results]}, contender)


def test_the_median_is_the_middle_of_the_rounds_not_their_mean() -> None:
    case = Case("suite", "case", (_contender("a", iter([1.0, 2.0, 100.0, 3.0, 2.5]), []),))
    results = measure(case, 5)
    assert results[0].values["seconds"] == [1.0, 2.0, 100.0, 3.0, 2.5]
    assert figure(results, "a") == 2.5
    assert figure(results, "a", "no such metric") is None


def test_every_round_runs_everybody_once_and_begins_with_the_next() -> None:
    log: list[str] = []
    contenders = tuple(_contender(name, iter([1.0] * 3), log) for name in "abc")
    measure(Case("suite", "case", contenders), 3)
    assert log == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]


def test_a_contender_with_a_wrong_output_is_not_timed() -> None:
    log: list[str] = []
    wrong = _contender("wrong", iter([0.001] * 5), log, check=_fail)
    right = _contender("right", iter([1.0] * 5), log)
    results = measure(Case("suite", "case", (wrong, right)), 5)
    assert log == ["right"] * 5
    assert figure(results, "wrong") == "WRONG: the samples are silence" and figure(results, "right") == 1.0
    assert faults(results) == ["suite, case, wrong: the samples are silence"]


def test_a_wrong_output_in_a_timed_run_voids_the_times_before_it() -> None:
    runs = iter([1.0, 1.0])

    def run() -> dict[str, float]:
        try:
            return {"seconds": next(runs)}
        except StopIteration:
            raise WrongOutputError("too few ids") from None

    results = measure(Case("suite", "case", (Contender("a", run),)), 5)
    assert results[0].fault == "too few ids" and results[0].values["seconds"] == [1.0, 1.0]
    assert figure(results, "a") == "WRONG: too few ids"


def test_who_has_used_the_allowance_sits_out_and_the_others_go_on() -> None:
    log: list[str] = []
    now = [0.0]

    def slow() -> dict[str, float]:
        now[0] += 10
        log.append("slow")
        return {"seconds": 10.0}

    contenders = (Contender("slow", slow), _contender("fast", iter([1.0] * 5), log))
    results = measure(Case("suite", "case", contenders), 5, 15, clock=lambda: now[0])
    assert log.count("slow") == 2 and log.count("fast") == 5
    assert len(results[0].values["seconds"]) == 2


def test_a_result_is_found_by_all_of_its_names() -> None:
    results = measure(Case("suite", "case", (_contender("a", iter([1.0] * 5), []),)), 5)
    assert figure(results, "a") == 1.0 and figure(results, "b") is None
    for other in (Figure("what", "other", "case", "seconds"), Figure("what", "suite", "other", "seconds")):
        assert other.value({"results": [asdict(r) for r in results]}, "a") is None

"""The harness counts what it should, in the order it should, and only work that was really done."""

from collections.abc import Callable, Iterator

from benchmarks.harness import (
    Case,
    Contender,
    Plan,
    WrongOutputError,
    faults,
    find,
    measure,
    ratio,
    round_order,
)


def _contender(
    name: str, values: Iterator[float], log: list[str], *, check: Callable[[], None] = lambda: None
) -> Contender:
    def run() -> dict[str, float]:
        log.append(name)
        return {"seconds": next(values)}

    return Contender(name, run, check)


def _fail() -> None:
    raise WrongOutputError("the samples are silence")


PLAN = Plan(rounds=5, pause_seconds=0)


def test_the_median_is_the_middle_of_the_rounds_not_their_mean() -> None:
    case = Case("suite", "case", (_contender("a", iter([1.0, 2.0, 100.0, 3.0, 2.5]), []),))
    (result,) = measure(case, PLAN)
    assert result.values["seconds"] == [1.0, 2.0, 100.0, 3.0, 2.5]
    assert result.median("seconds") == 2.5
    assert result.median("no such metric") is None


def test_every_round_runs_everybody_once_and_begins_with_the_next() -> None:
    log: list[str] = []
    contenders = tuple(_contender(name, iter([1.0] * 3), log) for name in "abc")
    measure(Case("suite", "case", contenders), Plan(rounds=3, pause_seconds=0))
    assert log == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert round_order(3, 4) == [1, 2, 0]


def test_a_contender_with_a_wrong_output_is_not_timed() -> None:
    log: list[str] = []
    wrong = _contender("wrong", iter([0.001] * 5), log, check=_fail)
    right = _contender("right", iter([1.0] * 5), log)
    results = measure(Case("suite", "case", (wrong, right)), PLAN)
    assert log == ["right"] * 5
    assert results[0].median("seconds") is None and results[1].median("seconds") == 1.0
    assert faults(results) == ["suite, case, wrong: the samples are silence"]


def test_a_wrong_output_in_a_timed_run_voids_the_times_before_it() -> None:
    runs = iter([1.0, 1.0])

    def run() -> dict[str, float]:
        try:
            return {"seconds": next(runs)}
        except StopIteration:
            raise WrongOutputError("too few ids") from None

    (result,) = measure(Case("suite", "case", (Contender("a", run),)), PLAN)
    assert result.fault == "too few ids"
    assert result.median("seconds") is None
    assert result.as_json()["medians"] == {"seconds": None}


def test_who_has_used_the_allowance_sits_out_and_the_others_go_on() -> None:
    log: list[str] = []
    now = [0.0]

    def slow() -> dict[str, float]:
        now[0] += 10
        log.append("slow")
        return {"seconds": 10.0}

    contenders = (Contender("slow", slow), _contender("fast", iter([1.0] * 5), log))
    plan = Plan(rounds=5, allowance_seconds=15, pause_seconds=0)
    results = measure(Case("suite", "case", contenders), plan, clock=lambda: now[0])
    assert log.count("slow") == 2 and log.count("fast") == 5
    assert len(results[0].values["seconds"]) == 2


def test_ratios_need_both_sides() -> None:
    assert ratio(6.0, 2.0) == 3.0
    assert ratio(None, 2.0) is None and ratio(1.0, None) is None and ratio(1.0, 0.0) is None


def test_a_result_is_found_by_all_of_its_names() -> None:
    (result,) = measure(Case("suite", "case", (_contender("a", iter([1.0] * 5), []),)), PLAN)
    described = [result.as_json()]
    assert find(described, "suite", "case", "a") == described[0]
    assert find(described, "suite", "case", "b") is None

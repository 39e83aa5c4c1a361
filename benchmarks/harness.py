"""The harness: contenders for the same work, judged first, then timed in turn.

Only contenders that run side by side in one process on one machine can be compared: machines are shared, and the same
work may take a fifth longer a minute later. So every round runs every contender once, each round begins with another
one, and the medians over the rounds are what counts.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
T = TypeVar("T")

Values = Mapping[str, float]
"""What one run measured, by metric."""


class WrongOutputError(Exception):
    """A contender did not do the work that its time would be counted for."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work of a case."""

    name: str
    run: Callable[[], Values]
    """Does the work once, timed; raises `WrongOutputError` where the output is not what was asked for."""
    check: Callable[[], object] = lambda: None
    """Does the work once and judges the output; raises `WrongOutputError`."""


def judged(
    name: str, work: Callable[[], T], judge: Callable[[T], None], values: Callable[[float], Values]
) -> Contender:
    """A contender whose output is judged before it is timed, and after every timed run; `values` of the seconds."""

    def run() -> Values:
        began = time.perf_counter()
        output = work()
        elapsed = time.perf_counter() - began
        judge(output)
        return values(elapsed)

    return Contender(name, run, lambda: judge(work()))


@dataclass(frozen=True)
class Case:
    """The same work for several contenders."""

    suite: str
    name: str
    contenders: tuple[Contender, ...]
    rounds: int | None = None
    """Most of them, where a run takes long."""


@dataclass(frozen=True)
class Plan:
    """How thoroughly a case is measured."""

    rounds: int = 5
    """Runs of every contender; what is reported is the median."""
    allowance_seconds: float | None = None
    """A contender that has taken this long in one case sits out the other rounds; its number of runs is reported."""
    pause_seconds: float = 0.2
    """Between runs, so that the threads of the last one go to sleep."""


@dataclass
class Result:
    """What a contender reached in a case."""

    suite: str
    case: str
    contender: str
    values: dict[str, list[float]] = field(default_factory=dict)
    """Every run's values by metric, in the order of the rounds."""
    fault: str | None = None
    """Why no time counts."""
    seconds: float = 0.0
    """Time that the runs took together."""

    def median(self, metric: str) -> float | None:
        """The median over the rounds, or None where nothing counts."""
        return statistics.median(self.values[metric]) if self.fault is None and self.values.get(metric) else None

    def as_json(self) -> dict[str, Any]:
        """Plain values for the file of results."""
        return {
            "suite": self.suite,
            "case": self.case,
            "contender": self.contender,
            "fault": self.fault,
            "values": {metric: [round(value, 6) for value in values] for metric, values in self.values.items()},
            "medians": {metric: self.median(metric) for metric in self.values},
        }


def measure(case: Case, plan: Plan, *, clock: Callable[[], float] = time.perf_counter) -> list[Result]:
    """Judge every contender, then run those that passed in turn."""
    results = [Result(case.suite, case.name, contender.name) for contender in case.contenders]
    for result, contender in zip(results, case.contenders, strict=True):
        _log.info("%s, %s: checking %s", case.suite, case.name, contender.name)
        _attempt(result, contender.check)
    for number in range(min(plan.rounds, case.rounds or plan.rounds)):
        for index in round_order(len(case.contenders), number):
            result = results[index]
            spent = plan.allowance_seconds is not None and result.seconds > plan.allowance_seconds
            if result.fault is None and not spent:
                time.sleep(plan.pause_seconds)
                began = clock()
                values = _attempt(result, case.contenders[index].run) or {}
                result.seconds += clock() - began
                for metric, value in values.items():
                    result.values.setdefault(metric, []).append(value)
                rounded = {metric: round(value, 3) for metric, value in values.items()}
                _log.info("%s, %s: %s %s", case.suite, case.name, result.contender, result.fault or rounded)
    return results


def _attempt(result: Result, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except WrongOutputError as error:
        result.fault = str(error)
        return None


def round_order(count: int, number: int) -> list[int]:
    """The order of a round: every round begins with the next contender, so that no one always runs first."""
    return [(number + offset) % count for offset in range(count)]


def ratio(value: float | None, other: float | None) -> float | None:
    """How many times `other` a value is; None where one is not known."""
    return None if value is None or other is None or other == 0 else value / other


def find(results: Iterable[Mapping[str, Any]], suite: str, case: str, contender: str) -> Mapping[str, Any] | None:
    """A result in the form of `Result.as_json`, by the beginning of its case's name."""
    named = (r for r in results if (r["suite"], r["contender"]) == (suite, contender))
    return next((r for r in named if r["case"].startswith(case)), None)


def faults(results: Sequence[Result]) -> list[str]:
    """Every contender whose output was wrong."""
    return [f"{r.suite}, {r.case}, {r.contender}: {r.fault}" for r in results if r.fault is not None]

"""The harness: contenders for the same work, judged first, then timed in turn.

Only contenders that run side by side in one process on one machine can be compared: machines are shared, and the same
work may take a fifth longer a minute later. So every round runs every contender once, each round begins with another
one, and the medians over the rounds are what counts.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.2
"""Between runs, so that the threads of the last one go to sleep."""
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


def measure(
    case: Case, rounds: int, allowance: float = math.inf, *, clock: Callable[[], float] = time.perf_counter
) -> list[Result]:
    """Judge every contender, then run those that passed in turn, each until it has used its allowance of seconds."""
    results = [Result(case.suite, case.name, contender.name) for contender in case.contenders]
    turns = deque(zip(results, case.contenders, strict=True))
    for result, contender in turns:
        _log.info("%s, %s: checking %s", case.suite, case.name, contender.name)
        _attempt(result, contender.check)
    for _ in range(min(rounds, case.rounds or rounds)):
        for result, contender in turns:
            if result.fault is None and result.seconds <= allowance:
                time.sleep(_PAUSE_SECONDS)
                began = clock()
                values = _attempt(result, contender.run) or {}
                result.seconds += clock() - began
                for metric, value in values.items():
                    result.values.setdefault(metric, []).append(value)
                rounded = {metric: round(value, 3) for metric, value in values.items()}
                _log.info("%s, %s: %s %s", case.suite, case.name, result.contender, result.fault or rounded)
        turns.rotate(-1)  # no one always runs first
    return results


def _attempt(result: Result, work: Callable[[], T]) -> T | None:
    try:
        return work()
    except WrongOutputError as error:
        result.fault = str(error)
        return None


def faults(results: Sequence[Result]) -> list[str]:
    """Every contender whose output was wrong."""
    return [f"{r.suite}, {r.case}, {r.contender}: {r.fault}" for r in results if r.fault is not None]

"""A small simulation of a server with many workers: how long requests wait, and what automatic growth does.

A worker makes several answers at once and gets slower for each with every further one: a step of the language model
costs a part that all answers share (reading the weights) and a part for each. Requests go to the less busy of two
workers drawn at random, as Ray Serve's router does, and wait in one queue where none has room.
"""

import heapq
import itertools
import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FIRST_SOUND_SECONDS = 0.5
"""Seconds of speech that have to be written before the first sound: 15 tokens and 10 to look ahead, at 50 a second."""


@dataclass(frozen=True)
class Speed:
    """How fast one worker is: seconds of work for a second of speech in each of n answers are `shared + each * n`."""

    shared: float
    each: float

    @classmethod
    def of(cls, alone: float, rows: int, together: float) -> "Speed":
        """From two measured points: seconds of speech a second with one answer, and with `rows` at once."""
        each = (rows / together - 1 / alone) / (rows - 1) if rows > 1 else 0.0
        return cls(max(0.0, 1 / alone - each), max(0.0, each))

    def answer(self, answers: int) -> float:
        """Seconds of speech a second for each of so many answers."""
        return 1 / (self.shared + self.each * answers)

    def total(self, answers: int) -> float:
        """Seconds of speech a second of all of them."""
        return answers * self.answer(answers)

    def live_answers(self, rows: int) -> int:
        """Most answers at once that are all heard without a gap."""
        return max((n for n in range(1, rows + 1) if self.answer(n) >= 1), default=0)


@dataclass(frozen=True)
class Growth:
    """How the number of workers follows the work; as Ray Serve's autoscaling."""

    least: int
    most: int
    target: float
    """Requests, waiting ones too, that there should be for each worker."""
    period_seconds: float = 1.0
    grow_seconds: float = 5.0
    shrink_seconds: float = 300.0
    start_seconds: float = 10.0
    """From the decision until a new worker takes requests."""


@dataclass(frozen=True)
class Scenario:
    """What is simulated."""

    speed: Speed
    rows: int
    workers: int
    seconds: float
    speech_seconds: Callable[[random.Random], float]
    """Length of a request's speech."""
    rate: Callable[[float], float] | float = 0.0
    """Requests a second, or that at a moment; 0 for clients that ask again as soon as they are answered."""
    clients: int = 0
    queue_size: int | None = None
    """Requests that may wait; more are refused."""
    growth: Growth | None = None
    warm_up_seconds: float = 0.0
    """Requests that arrive before this are not counted."""


@dataclass
class Outcome:
    """What requests met."""

    waits: list[float] = field(default_factory=list)
    """Seconds in the queue."""
    firsts: list[float] = field(default_factory=list)
    """Seconds to the first sound."""
    wholes: list[float] = field(default_factory=list)
    """Seconds to the last sound, by when it was made."""
    refused: int = 0
    speech_seconds: float = 0.0
    seconds: float = 0.0
    """Simulated seconds that were counted."""
    workers: list[tuple[float, int]] = field(default_factory=list)
    """Moments at which the number of workers changed."""

    @property
    def throughput(self) -> float:
        """Seconds of speech a second."""
        return self.speech_seconds / self.seconds


class _Worker:
    """Answers that share one model. `progress` is the speech that each has made since the worker began."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._moment = 0.0
        self.progress = 0.0
        self.answers: list[tuple[float, int, float, float]] = []
        """Progress at which an answer is done, its number, arrival and length: a heap."""
        self.version = 0
        self.leaving = False
        self.place = -1
        """Where it stands among those with room; -1 where it does not."""

    def advance(self, now: float) -> None:
        if self.answers:
            self.progress += (now - self._moment) * self._speed.answer(len(self.answers))
        self._moment = now

    def next_done(self) -> float:
        left = max(0.0, self.answers[0][0] - self.progress)
        return self._moment + left / self._speed.answer(len(self.answers))


class _Open:
    """The workers with room, to draw from at random."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []

    def __bool__(self) -> bool:
        return bool(self._workers)

    def add(self, worker: _Worker) -> None:
        if worker.place < 0:
            worker.place = len(self._workers)
            self._workers.append(worker)

    def discard(self, worker: _Worker) -> None:
        if worker.place >= 0:
            last = self._workers.pop()
            if last is not worker:
                self._workers[worker.place], last.place = last, worker.place
            worker.place = -1

    def draw(self, source: random.Random) -> _Worker:
        """The less busy of two."""
        one, other = source.choice(self._workers), source.choice(self._workers)
        return min(one, other, key=lambda worker: len(worker.answers))


class Simulation:
    """Runs one scenario; the same seed gives the same course."""

    def __init__(self, scenario: Scenario, *, seed: int = 0) -> None:
        self._scenario = scenario
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._queue: deque[tuple[float, float]] = deque()
        self._open = _Open()
        self._workers = [_Worker(scenario.speed) for _ in range(scenario.workers)]
        self._starting = 0
        self._busy_since: float | None = None
        self._idle_since: float | None = None
        self._now = 0.0
        self.outcome = Outcome(workers=[(0.0, scenario.workers)])

    def run(self) -> Outcome:
        """The whole course."""
        scenario = self._scenario
        for worker in self._workers:
            self._open.add(worker)
        for _ in range(scenario.clients):
            self._arrive()
        if not scenario.clients:
            self._plan_arrival()
        if scenario.growth is not None:
            self._after(scenario.growth.period_seconds, self._adapt)
        while self._events and self._events[0][0] <= scenario.seconds:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        self.outcome.seconds = scenario.seconds - scenario.warm_up_seconds
        return self.outcome

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), happen))

    def _plan_arrival(self) -> None:
        rate = self._scenario.rate
        self._after(self._random.expovariate(rate(self._now) if callable(rate) else rate), self._next_arrival)

    def _next_arrival(self) -> None:
        self._plan_arrival()
        self._arrive()

    def _arrive(self) -> None:
        length = self._scenario.speech_seconds(self._random)
        if self._open:
            self._start(self._open.draw(self._random), self._now, length)
        elif self._scenario.queue_size is not None and len(self._queue) >= self._scenario.queue_size:
            self.outcome.refused += self._now >= self._scenario.warm_up_seconds
        else:
            self._queue.append((self._now, length))

    def _start(self, worker: _Worker, arrived: float, length: float) -> None:
        worker.advance(self._now)
        heapq.heappush(worker.answers, (worker.progress + length, next(self._numbers), arrived, length))
        if len(worker.answers) >= self._scenario.rows:
            self._open.discard(worker)
        if arrived >= self._scenario.warm_up_seconds:
            wait = self._now - arrived
            slow = 1 / self._scenario.speed.answer(len(worker.answers))
            self.outcome.waits.append(wait)
            self.outcome.firsts.append(wait + slow * min(FIRST_SOUND_SECONDS, length))
        self._plan_done(worker)

    def _plan_done(self, worker: _Worker) -> None:
        worker.version += 1
        version = worker.version
        if worker.answers:
            self._after(worker.next_done() - self._now, lambda: self._done(worker, version))

    def _done(self, worker: _Worker, version: int) -> None:
        if worker.version != version:
            return  # another answer came or went meanwhile, and another event is planned
        worker.advance(self._now)
        _, _, arrived, length = heapq.heappop(worker.answers)
        if arrived >= self._scenario.warm_up_seconds:
            self.outcome.wholes.append(self._now - arrived)
        if self._now >= self._scenario.warm_up_seconds:
            self.outcome.speech_seconds += length
        self._offer(worker)
        self._plan_done(worker)
        if self._scenario.clients:
            self._arrive()

    def _offer(self, worker: _Worker) -> None:
        """Give room to who waits, else to who comes."""
        if worker.leaving:
            return
        while self._queue and len(worker.answers) < self._scenario.rows:
            self._start(worker, *self._queue.popleft())
        if len(worker.answers) < self._scenario.rows:
            self._open.add(worker)

    def _adapt(self) -> None:
        """Compare what there is to do with what the workers should have, as it has been for a while."""
        growth = self._scenario.growth
        assert growth is not None, "only a growing server is adapted"
        ongoing = len(self._queue) + sum(len(worker.answers) for worker in self._workers)
        wanted = min(growth.most, max(growth.least, math.ceil(ongoing / growth.target)))
        have = len(self._workers) + self._starting
        self._busy_since = None if wanted <= have else self._now if self._busy_since is None else self._busy_since
        self._idle_since = None if wanted >= have else self._now if self._idle_since is None else self._idle_since
        if self._busy_since is not None and self._now - self._busy_since >= growth.grow_seconds:
            self._starting += wanted - have
            for _ in range(wanted - have):
                self._after(growth.start_seconds, self._join)
        if self._idle_since is not None and self._now - self._idle_since >= growth.shrink_seconds:
            self._shrink(have - wanted)
        self._after(growth.period_seconds, self._adapt)

    def _join(self) -> None:
        worker = _Worker(self._scenario.speed)
        worker.advance(self._now)
        self._starting -= 1
        self._workers.append(worker)
        self._offer(worker)
        self.outcome.workers.append((self._now, len(self._workers)))

    def _shrink(self, count: int) -> None:
        """Let the least busy go; what they have begun they finish."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.answers))[:count]:
            worker.leaving = True
            self._workers.remove(worker)
            self._open.discard(worker)
        self.outcome.workers.append((self._now, len(self._workers)))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return statistics.fmean(values) if values else 0.0


def exponential(seconds: float) -> Callable[[random.Random], float]:
    """Lengths whose spread equals their mean, as of mixed texts."""
    return lambda source: source.expovariate(1 / seconds)


def constant(seconds: float) -> Callable[[random.Random], float]:
    """Lengths that are all alike."""
    return lambda _: seconds

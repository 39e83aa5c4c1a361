"""The simulation against what queueing theory knows exactly."""

import math
import random

import pytest

from benchmarks.queueing import Growth, Scenario, Simulation, Speed, constant, exponential, mean, percentile

PLAIN = Speed(0.0, 1.0)
"""A second of work for a second of speech."""


def waiting_times(workers: int, load: float, *, alike: bool, seconds: float = 15_000) -> list[float]:
    """Waits at workers that make one answer at once, each of a second on average."""
    lengths = constant(1.0) if alike else exponential(1.0)
    scenario = Scenario(PLAIN, 1, workers, seconds, lengths, rate=load * workers, warm_up_seconds=500)
    return Simulation(scenario, seed=3).run().waits


def erlang_c(workers: int, offered: float) -> float:
    """Probability that a request has to wait in M/M/c."""
    terms = [offered**k / math.factorial(k) for k in range(workers)]
    last = offered**workers / math.factorial(workers) * workers / (workers - offered)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (1, 0.8), (2, 0.8), (4, 0.7)])
def test_waits_as_erlang_says(workers: int, load: float) -> None:
    waits = waiting_times(workers, load, alike=False)
    chance = erlang_c(workers, load * workers)
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(chance, rel=0.08)
    assert mean(waits) == pytest.approx(chance / (workers - load * workers), rel=0.2)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_equal_requests_wait_half_as_long(load: float) -> None:
    """Pollaczek and Khinchine: in M/D/1 the mean wait is load / (2 (1 - load))."""
    assert mean(waiting_times(1, load, alike=True)) == pytest.approx(load / (2 * (1 - load)), rel=0.12)


def test_sharing_a_worker_takes_as_long_as_processor_sharing_says() -> None:
    """M/G/1 with processor sharing: a request takes length / (1 - load), whatever the lengths are."""
    scenario = Scenario(PLAIN, 10_000, 1, 15_000, constant(1.0), rate=0.6, warm_up_seconds=500)
    outcome = Simulation(scenario).run()
    assert mean(outcome.wholes) == pytest.approx(1 / (1 - 0.6), rel=0.05)
    assert not any(outcome.waits)


def test_speed_comes_back_from_two_points() -> None:
    speed = Speed.of(alone=1.2, rows=8, together=4.0)
    assert speed.total(1) == pytest.approx(1.2)
    assert speed.total(8) == pytest.approx(4.0)
    assert 1.2 < speed.total(4) < 4.0
    assert speed.live_answers(8) == max(n for n in range(1, 9) if speed.answer(n) >= 1)
    assert Speed.of(alone=0.5, rows=8, together=2.0).live_answers(8) == 0


@pytest.mark.parametrize("clients", [1, 4, 8, 30])
def test_clients_that_ask_again_and_again_keep_the_rows_full(clients: int) -> None:
    speed = Speed.of(1.0, 8, 3.0)
    outcome = Simulation(Scenario(speed, 8, 1, 1_000, constant(5.0), clients=clients)).run()
    assert outcome.throughput == pytest.approx(speed.total(min(8, clients)), rel=0.02)
    assert outcome.refused == 0
    if clients > 8:
        whole = clients * 5.0 / speed.total(8)  # Little's law
        assert mean(outcome.wholes) == pytest.approx(whole, rel=0.05)


def test_a_full_queue_refuses() -> None:
    scenario = Scenario(PLAIN, 1, 1, 5_000, exponential(1.0), rate=2.0, queue_size=5)
    outcome = Simulation(scenario).run()
    # M/M/1/6 with load 2: the chance to be refused is (1 - 2) 2^6 / (1 - 2^7)
    share = outcome.refused / (outcome.refused + len(outcome.waits))
    assert share == pytest.approx(2**6 / (2**7 - 1), rel=0.05)
    assert max(outcome.waits) < 60


def test_workers_come_with_the_work_and_go_with_it() -> None:
    growth = Growth(1, 10, target=6.0, grow_seconds=5, shrink_seconds=60, start_seconds=10)
    scenario = Scenario(
        Speed.of(1.0, 8, 4.0),
        8,
        1,
        1_500,
        exponential(5.0),
        rate=lambda now: 4.0 if 300 <= now < 900 else 0.2,
        growth=growth,
    )
    outcome = Simulation(scenario, seed=1).run()
    most = max(count for _, count in outcome.workers)
    assert 5 <= most <= 10  # 20 seconds of speech a second, at 4 a worker
    grew = next(moment for moment, count in outcome.workers if count > 1)
    assert grew >= growth.grow_seconds + growth.start_seconds
    assert outcome.workers[-1][1] <= 2
    assert len(outcome.wholes) == len(outcome.waits)


def test_the_same_seed_is_the_same_course() -> None:
    scenario = Scenario(PLAIN, 2, 2, 200, exponential(1.0), rate=2.5)
    one, same, other = (Simulation(scenario, seed=seed).run().waits for seed in (1, 1, 2))
    assert one == same != other


def test_lengths_are_as_asked() -> None:
    source = random.Random(0)
    assert mean([exponential(4.0)(source) for _ in range(20_000)]) == pytest.approx(4.0, rel=0.03)
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([], 0.5) == 0.0

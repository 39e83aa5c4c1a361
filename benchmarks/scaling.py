"""`python -m benchmarks.scaling`: the figures of docs/scaling.md, from measured results and the simulation.

Reads `results/load.json` (a server under load) and `results/cpu.json` (what processes share), and rewrites what stands
between the page's two marks.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import find
from benchmarks.queueing import Growth, Outcome, Scenario, Simulation, Speed, exponential, mean, percentile

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- figures: written by python -m benchmarks.scaling -->", "<!-- end of the figures -->"
STREAMS = (10, 1_000, 100_000)
PATIENCE_SECONDS = 0.25
"""Wait for a worker that 95 % of requests should stay below."""
_COUNTED_SECONDS = {10: 3_000.0, 1_000: 120.0, 100_000: 6.0}


@dataclass(frozen=True)
class Measured:
    """One server process on one machine."""

    levels: Sequence[Mapping[str, Any]]
    """By number of clients, as `benchmarks.load` writes them."""
    cores: int
    rows: int
    published: tuple[float, float] | None
    """Of a process with the published model and packed weights: its memory, and what a second one shares of it."""

    @property
    def speech_seconds(self) -> float:
        """Mean length of an answer."""
        return float(sum(level["audio_seconds"] for level in self.levels) / sum(lv["answers"] for lv in self.levels))

    @property
    def speed(self) -> Speed:
        """From the loads with one client, and with all rows in use."""
        alone = next(level for level in self.levels if level["clients"] == 1)
        full = [throughput(level) for level in self.levels if level["clients"] >= self.rows]
        return Speed.of(throughput(alone), self.rows, max(full))

    @property
    def memory_bytes(self) -> float:
        """Largest resident size under any load."""
        return float(max(level["memory_bytes"] for level in self.levels))


@dataclass(frozen=True)
class Plan:
    """Workers for so many streams."""

    streams: int
    workers: int
    wait: float
    """Seconds that 95 % of requests wait less than."""
    first: float
    """Seconds to the first sound that 95 % stay below."""


def throughput(level: Mapping[str, Any]) -> float:
    """Seconds of speech a second."""
    return float(level["audio_seconds"] / level["wall_seconds"])


def read_measured(folder: Path, *, cores: int, rows: int) -> Measured | None:
    """What was measured; None before anything was."""
    if not (folder / "load.json").is_file():
        return None
    levels = json.loads((folder / "load.json").read_text(encoding="utf-8"))
    published = None
    if (folder / "cpu.json").is_file():
        results = json.loads((folder / "cpu.json").read_text(encoding="utf-8"))["results"]
        found = find(results, "shared memory", "two processes at once", "ours, packed weights")
        if found is not None and found["fault"] is None:
            # Two processes each count half of a page that both hold.
            resident, share = found["medians"]["resident_mb"], found["medians"]["share_mb"]
            published = 1e6 * resident, 2e6 * (resident - share)
    return Measured(levels, cores, rows, published)


def figures(measured: Measured | None, *, price: float) -> str:
    """The page's part in Markdown; `price` is of a core and hour."""
    if measured is None:
        return "Nothing was measured on this machine yet: run `python -m benchmarks.load`, then this script.\n"
    parts = (_machine(measured, price), _checked(measured), _capacity(measured, price), _growing(measured))
    return "\n".join(parts)


def _machine(measured: Measured, price: float) -> str:
    speed, cores = measured.speed, measured.cores
    total = speed.total(measured.rows)
    rows = (
        ("seconds of speech a second, one answer", f"{speed.total(1):.2f}"),
        (f"… {measured.rows} answers at once", f"{total:.2f}"),
        ("live streams a worker (each at least as fast as it is heard)", f"{speed.live_answers(measured.rows)}"),
        ("streams a core, all rows in use", f"{total / cores:.2f}"),
        ("memory of a worker under load", f"{measured.memory_bytes / 1e6:.0f} MB"),
        *_published_memory(measured),
        (f"cost of an hour of speech at {price:g} a core and hour", f"{cores * price / total:.4f}"),
    )
    return _table(("one worker", f"{cores} cores"), rows)


def _published_memory(measured: Measured) -> Sequence[tuple[str, str]]:
    if measured.published is None:
        return ()
    resident, shared = measured.published
    return (
        ("memory of a worker with the published model, int8, packed weights", f"{resident / 1e6:.0f} MB"),
        ("… of which workers on one machine share", f"{shared / 1e6:.0f} MB"),
        ("… so each further worker there takes", f"{(resident - shared) / 1e6:.0f} MB"),
    )


def _checked(measured: Measured) -> str:
    rows = []
    for level in measured.levels:
        clients = int(level["clients"])
        outcome = _closed(measured, clients)
        rows.append(
            (
                str(clients),
                f"{throughput(level):.2f}",
                f"{outcome.throughput:.2f}",
                f"{level['whole_median']:.2f} s",
                f"{percentile(outcome.wholes, 0.5):.2f} s",
            )
        )
    head = ("clients", "speech a second, measured", "simulated", "median answer, measured", "simulated")
    return _table(head, rows)


def _closed(measured: Measured, clients: int) -> Outcome:
    lengths = exponential(measured.speech_seconds)
    scenario = Scenario(measured.speed, measured.rows, 1, 2_000, lengths, clients=clients, warm_up_seconds=100)
    return Simulation(scenario).run()


def _capacity(measured: Measured, price: float) -> str:
    rows = []
    for streams in STREAMS:
        plan = needed(measured, streams)
        cores = plan.workers * measured.cores
        rows.append(
            (
                f"{streams:,}",
                f"{plan.workers:,}",
                f"{cores:,}",
                f"{streams / (plan.workers * measured.speed.total(_live_rows(measured))):.0%}",
                f"{plan.wait:.2f} s",
                f"{plan.first:.2f} s",
                f"{cores * price:,.2f}",
            )
        )
    head = ("streams at once", "workers", "cores", "in use", "95 % wait less than", "95 % hear within", "cost an hour")
    return _table(head, rows)


def needed(measured: Measured, streams: int) -> Plan:
    """The fewest workers, in steps of 2 %, with which requests hardly wait."""
    speed, rows = measured.speed, _live_rows(measured)
    workers = math.ceil(streams / speed.total(rows))
    while True:
        seconds = _COUNTED_SECONDS.get(streams, 100.0)
        settle = 3 * measured.speech_seconds
        scenario = Scenario(
            speed,
            rows,
            workers,
            settle + seconds,
            exponential(measured.speech_seconds),
            rate=streams / measured.speech_seconds,
            warm_up_seconds=settle,
        )
        outcome = Simulation(scenario).run()
        wait = percentile(outcome.waits, 0.95)
        if wait <= PATIENCE_SECONDS:
            return Plan(streams, workers, wait, percentile(outcome.firsts, 0.95))
        workers += max(1, workers // 50)


def _live_rows(measured: Measured) -> int:
    """Rows that all stay ahead of their listeners; where even one does not, one."""
    return max(1, measured.speed.live_answers(measured.rows))


def _growing(measured: Measured) -> str:
    """100 streams become 200 at once."""
    rows = _live_rows(measured)
    enough = math.ceil(100 / (0.75 * measured.speed.total(rows)))
    table = []
    for start in (2.0, 10.0, 60.0):
        growth = Growth(enough, 4 * enough, 0.75 * rows, start_seconds=start)
        before, after = (streams / measured.speech_seconds for streams in (100, 200))
        scenario = Scenario(
            measured.speed,
            rows,
            enough,
            600,
            exponential(measured.speech_seconds),
            rate=lambda now, before=before, after=after: before if now < 200 else after,  # type: ignore[misc]
            growth=growth,
            warm_up_seconds=200,
        )
        outcome = Simulation(scenario).run()
        waited = sum(wait > PATIENCE_SECONDS for wait in outcome.waits) / len(outcome.waits)
        most = max(count for _, count in outcome.workers)
        table.append(
            (
                f"{start:g} s",
                f"{enough} → {most}",
                f"{max(outcome.waits):.1f} s",
                f"{waited:.1%}",
                f"{mean(outcome.waits):.2f} s",
            )
        )
    head = ("a worker starts in", "workers", "longest wait", f"waited over {PATIENCE_SECONDS:g} s", "mean wait")
    return _table(head, table)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rewritten(page: str, part: str) -> str:
    """The page with another part between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} has lost one of its marks: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{part}\n{END}{after}"


def main() -> int:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--cores", type=int, default=2, help="of the machine that was measured (default: 2)")
    parser.add_argument("--rows", type=int, default=8, help="answers at once in the server measured (default: 8)")
    parser.add_argument("--price", type=float, default=0.04, help="of a core and hour (default: 0.04)")
    options = parser.parse_args()
    part = figures(read_measured(RESULTS, cores=options.cores, rows=options.rows), price=options.price)
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

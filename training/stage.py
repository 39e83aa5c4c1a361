"""What every training stage shares: a folder with a checkpoint, a log of figures, and a schedule."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.team import Team

log = logging.getLogger(__name__)
Item = TypeVar("Item")
ItemOut = TypeVar("ItemOut", covariant=True)
_SAVE_EVERY = 200


def device_of(name: str) -> torch.device:
    """'auto' is CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else torch.device(name)


def cosine(step: int, done: float, *, warmup: int) -> float:
    """The learning rate relative to its peak: a linear rise of `warmup` steps, and half a cosine down to a
    fiftieth when all is done."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


class Ahead(Generic[Item]):
    """Makes the next batch in a thread while this one is trained on."""

    def __init__(self, make: Callable[[], Item]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(1)
        self._coming = self._pool.submit(make)

    def next(self) -> Item:
        """The batch that was being made; the one after it is started."""
        ready = self._coming.result()
        self._coming = self._pool.submit(self._make)
        return ready


class SeededSource(Protocol[ItemOut]):
    """Makes batches, others for every seed."""

    def reseed(self, seed: int) -> None:
        """Draw from here on as this seed says."""

    def next(self) -> ItemOut:
        """A batch."""


class _Endless(IterableDataset[Item]):
    def __init__(self, source: SeededSource[Item], seed: int) -> None:
        self._source, self._seed = source, seed

    def __iter__(self) -> Iterator[Item]:
        worker = get_worker_info()
        self._source.reseed(self._seed * 1000 + (worker.id if worker else 0))
        while True:
            yield self._source.next()


class Crew(Generic[Item]):
    """Makes batches in several processes: what `Ahead` does, where one thread is too slow for the device."""

    def __init__(self, source: SeededSource[Item], *, seed: int, workers: int) -> None:
        self._coming: Iterator[Item] = iter(
            DataLoader(_Endless(source, seed), batch_size=None, num_workers=workers, multiprocessing_context="fork")
        )

    def next(self) -> Item:
        """The next batch."""
        return next(self._coming)


@dataclass
class Stage:
    """One stage's checkpoint and log."""

    folder: Path
    """Where both are written."""
    name: str
    """Names the files."""
    steps: int
    """Length of the whole training."""
    minutes: float | None = None
    """Fit the whole training into this time instead; how many steps that gives depends on the machine."""
    team: Team = field(default_factory=Team)
    """The processes that train together."""
    part: float = 0.0
    """The part of the training that lies behind, as the team agreed before the step: 0 to 1."""
    _spent: float = 0.0
    """Minutes of the runs before this one."""
    _began: float = field(default_factory=time.monotonic)
    _sums: dict[str, float] = field(default_factory=dict)
    _count: int = 0
    _since: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.folder / f"{self.name}.pt"

    @property
    def spent(self) -> float:
        """Minutes of training so far."""
        return self._spent + (time.monotonic() - self._began) / 60

    def _done(self, step: int) -> float:
        return step / self.steps if self.minutes is None else self.spent / self.minutes

    def rate(self, step: int, *, warmup: int) -> float:
        """The learning rate relative to its peak."""
        return cosine(step, self.part, warmup=warmup)

    def train(
        self,
        first: int,
        update: Callable[[int], Mapping[str, float]],
        modules: Mapping[str, nn.Module],
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """Make updates from number `first` to the end, logging and saving as they go."""
        number = first
        while (part := self.team.agreed(self._done(number))) < 1:
            self.part = part
            self.figures(number, update(number))
            number += 1
            if number % _SAVE_EVERY == 0:
                self.save(number, modules, optimizer)
        self.save(number, modules, optimizer)

    def save(self, step: int, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer) -> None:
        """Replace the checkpoint, never leaving half of one."""
        if self.team.rank:
            return
        state: dict[str, Any] = {k: m.state_dict() for k, m in modules.items()}
        partial = self.path.with_suffix(".partial")
        torch.save(
            {"step": step, "minutes": self.spent, "modules": state, "optimizer": optimizer.state_dict()}, partial
        )
        partial.replace(self.path)

    def resume(self, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer) -> int:
        """Load the checkpoint if there is one; the number of steps already done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            return 0
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, module in modules.items():
            module.load_state_dict(state["modules"][name])
        optimizer.load_state_dict(state["optimizer"])
        self._spent = float(state["minutes"])
        return int(state["step"])

    def figures(self, step: int, values: Mapping[str, float], *, every: int = 25) -> None:
        """Add one step's figures; every so often log their means and append them to the stage's log."""
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + float(value)
        self._count += 1
        if ((step + 1) % every and self._done(step + 1) < 1) or self.team.rank:
            return
        pace = (time.monotonic() - self._since) / self._count
        line = {k: round(v / self._count, 4) for k, v in self._sums.items()} | {"seconds_per_step": round(pace, 3)}
        with (self.folder / f"{self.name}.jsonl").open("a") as file:
            file.write(json.dumps({"step": step + 1} | line) + "\n")
        left = pace * (self.steps - step - 1) / 60 if self.minutes is None else self.minutes - self.spent
        log.info("%s %d %s, %.0f min left", self.name, step + 1, line, left)
        self._sums, self._count, self._since = {}, 0, time.monotonic()


def load_modules(path: Path, modules: Mapping[str, nn.Module]) -> None:
    """Load some modules of a finished stage."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: train that stage first")
    state = torch.load(path, map_location="cpu", weights_only=True)["modules"]
    for name, module in modules.items():
        module.load_state_dict(state[name])

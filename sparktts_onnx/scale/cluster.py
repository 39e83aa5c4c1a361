"""A cluster: what can be set about its work, validated once, and joining it, or being one."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import ray

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.errors import OptionError

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""Ray's own variable for the cluster to join, such as `auto` or `ray://head:10001`."""
_OBJECT_STORE_BYTES = 256 << 20
"""Shared memory of a cluster on this machine alone: chunks of sound are kilobytes and soon gone."""
MAX_WORKERS = 10_000


@dataclass(frozen=True)
class ModelSettings:
    """The model as each worker opens it."""

    model: str | Path
    """Where every machine of the cluster finds the bundle: a shared folder, the same path everywhere, or an id of the
    hub, best with a commit."""
    device: str = "auto"
    threads: int = 1
    """Threads a worker computes with, which are also the cores that it is given."""
    gpus: float = 0.0
    """Graphics cards a worker is given; half a one lets two workers share it."""
    slots: int = SparkTTSONNX.DEFAULT_SLOTS
    """Answers that a worker makes at once."""
    packed_weights: Path | None = None
    """Where the workers of a machine share their weights."""
    precision: str | None = None
    """Which bundle, where there are several."""

    def __post_init__(self) -> None:
        if self.threads < 1 or self.slots < 1 or self.gpus < 0:
            found = f"threads {self.threads}, slots {self.slots}, gpus {self.gpus:g}"
            raise OptionError(f"a worker needs at least one thread and one slot, and gpus of 0 or more; found {found}")

    @property
    def resources(self) -> dict[str, float]:
        """What a worker asks the cluster for, as Ray's options."""
        return {"num_cpus": float(self.threads), "num_gpus": self.gpus}

    def open(self) -> SparkTTSONNX:
        """The model in this process."""
        return SparkTTSONNX.from_pretrained(
            self.model,
            precision=self.precision,
            device=self.device,
            threads=self.threads,
            slots=self.slots,
            packed_weights=self.packed_weights,
        )


@dataclass(frozen=True)
class Replicas:
    """How many workers there are."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= MAX_WORKERS:
            raise OptionError(f"workers are {self.least}:{self.most}; expected 1 to {MAX_WORKERS}, the lower one first")

    @classmethod
    def parse(cls, text: str) -> "Replicas":
        """`4`, or `1:8` to grow and shrink with the work."""
        least, colon, most = text.partition(":")
        if not least.isdecimal() or (colon and not most.isdecimal()):
            raise OptionError(f"workers are {text!r}; expected a number such as 4, or a range such as 1:8")
        return cls(int(least), int(most or least))


def default_threads() -> int:
    """Half of this machine's cores, so that a front end has room next to a worker, and at most four."""
    return max(1, min(4, (os.cpu_count() or 1) // 2))


@contextmanager
def joined(*, verbose: bool = False) -> Iterator[None]:
    """The cluster that RAY_ADDRESS names, else one on this machine that ends with the block.

    `verbose` shows what the workers write.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get(ADDRESS_VARIABLE)
    cores = max(2, os.cpu_count() or 1)  # a front end and a worker at least
    own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES, "num_cpus": cores}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=verbose,
            logging_level=logging.INFO if verbose else logging.WARNING,
            **({} if address else own),
        )
    except (ConnectionError, ValueError) as error:
        raise OptionError(f"there is no Ray cluster at {address or 'this machine'}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()

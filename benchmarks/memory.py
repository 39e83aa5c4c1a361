"""Memory of this process as Linux counts it."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")
_ROLLUP = Path("/proc/self/smaps_rollup")


class PeakMemory:
    """Watches the process while it works: resident, and the part of it that is not files mapped into memory."""

    def __init__(self, interval_seconds: float = 0.02) -> None:
        self.anonymous_mb = 0.0
        """Largest anonymous memory seen."""
        self._interval = interval_seconds
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._watcher.join()

    @property
    def resident_mb(self) -> float:
        """Largest resident memory since the process began, as the kernel keeps it."""
        return megabytes(_STATUS, "VmHWM")

    def _watch(self) -> None:
        while not self._done.wait(self._interval):
            self.anonymous_mb = max(self.anonymous_mb, megabytes(_STATUS, "RssAnon"))


def own_share_mb() -> float:
    """Resident memory of this process with every shared page divided among those that map it."""
    return megabytes(_ROLLUP, "Pss")


def megabytes(file: Path, key: str) -> float:
    """A value in kB from a file of lines `key: value kB`, in MB."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1000
    raise KeyError(f"{file} has no {key}")

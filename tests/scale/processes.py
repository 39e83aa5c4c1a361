"""The cluster's processes on this machine, by the titles that Ray gives them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 120


def workers(title: str) -> list[int]:
    """Processes of this test run's cluster whose title begins with that."""
    return [pid for pid in _processes() if _read(pid, "cmdline").startswith(title) and _is_ours(pid)]


def until(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within a generous time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _is_ours(pid: int) -> bool:
    """Whether this process is an ancestor: another cluster on the machine is left alone."""
    while pid > 1 and pid != os.getpid():
        stat = _read(pid, "stat")
        pid = int(stat.rpartition(")")[2].split()[1]) if stat else 0
    return pid == os.getpid()


def _read(pid: int, name: str) -> str:
    try:
        return (Path("/proc") / str(pid) / name).read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:  # it has ended meanwhile
        return ""

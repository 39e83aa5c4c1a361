"""Weights in huge pages on Linux, where those are given on request only (docs/performance.md has what it gains)."""

import ctypes
import mmap
from collections import deque
from pathlib import Path
from typing import Self

import numpy as np

SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
_COLLAPSE = 25  # madvise's MADV_COLLAPSE, in Linux from 6.1: move a range into huge pages now
_PRESENT = np.uint64(1 << 63)  # of an entry in /proc/self/pagemap: the page is in memory


class FilledMemory:
    """The memory that the process fills while a `with` block runs, to be moved into huge pages a piece at a time.

    Nothing happens on other systems, and where the administrator gives huge pages always or never.
    """

    def __init__(self, settings: Path = SETTINGS) -> None:
        self._size = _size_on_request(settings)
        self._waiting: deque[int] = deque()

    def __enter__(self) -> Self:
        self._before = _full(self._size)
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting = deque(sorted(_full(self._size) - self._before))

    def __len__(self) -> int:
        """Pieces that wait to be moved."""
        return len(self._waiting)

    def move_next(self) -> None:
        """Move the next piece, in a few milliseconds; one that was freed, or finds no huge page, stays."""
        if self._waiting:
            _collapse(self._waiting.popleft(), self._size)


def _size_on_request(settings: Path) -> int:
    """Bytes of a huge page where they are given on request only and the kernel can move memory, else 0."""
    try:
        on_request = "[madvise]" in (settings / "enabled").read_text()
        size = int((settings / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0
    return size if on_request and _collapse(0, 0) == 0 else 0


def _full(size: int) -> set[int]:
    """Addresses of the aligned ranges of `size` bytes of private memory of which every page is in memory."""
    full: set[int] = set()
    if not size:
        return full
    with Path("/proc/self/pagemap").open("rb") as pages:
        for first, stop in _private_ranges(Path("/proc/self/maps").read_text(), size):
            pages.seek(first // mmap.PAGESIZE * _PRESENT.itemsize)
            entries = np.frombuffer(pages.read((stop - first) // mmap.PAGESIZE * _PRESENT.itemsize), np.uint64)
            present = (entries & _PRESENT).astype(bool).reshape(-1, size // mmap.PAGESIZE).all(axis=1)
            full.update(first + int(index) * size for index in np.flatnonzero(present))
    return full


def _private_ranges(maps: str, size: int) -> list[tuple[int, int]]:
    """What each writable private mapping without a file has of whole aligned ranges: first address and end."""
    fields = [line.split() for line in maps.splitlines()]
    spans = [entry[0].split("-") for entry in fields if entry[1] == "rw-p" and entry[4] == "0"]
    ranges = [(-(-int(first, 16) // size) * size, int(stop, 16) // size * size) for first, stop in spans]
    return [(first, stop) for first, stop in ranges if first < stop]


def _collapse(address: int, size: int) -> int:
    """Move a range into a huge page; 0 or the number of the error."""
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return 0 if madvise(address, size, _COLLAPSE) == 0 else ctypes.get_errno()

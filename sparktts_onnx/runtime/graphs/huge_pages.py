"""Weights in huge pages on Linux, where those are given on request only.

Every step of the language model reads all of its weights, and in pages of 4 KiB the processor spends a tenth of that
time finding them (docs/performance.md). ONNX Runtime has no option to ask for huge pages, so what it filled is put
into them afterwards, a piece at a time: moving all of it at once would be a pause that a listener hears.
"""

import ctypes
import mmap
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

SETTINGS = Path("/sys/kernel/mm/transparent_hugepage")
_ON_REQUEST = "[madvise]"
_COLLAPSE = 25
"""madvise's MADV_COLLAPSE, in Linux from 6.1: move a range into huge pages now."""
_PRESENT = np.uint64(1 << 63)
"""The bit of an entry in /proc/self/pagemap that says that the page is in memory."""


class FilledMemory:
    """The memory that the process fills while a `with` block runs, to be moved into huge pages later.

    That is all of it, whichever thread fills it.

    Nothing happens on systems other than Linux, and where the administrator gives huge pages always or never.
    """

    def __init__(self, settings: Path = SETTINGS) -> None:
        """`settings`: where the kernel says how it gives huge pages."""
        self._size = _size_on_request(settings)
        self._before: set[int] = set()
        self._waiting: deque[int] = deque()

    def __enter__(self) -> Self:
        self._before = _full(self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting = deque(sorted(_full(self._size) - self._before))
        self._before = set()

    def __len__(self) -> int:
        """Pieces that wait to be moved."""
        return len(self._waiting)

    def move_next(self) -> None:
        """Move the next piece, which takes a millisecond or a few; nothing when all were tried.

        A piece that cannot be moved stays where it is: it was freed meanwhile, or no huge page is left.
        """
        if self._waiting:
            _collapse(self._waiting.popleft(), self._size)


def _size_on_request(settings: Path) -> int:
    """Bytes of a huge page where they are given on request only and the kernel can move memory, else 0."""
    if sys.platform != "linux" or _collapse(0, 0) != 0:
        return 0
    try:
        if _ON_REQUEST not in (settings / "enabled").read_text():
            return 0
        return int((settings / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0


def _full(size: int) -> set[int]:
    """Addresses of the aligned ranges of `size` bytes of private memory that are wholly in memory."""
    if not size:
        return set()
    try:
        ranges = _private_ranges(Path("/proc/self/maps").read_text(), size)
        with Path("/proc/self/pagemap").open("rb") as pages:
            return {address for first, stop in ranges for address in _present(pages, first, stop, size)}
    except OSError:
        return set()


def _private_ranges(maps: str, size: int) -> list[tuple[int, int]]:
    """What each writable private mapping without a file has of whole aligned ranges: first address and end."""
    ranges = []
    for line in maps.splitlines():
        addresses, permissions, _, _, inode, *_ = line.split()
        if permissions == "rw-p" and inode == "0":
            first, stop = (int(address, 16) for address in addresses.split("-"))
            ranges.append((-(-first // size) * size, stop // size * size))
    return [(first, stop) for first, stop in ranges if first < stop]


def _present(pages: BinaryIO, first: int, stop: int, size: int) -> Iterator[int]:
    """Addresses of the ranges of `size` bytes from `first` to `stop` of which every page is in memory."""
    pages.seek(first // mmap.PAGESIZE * _PRESENT.itemsize)
    entries = np.frombuffer(pages.read((stop - first) // mmap.PAGESIZE * _PRESENT.itemsize), np.uint64)
    present = (entries & _PRESENT).astype(bool).reshape(-1, size // mmap.PAGESIZE)
    return (first + int(index) * size for index in np.flatnonzero(present.all(axis=1)))


def _collapse(address: int, size: int) -> int:
    """Move a range into a huge page; 0 or the number of the error."""
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return 0 if madvise(address, size, _COLLAPSE) == 0 else ctypes.get_errno()

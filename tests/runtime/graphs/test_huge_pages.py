"""Memory that is moved into huge pages holds what it held, and nothing is moved where nobody asked for it."""

import mmap
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sparktts_onnx.runtime.graphs import huge_pages
from sparktts_onnx.runtime.graphs.huge_pages import FilledMemory

MEBIBYTE = 1 << 20
HUGE = 2 * MEBIBYTE
needs_collapse = pytest.mark.skipif(
    not huge_pages._size_on_request(huge_pages.SETTINGS), reason="takes Linux 6.1 that gives huge pages on request"
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="huge pages on request are Linux's")


def settings(folder: Path, enabled: str = "always [madvise] never") -> Path:
    (folder / "enabled").write_text(enabled + "\n")
    (folder / "hpage_pmd_size").write_text(f"{HUGE}\n")
    return folder


@pytest.fixture
def block() -> Iterator[mmap.mmap]:
    """Memory of this process alone that was never written."""
    if sys.platform == "win32":
        pytest.skip("private anonymous mappings are POSIX's")
    with mmap.mmap(-1, 16 * MEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as made:
        yield made


def fill(block: mmap.mmap, stop: int) -> None:
    """Every page, another number in each, and nothing beside it."""
    array = np.frombuffer(block, np.uint8)
    array[:stop] = 7
    array[: stop : mmap.PAGESIZE] = np.arange(stop // mmap.PAGESIZE) % 251


def restrict(memory: FilledMemory, block: mmap.mmap) -> None:
    """Forget what else the process filled meanwhile."""
    first = np.frombuffer(block, np.uint8).ctypes.data
    memory._waiting = deque(address for address in memory._waiting if first <= address < first + len(block))


@needs_collapse
def test_what_was_filled_waits_to_be_moved(tmp_path: Path, block: mmap.mmap) -> None:
    """Eight mebibytes hold at least three whole aligned ranges of two, at most four."""
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 8 * MEBIBYTE)
    restrict(memory, block)
    assert 3 <= len(memory) <= 4
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 8 * MEBIBYTE)
    restrict(memory, block)
    assert len(memory) == 0


def huge_bytes() -> int:
    """Of this process, as the kernel counts them."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("AnonHugePages:"))


def move_all(memory: FilledMemory, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the kernel answered to each piece: 0, or the number of an error."""
    answers: list[int] = []
    collapse = huge_pages._collapse
    monkeypatch.setattr(huge_pages, "_collapse", lambda *given: answers.append(collapse(*given)) or answers[-1])
    for _ in range(len(memory)):
        memory.move_next()
    return answers


@needs_collapse
def test_the_kernel_counts_what_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: mmap.mmap) -> None:
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 16 * MEBIBYTE)
    restrict(memory, block)
    before = huge_bytes()
    answers = move_all(memory, monkeypatch)
    assert answers.count(0) >= 7
    assert huge_bytes() - before == answers.count(0) * HUGE


@needs_collapse
def test_memory_that_was_freed_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: mmap.mmap
) -> None:
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 16 * MEBIBYTE)
    restrict(memory, block)
    block.madvise(mmap.MADV_DONTNEED, 0, 8 * MEBIBYTE)
    answers = move_all(memory, monkeypatch)
    assert 3 <= answers.count(0) < len(answers)


@needs_collapse
def test_moved_memory_holds_what_it_held(tmp_path: Path, block: mmap.mmap) -> None:
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 16 * MEBIBYTE)
    restrict(memory, block)
    before = bytes(block)
    pieces = len(memory)
    for left in range(pieces - 1, -1, -1):
        memory.move_next()
        assert len(memory) == left
    memory.move_next()
    assert bytes(block) == before


@needs_linux
@pytest.mark.parametrize("enabled", ["[always] madvise never", "always madvise [never]"])
def test_other_settings_are_left_to_the_administrator(tmp_path: Path, block: mmap.mmap, enabled: str) -> None:
    with FilledMemory(settings(tmp_path, enabled)) as memory:
        fill(block, 16 * MEBIBYTE)
    assert len(memory) == 0


def test_a_system_without_huge_pages(tmp_path: Path, block: mmap.mmap) -> None:
    with FilledMemory(tmp_path / "nowhere") as memory:
        fill(block, 16 * MEBIBYTE)
    assert len(memory) == 0
    memory.move_next()


@needs_linux
def test_a_kernel_that_cannot_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: mmap.mmap) -> None:
    monkeypatch.setattr(huge_pages, "_collapse", lambda address, size: 22)
    with FilledMemory(settings(tmp_path)) as memory:
        fill(block, 16 * MEBIBYTE)
    assert len(memory) == 0


def test_only_private_memory_without_a_file() -> None:
    """Whole aligned ranges inside one mapping; not what is shared, read-only, a file's or too short."""
    maps = """\
00100000-00700000 rw-p 00000000 00:00 0                                  [heap]
00800000-00c00000 rw-s 00000000 00:01 0                                  /dev/zero
00c00000-01000000 r--p 00000000 00:00 0
01000000-01400000 rw-p 00000000 fe:00 4711                               /usr/lib/a library.so
01500000-01700000 rw-p 00000000 00:00 0
01800000-01a00000 rw-p 00000000 00:00 0
"""
    assert huge_pages._private_ranges(maps, HUGE) == [(0x200000, 0x600000), (0x1800000, 0x1A00000)]

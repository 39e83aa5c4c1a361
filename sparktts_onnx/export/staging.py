"""A folder that appears complete or not at all."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from sparktts_onnx.audio.parts import alive
from sparktts_onnx.bundle.contract import MANIFEST_NAME
from sparktts_onnx.errors import OptionError, OutputError

NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""A full disk, one of a kind that has no files so large, or one that may not be written."""
TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
"""Where a folder was to go there is one."""


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` to write into; it takes the target's place when the block ends without error.

    Whatever happens, `target` is what it was or the complete new folder; a process that is killed leaves at most
    a hidden folder behind, which the next call removes. Of a symbolic link it is what the link leads to.

    Raises:
        OptionError: the target holds something that is not a bundle.
        OutputError: there is no room for it, or it may not be written.
    """
    missing: list[Path] = []
    try:
        target = target.resolve()
        check_replaceable(target)
        missing = [parent for parent in target.parents if not parent.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
    except OptionError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # links that lead to each other, a NUL in the name
        _remove_empty(missing)
        raise OptionError(f"{str(target)!r} cannot be a folder: {error}; choose another") from error
    folder = _sibling(target, "partial")
    try:
        with _told(target):
            clear_leftovers(target)
            check_replaceable(target)
            folder.mkdir()
            yield folder
            _swap(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_empty(missing)


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # the target is in it
            folder.rmdir()


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    """Say of a disk that takes nothing which folder was to be on it, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_PLACE:
            raise
        raise OutputError(
            f"the bundle cannot be written to {target}: {error.strerror}; make room there, or name another folder with "
            "--output-dir"
        ) from error


@contextlib.contextmanager
def noted_interrupts() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt if a signal has interrupted the block before: a library may swallow
    the exception that a handler raises, for example while it tries to load an optional module, or raise another."""
    noted: list[int] = []
    names = ("SIGINT", "SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: found for number in numbers if callable(found := signal.getsignal(number))}

    def handle(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        before[signal.Signals(number)](number, frame)

    def check() -> None:
        if noted:
            raise KeyboardInterrupt

    try:
        for number in before:
            signal.signal(number, handle)
        yield check
    except Exception:
        check()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_replaceable(target: Path) -> None:
    """Refuse to replace anything but an empty folder, or a bundle with nothing beside what its manifest names."""
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    if not there.is_dir():
        raise OptionError(f"{there} is a file; choose a folder for the bundle")
    if there != target:
        return
    if os.path.ismount(target):
        raise OptionError(
            f"{target} is where a disk begins, and nothing can take its place; name a folder in it, such as "
            f"{target / 'onnx'}"
        )
    named = _named_files(target / MANIFEST_NAME)
    for entry in sorted(target.iterdir()):
        if entry.name not in named or not entry.is_file():
            raise OptionError(
                f"{target} holds {entry.name}, which is not part of a bundle and would be lost; choose another folder, "
                "or move it away"
            )


def _named_files(manifest: Path) -> set[str]:
    """The names that a manifest of any format version lists, its own included; none where it is not a manifest."""
    try:
        data: Any = json.loads(manifest.read_text(encoding="utf-8"))
        files = [data["tokenizer"], *(file for graph in data["graphs"].values() for file in graph["files"])]
        return {MANIFEST_NAME, *(str(file["name"]) for file in files)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def clear_leftovers(target: Path) -> None:
    """Remove what killed conversions to the same target left, and put back a bundle that one had moved aside."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.(partial|replaced)-([0-9]+)")
    for folder in list(target.parent.iterdir()):
        found = ours.fullmatch(folder.name)
        if not found or alive(int(found[2])):
            continue
        if found[1] == "replaced" and not target.exists():
            folder.rename(target)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _sibling(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}-{os.getpid()}")


def _swap(folder: Path, target: Path) -> None:
    """Put a folder in the place of what is there by now: of two conversions that end at a time, the later one stays."""
    check_replaceable(target)  # it was minutes ago
    replaced = _sibling(target, "replaced")
    try:
        with contextlib.suppress(FileNotFoundError):
            target.rename(replaced)
        folder.rename(target)
    except BaseException as error:
        if not target.exists() and replaced.exists():
            replaced.rename(target)
        if not isinstance(error, OSError) or error.errno not in TAKEN:
            raise
        shutil.rmtree(replaced, ignore_errors=True)
        _swap(folder, target)
    shutil.rmtree(replaced, ignore_errors=True)

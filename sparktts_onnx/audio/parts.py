"""Files that are being written, under names that say by whom, so that what the dead leave can be cleared."""

import errno
import os
import platform
import re
import secrets
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from sparktts_onnx.errors import OutputError

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Of this machine: folders are shared between machines, and their processes cannot be asked for."""
_NAME = re.compile(r"\.([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{16}\.part")
_cleared: set[str] = set()
_clearing = threading.Lock()


def part_beside(path: Path) -> Path:
    """A hidden name next to `path` to write to; the first call for a folder clears what dead processes left there.

    Also what an earlier process of the same number left: this one has no file there yet.
    """
    folder = os.path.realpath(path.parent) if "\0" not in str(path) else str(path)
    with _clearing:
        if folder not in _cleared:
            clear_parts(path.parent)
            _cleared.add(folder)
    return path.with_name(f".{_HOST}-{os.getpid()}-{secrets.token_hex(8)}.part")


def see_replaceable(path: Path) -> None:
    """Refuse, with an `OSError`, what is there and is no file: a device or a pipe would be gone for every program."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file")
    if os.path.realpath(path.parent) == "/dev":  # /dev/stdout leads to a file where the output goes to one
        raise OSError(errno.EINVAL, "it is a place of devices, not of files")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden name to write to; it becomes `path` where the block ends well, and is gone where it does not.

    Folders on the way there that are missing are made, and go with it.
    """
    see_replaceable(path)
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = part_beside(path)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # it was not made, or others have written there
                folder.rmdir()
        raise


def see_writable(path: Path, *, folder: bool = False) -> None:
    """Refuse, before long work, a file that could not be written, or files in a `folder`; nothing is left there.

    Raises:
        OutputError: its place, or a folder on the way there, cannot be written.
    """
    try:
        if "\0" in str(path):
            raise ValueError("embedded null byte")
        if not folder:
            see_replaceable(path)
        places = [path.absolute()] * folder + list(path.absolute().parents)
        TemporaryFile(dir=next(place for place in places if place.is_symlink() or place.exists())).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        shown = path if isinstance(error, OSError) else repr(str(path))
        raise OutputError(f"cannot write {shown}: {reason}; choose another place or name") from error


def clear_parts(folder: Path) -> None:
    """Remove the unfinished files of this machine's processes that are no more."""
    with suppress(OSError, ValueError):
        for entry in list(os.scandir(folder)):
            found = _NAME.fullmatch(entry.name)
            if found and found[1] == _HOST and not alive(int(found[2])):
                Path(entry.path).unlink(missing_ok=True)


def alive(process: int) -> bool:
    """Whether a process other than this one is there, as far as can be known."""
    if process == os.getpid():
        return False
    if sys.platform == "win32":
        return True  # There is no harmless signal to ask with; leftovers stay until somebody removes them.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # Somebody else's process.
    return True

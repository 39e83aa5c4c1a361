"""A folder that appears complete or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, MANIFEST_NAME, TOKENIZER_NAME
from sparktts_onnx.errors import OptionError


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` to write into; it takes the target's place when the block ends without error.

    Whatever happens, `target` is what it was or the complete new folder; a process that is killed leaves at most
    a hidden folder behind, which the next call removes.

    Raises:
        OptionError: the target holds something that is not a bundle.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target)
    check_replaceable(target)
    folder = _sibling(target, "partial")
    folder.mkdir()
    try:
        yield folder
        _swap(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_replaceable(target: Path) -> None:
    """Refuse to replace anything but a bundle or an empty folder."""
    if not target.exists():
        return
    if not target.is_dir():
        raise OptionError(f"{target} is a file; choose a folder for the bundle")
    ours = {MANIFEST_NAME, TOKENIZER_NAME}
    ours |= {f"{name}.onnx{end}" for name in (*COMPONENTS, LANGUAGE_MODEL) for end in ("", ".data")}
    if foreign := sorted(entry.name for entry in target.iterdir() if entry.name not in ours):
        raise OptionError(
            f"{target} holds {foreign[0]}, which is no part of a bundle and would be lost; choose another folder, "
            "or move it away"
        )


def clear_leftovers(target: Path) -> None:
    """Remove what killed conversions to the same target left, and put back a bundle that one had moved aside."""
    for folder in target.parent.glob(f".{target.name}.*-*"):
        kind, _, owner = folder.name.removeprefix(f".{target.name}.").partition("-")
        if kind not in ("partial", "replaced") or not owner.isdecimal() or _alive(int(owner)):
            continue
        if kind == "replaced" and not target.exists():
            folder.rename(target)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _sibling(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}-{os.getpid()}")


def _swap(folder: Path, target: Path) -> None:
    if not target.exists():
        folder.rename(target)
        return
    replaced = _sibling(target, "replaced")
    try:
        target.rename(replaced)
        folder.rename(target)
    except BaseException:
        if not target.exists():
            replaced.rename(target)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False
    if sys.platform == "win32":
        return True  # There is no harmless signal to ask with; leftovers stay until somebody removes them.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # Somebody else's process.
    return True

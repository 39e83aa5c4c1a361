"""The small files of a checkpoint: JSON and YAML, as people have them, however damaged."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from sparktts_onnx.bundle.values import build
from sparktts_onnx.errors import CheckpointError

CONFIG_BYTES = 1 << 20
"""Larger than any config; a YAML file takes minutes and gigabytes for every 10 MB."""
TABLE_BYTES = 1 << 27
"""Larger than any tokenizer or index of shards."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

Kind = TypeVar("Kind")


def read_json(path: Path, *, limit: int = CONFIG_BYTES) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: it cannot be read, is too large, or is something else.
    """
    return _read(path, limit, json.loads)


def read_yaml(path: Path) -> dict[str, Any]:
    """The table in a YAML file; errors as `read_json`."""
    return _read(path, CONFIG_BYTES, yaml.safe_load)


def _read(path: Path, limit: int, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        refuse_pointer(path)
        if (size := path.stat().st_size) > limit:
            raise CheckpointError(f"{path} has {size} bytes; at most {limit} are read")
        data = parse(path.read_text(encoding="utf-8-sig"))  # editors of Windows put a mark before it
    except RecursionError as error:
        raise CheckpointError(f"{path} cannot be read: it is nested too deeply") from error
    except (OSError, ValueError, TypeError, OverflowError, AttributeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read: {reason(error)}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a table of keys")
    return data


def reason(error: Exception) -> str:
    """What an error says, in one line; its class where it says nothing."""
    said = error.strerror if isinstance(error, OSError) else None
    return " ".join((said or str(error) or type(error).__name__).split())


def values_of(kind: type[Kind], given: Mapping[str, Any], *, source: Path | str, where: str) -> Kind:
    """Keys of a config as a dataclass of their names, checked; keys that it does not have are left out.

    Raises:
        CheckpointError: a key is missing, of another type or out of bounds; it is named with its file.
    """
    known = {key: given[key] for key in kind.__dataclass_fields__ if key in given}  # type: ignore[attr-defined]
    try:
        result: Kind = build(kind, known, where)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{source}: {error}") from error
    return result


def refuse_pointer(path: Path) -> None:
    """Recognize the stand-in that a clone without Git LFS leaves in a large file's place."""
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise CheckpointError(
                f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull` in the checkpoint's folder, or "
                "download it again"
            )

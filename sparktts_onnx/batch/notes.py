"""Notes of finished work, a JSON object a line, that let a later run go on where this one stopped."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sparktts_onnx.audio.parts import see_replaceable, whole_file
from sparktts_onnx.files import writing


class Notes:
    """A file that notes are added to, each on disk when `add` returns. One process writes at a time."""

    def __init__(self, path: Path) -> None:
        """Drop what a stop has cut off."""
        self.path = path
        with writing(path):
            see_replaceable(path)
            if path.exists():
                with path.open("r+b") as notes:
                    notes.truncate(sum(len(line) for line in notes if line.endswith(b"\n")))

    def places(self) -> dict[str, int]:
        """By a note's `key`, the place that `at` reads the last such note from."""
        found, place = {}, 0
        for line in _lines(self.path):
            found[str(_parsed(line).get("key"))] = place
            place += len(line)
        return found

    def at(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as notes:
            for place in places:
                notes.seek(place)
                yield _parsed(notes.readline())

    def add(self, note: Mapping[str, Any]) -> None:
        data = _line(note).encode()
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as notes:
                end = notes.tell()
                try:
                    while data:
                        data = data[notes.write(data) :]
                    os.fsync(notes.fileno())
                except OSError:
                    notes.truncate(end)  # half of it would spoil the next, where a full disk has room again
                    raise


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of JSON lines; an empty one for a line that holds none."""
    return map(_parsed, _lines(path))


def write_lines(path: Path, items: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of JSON lines that is there whole or not at all."""
    with writing(path), whole_file(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(map(_line, items))


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            yield from file


def _line(note: Mapping[str, Any]) -> str:
    return json.dumps(note, ensure_ascii=False) + "\n"


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        note = json.loads(line)
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}

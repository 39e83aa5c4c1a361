"""The lines of a batch: what is to be spoken, from JSONL or Parquet, checked before anything is spoken."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparktts_onnx import Lexicon, Manifest, SparkTTSError, Voice, VoiceLibrary
from sparktts_onnx.errors import MissingDependencyError, OptionError, TextError
from sparktts_onnx.files import file_name_key, names_a_file_everywhere, read_text_file

_NO_NAME = (
    "cannot be a file's name on every system: leave out < > : \" / \\ | ? *, what cannot be printed, dots and spaces "
    "at its ends, names of devices such as CON and COM1, and more than 200 bytes"
)


@dataclass(frozen=True)
class Line:
    """One line of the input."""

    number: int
    key: str
    """Digest of the line's contents: a line that was changed is spoken again."""
    name: str
    item: Mapping[str, Any]


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be spoken."""

    number: int
    error: SparkTTSError


def read_lines(path: Path, manifest: Manifest, voices_dir: str | Path = "voices") -> tuple[list[Line], list[BadLine]]:
    """Every good line and every bad one; voices are loaded once. SSML may name those kept in `voices_dir`."""
    reader = _Reader(manifest, path.parent, VoiceLibrary(voices_dir, manifest.codec))
    lines, bad, names = [], [], set()
    for number, content in contents(path):
        try:
            line = reader.line(number, content)
            if file_name_key(line.name) in names:
                raise OptionError(f"the id {line.name!r} is there twice: some systems take such names for one file's")
        except SparkTTSError as error:
            bad.append(BadLine(number, error))
        else:
            names.add(file_name_key(line.name))
            lines.append(line)
    return lines, bad


def contents(path: Path) -> Iterator[tuple[int, str]]:
    """Number and JSON text of every line that holds something."""
    texts = _parquet_rows(path) if path.suffix.lower() == ".parquet" else _text_lines(path)
    return ((number, text) for number, text in enumerate(texts, 1) if text)


def _text_lines(path: Path) -> Iterator[str]:
    lines = read_text_file(path, "the list").split("\n")  # other line ends may stand inside a text
    return map(str.strip, lines)


def _parquet_rows(path: Path) -> Iterator[str]:
    """Each row as JSON; a value that is missing is a key that was not given."""
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise MissingDependencyError("reading Parquet", needs="pyarrow", extra="ray") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, ArrowException) as error:
        raise TextError(f"the Parquet file {path} cannot be read: {error}") from error
    for row in rows:
        given = {key: value for key, value in row.items() if value is not None}
        yield json.dumps(given, ensure_ascii=False, sort_keys=True, default=str)


class _Reader:
    """Checks lines; voices are loaded once."""

    def __init__(self, manifest: Manifest, folder: Path, kept: VoiceLibrary) -> None:
        self._manifest = manifest
        self._kept = kept
        self._folder = folder
        self._voices: dict[str, Voice] = {}

    def line(self, number: int, content: str) -> Line:
        """A line of its JSON."""
        try:
            item = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"not JSON: {error}") from error
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            raise TextError('expected an object with a "text", such as {"text": "Hello.", "seed": 1}')
        given = item.pop("id", f"{number:06d}")
        name = str(given)
        if isinstance(given, bool) or not isinstance(given, str | int):
            raise OptionError(f"the id {given!r} is neither a text nor a number")
        if not names_a_file_everywhere(name):
            raise OptionError(f"the id {name!r} {_NO_NAME}")
        if isinstance(item.get("lexicon"), dict):
            item["lexicon"] = Lexicon(item["lexicon"])
        if item.get("ssml") is True:
            item["voices"] = self._kept.named_in(item["text"])
        if item.get("voice") is not None:
            item["voice"] = self._voice(str(item["voice"]))
        return Line(number, hashlib.sha256(content.encode()).hexdigest()[:16], name, item)

    def _voice(self, name: str) -> Voice:
        if name not in self._voices:
            self._voices[name] = Voice.load(self._folder / name, self._manifest.codec)
        return self._voices[name]

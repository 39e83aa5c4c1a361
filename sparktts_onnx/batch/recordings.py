"""Recordings with what is said in them: from JSONL, Parquet, CSV, or a folder."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparktts_onnx import SparkTTSError
from sparktts_onnx.batch.lines import contents, json_object
from sparktts_onnx.errors import TextError
from sparktts_onnx.files import read_text_file

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".webm", ".aac")
"""Of the recordings that are looked for in a folder."""
JSON_SUFFIXES = (".jsonl", ".json", ".parquet")
_HEADER = re.compile(r"(path|audio|file)\w*\|(text|transcript\w*|sentence)", re.IGNORECASE)
_CONTROL_TOKEN = re.compile(r"<\|\w+\|>")


@dataclass(frozen=True)
class DatasetRecording:
    """A recording of a data set."""

    place: str
    """Where the data set has it, for messages: `line 3`, or the file's name."""
    name: str
    """The file, relative to the data set's folder."""
    path: Path
    text: str
    """What is said in it."""

    def key(self) -> str:
        """Digest of what the file is: one that was changed is read again."""
        try:
            status = self.path.stat()
            what = [self.name, status.st_size, status.st_mtime_ns]
        except (OSError, ValueError):
            what = [self.name]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def read_recordings(dataset: Path) -> tuple[list[DatasetRecording], list[tuple[str, SparkTTSError]]]:
    """Every good recording of a data set, and place and error of every bad one; the sound is not read yet.

    Raises:
        TextError: the data set cannot be read, or holds nothing.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.
    """
    is_recording = dataset.is_file() and dataset.suffix.lower() in SUFFIXES
    if is_recording or not dataset.exists():
        found = f"{dataset} is one itself" if is_recording else f"there is no {dataset}"
        raise TextError(
            f"the recordings cannot be read: {found}; expected a folder with audio files, or a JSONL, "
            "Parquet or CSV file that lists them"
        )
    good, bad = [], []
    for place, content in _entries(dataset):
        try:
            name, text = _parse(dataset, content)
            good.append(
                DatasetRecording(place, name, (dataset if dataset.is_dir() else dataset.parent) / name, _checked(text))
            )
        except SparkTTSError as error:
            bad.append((place, error))
    if not good and not bad:
        raise TextError(f"{dataset} holds no recordings; expected lines, or audio files with a .txt next to each")
    return good, bad


def _entries(dataset: Path) -> Iterator[tuple[str, str]]:
    """Place and content of each entry: the line of a file, or the name of a file in a folder."""
    if dataset.is_dir():
        files = sorted(path for path in dataset.rglob("*") if path.suffix.lower() in SUFFIXES)
        yield from ((file.relative_to(dataset).as_posix(),) * 2 for file in files)
        return
    for number, text in contents(dataset):
        if not (number == 1 and _HEADER.fullmatch(text)):
            yield f"line {number}", text


def _parse(dataset: Path, content: str) -> tuple[str, str]:
    """File and text of an entry."""
    if dataset.is_dir():
        return content, read_text_file((dataset / content).with_suffix(".txt")).strip()
    if dataset.suffix.lower() in JSON_SUFFIXES:
        expected = '"audio" and "text", such as {"audio": "a.wav", "text": "Hello."}'
        item = json_object(content, "audio", "text", expected=expected)
        source = item.get("source")
        return item["audio"], item["text"] if source is None else f"{source}: {item['text']}"
    columns = content.split("|")
    if len(columns) != 2:
        raise TextError(f"expected path|text, found {len(columns)} columns")
    return columns[0].strip(), columns[1].strip()


def _checked(text: str) -> str:
    """A text that can be trained on."""
    if not text.strip():
        raise TextError("the text is empty")
    if found := _CONTROL_TOKEN.search(text):
        raise TextError(f"the text holds {found[0]}, which training takes for a control token; leave it out")
    return text

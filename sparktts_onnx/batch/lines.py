"""The lines of a batch: what is to be spoken, from JSONL or Parquet, checked before anything is spoken."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sparktts_onnx import Lexicon, Manifest, SparkTTSError, SpeechOptions, Voice, VoiceLibrary
from sparktts_onnx.errors import MissingDependencyError, OptionError, TextError
from sparktts_onnx.files import file_name_key, names_a_file_everywhere, read_text_file

_KEYS = ("text", "id", *sorted(SpeechOptions.__annotations__.keys() - {"voices"}))
"""What a line may hold; the voices of SSML are found by their names."""
_EXAMPLE = '{"text": "Hello.", "seed": 1}'
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
    voices: str = ""
    """Digest of the voices that it names: a line is spoken again where one of their files has another speaker now."""


def read_lines(
    path: Path, manifest: Manifest, voices_dir: str | Path = "voices"
) -> tuple[list[Line], list[tuple[int, SparkTTSError]]]:
    """Every good line, and number and error of every bad one. SSML may name voices kept in `voices_dir`.

    Raises:
        TextError: the file cannot be read, or is no list of JSON objects at all.
        MissingDependencyError: it is Parquet, and pyarrow is not installed.
    """
    kept = VoiceLibrary(voices_dir, manifest.codec)
    voice_of = cache(lambda name: Voice.load(path.parent / name, manifest.codec))
    lines, bad, names = [], [], set()
    given = list(contents(path))
    if given and not any(content.startswith("{") for _, content in given):
        raise TextError(f"the list {path} holds no JSON objects; expected one a line, such as {_EXAMPLE}")
    for number, content in given:
        try:
            line = _line(number, content, voice_of, kept)
            if file_name_key(line.name) in names:
                raise OptionError(f"the id {line.name!r} is there twice: some systems take such names for one file's")
        except SparkTTSError as error:
            bad.append((number, error))
        else:
            names.add(file_name_key(line.name))
            lines.append(line)
    return lines, bad


def contents(path: Path) -> Iterator[tuple[int, str]]:
    """Number and JSON text of every line that holds something."""
    if path.suffix.lower() == ".parquet":
        texts = _parquet_rows(path)
    else:
        texts = map(str.strip, read_text_file(path, "the list", most=-1).split("\n"))  # texts may hold other ends
    return ((number, text) for number, text in enumerate(texts, 1) if text)


def json_object(content: str, *texts: str, expected: str) -> dict[str, Any]:
    """The JSON object of a line that has these texts."""
    try:
        item = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"not JSON: {error}") from error
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in texts):
        raise TextError(f"expected an object with {expected}")
    return item


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


def _line(number: int, content: str, voice_of: Callable[[str], Voice], kept: VoiceLibrary) -> Line:
    """A line of its JSON; `voice_of` a file."""
    item = json_object(content, "text", expected=f'a "text", such as {_EXAMPLE}')
    if unknown := sorted(item.keys() - set(_KEYS)):
        raise OptionError(f"unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}", field=unknown[0])
    given = item.pop("id", f"{number:06d}")
    name = str(given)
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise OptionError(f"the id {given!r} is neither a text nor a number")
    if not names_a_file_everywhere(name):
        raise OptionError(f"the id {name!r} {_NO_NAME}")
    if (words := item.get("lexicon")) is not None:
        if not isinstance(words, dict):
            raise OptionError(f'lexicon is {words!r}; expected {{"word": "as spoken"}}', field="lexicon")
        item["lexicon"] = Lexicon(words)
    if item.get("ssml") is True:
        item["voices"] = kept.named_in(item["text"])
    if item.get("voice") is not None:
        item["voice"] = voice_of(str(item["voice"]))
    voices = [item.get("voice"), *item.get("voices", {}).values()]
    speakers = [(voice.global_ids, voice.semantic_ids, voice.transcript, voice.style) for voice in voices if voice]
    return Line(number, _digest(content), name, item, _digest(repr(speakers)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

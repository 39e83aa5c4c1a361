"""The results of a batch: a file for each line, and a note of it that lets a later run go on where this one stopped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparktts_onnx import SparkTTSError, SparkTTSONNX, save_speech
from sparktts_onnx.audio.formats import format_named
from sparktts_onnx.batch.lines import Line
from sparktts_onnx.batch.notes import Notes, read_lines

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Target:
    """Where the files of a batch go."""

    folder: Path
    file_format: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_format", format_named(self.file_format).name)

    def file(self, line: Line) -> Path:
        return self.folder / f"{line.name}.{self.file_format}"


@dataclass(frozen=True)
class Outcome:
    """What became of a line: a note of the file that it was spoken into, or an error."""

    number: int
    note: Mapping[str, Any] | None = None
    error: str | None = None


def speak_lines(tts: SparkTTSONNX, lines: Sequence[Line], target: Target) -> Iterator[Outcome]:
    """Speak lines into their files; each outcome as soon as it is there."""
    for result in tts.iter_batch(line.item for line in lines):
        line = lines[result.index]
        try:
            wav, info = result.get()
            file = save_speech(target.file(line), wav, info.sample_rate, target.file_format)
        except SparkTTSError as error:
            yield Outcome(line.number, error=str(error))
        else:
            made_of = {"key": line.key, "voices": line.voices}
            note = {**info.to_dict(), "line": line.number, **made_of, "file": file.name}
            yield Outcome(line.number, note=note)


class Results(Notes):
    """What was spoken already, in the output folder; a note is added for each file that was written."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.folder / RESULTS)
        self._target = target
        self._done = {str(note.get("file")): (note.get("key"), note.get("voices")) for note in read_lines(self.path)}
        """By file, the key and the voices of the line that it was spoken from; earlier versions noted no voices."""

    def has(self, line: Line) -> bool:
        """Whether a line was spoken and its file is still there."""
        file = self._target.file(line)
        return self._done.get(file.name) in ((line.key, line.voices), (line.key, None)) and file.is_file()

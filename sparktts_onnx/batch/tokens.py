"""Rows to train on: recordings as tokens, in the line that public recipes for this model train on."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sparktts_onnx import EnrollOptions, SparkTTSError, SparkTTSONNX, errors
from sparktts_onnx.audio.parts import whole_file
from sparktts_onnx.batch.notes import Notes, read_lines, write_lines
from sparktts_onnx.batch.recordings import DatasetRecording
from sparktts_onnx.files import writing
from sparktts_onnx.threads import starting_threads

_log = logging.getLogger(__name__)

READERS = 2
"""Recordings in work: one is read while the graphs hear another with all cores."""
AT_ONCE = 1000
"""Recordings that are put to work, and rows of Parquet that are held in memory."""
ENROLLMENT = ("wav2vec2", "encoder", "quantizer_tokenize", "speaker_encoder")
ROW = {"text": str, "audio": str, "transcript": str, "global_ids": list, "semantic_ids": list, "key": str}
NOTED = ("key", "global_ids", "semantic_ids")
_OF_A_RECORDING = (errors.RecordingError, errors.TextError, errors.OptionError, errors.GenerationError)
"""Errors that the next recording may not have."""


@dataclass(frozen=True)
class Tokens:
    """What became of a recording."""

    recording: DatasetRecording
    note: dict[str, Any] | None = None
    """Its ids, with the key that they are found by."""
    doubt: str | None = None
    """Why the text cannot be what is said in it."""
    error: SparkTTSError | None = None


def training_line(text: str, global_ids: Iterable[int], semantic_ids: Iterable[int]) -> str:
    """What the model reads and writes for a recording, as one text."""
    speaker = "".join(f"<|bicodec_global_{code}|>" for code in global_ids)
    content = "".join(f"<|bicodec_semantic_{code}|>" for code in semantic_ids)
    return (
        f"<|task_tts|><|start_content|>{text}<|end_content|><|start_global_token|>{speaker}<|end_global_token|>"
        f"<|start_semantic_token|>{content}<|end_semantic_token|><|im_end|>"
    )


class Encoder:
    """Recordings to tokens, as the original's tokenizer makes them: nothing is trimmed."""

    def __init__(self, tts: SparkTTSONNX, *, max_seconds: float) -> None:
        """Check what can be checked before the first recording.

        Raises:
            BundleError: the graphs hear recordings in pieces.
            OptionError: a length that cannot be, or that takes all memory.
        """
        if tts.manifest.codec.fixed_frames is not None:
            raise errors.BundleError(
                "the graphs of this bundle have a fixed length, so tokens near a window's border are approximate; "
                "convert the checkpoint without --no-dynamic-axes"
            )
        self._tts = tts
        self._options = EnrollOptions(trim=False, max_seconds=max_seconds)
        if max_seconds > (most := EnrollOptions.MOST_TRANSCRIBED_SECONDS):
            expected = f"expected at most {most:g}: hearing a recording takes memory with the square of its length"
            raise errors.OptionError(f"max_seconds is {max_seconds:g}; {expected}", field="max_seconds")
        graphs = [tts.manifest.graphs[name] for name in ENROLLMENT if name in tts.manifest.graphs]
        digests = "".join(file.sha256 for graph in graphs for file in graph.files)
        self._salt = hashlib.sha256(digests.encode()).hexdigest()[:8]

    def key(self, recording: DatasetRecording) -> str:
        """Names a recording and the graphs that hear it."""
        return f"{recording.key()}-{self._salt}"

    def encode(self, recordings: Sequence[DatasetRecording]) -> Iterator[Tokens]:
        """Tokens of each recording, in order; an error of a recording is a result."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="spark-tts-tokens") as pool:
            for start in range(0, len(recordings), AT_ONCE):
                with starting_threads():
                    found = pool.map(self._tokens, recordings[start : start + AT_ONCE])
                yield from found

    def _tokens(self, recording: DatasetRecording) -> Tokens:
        key = self.key(recording)
        try:
            enrolled = self._tts.enroll([recording.path], recording.text, options=self._options)
        except _OF_A_RECORDING as error:
            return Tokens(recording, error=error)
        voice, (report,) = enrolled.voice, enrolled.reports
        note = {"key": key, "global_ids": list(voice.global_ids), "semantic_ids": list(voice.semantic_ids or ())}
        for remark in report.notes:
            _log.info("%s: %s", recording.place, remark)
        return Tokens(recording, note, None if report.transcript_fits else report.notes[0])


class Rows(Notes):
    """The rows that are written in the end, and the notes of those that are known on the way there.

    Notes lie next to the output until it is written; after that, the output itself is where a later run goes on.
    """

    def __init__(self, output: Path, encoder: Encoder) -> None:
        """Find what is known.

        Raises:
            OptionError: an ending that no format has.
            MissingDependencyError: it is Parquet, and pyarrow is not installed.
            OutputError: the output cannot be written.
        """
        self.output, self._encoder = output, encoder
        self._parquet = _is_parquet(output)
        notes = output.with_name(f"{output.name}.notes")
        if output.exists() and not notes.exists():
            write_lines(notes, map(self._note, self._read()))
        super().__init__(notes)
        self._places = self.places()

    def missing(self, recordings: Sequence[DatasetRecording]) -> list[DatasetRecording]:
        """Recordings whose tokens are not known."""
        return [recording for recording in recordings if self._encoder.key(recording) not in self._places]

    def write(self, recordings: Sequence[DatasetRecording]) -> int:
        """Write the rows of all recordings whose tokens are known, in their order; how many they are."""
        self._places = self.places()
        known = [(recording, self._places.get(self._encoder.key(recording))) for recording in recordings]
        chosen = [(recording, place) for recording, place in known if place is not None]
        notes = self.at(place for _, place in chosen)
        rows = (_row(recording, note) for (recording, _), note in zip(chosen, notes, strict=True))
        (_write_parquet if self._parquet else write_lines)(self.output, rows)
        self.path.unlink(missing_ok=True)
        return len(chosen)

    def _read(self) -> Iterator[dict[str, Any]]:
        """The rows of an earlier run."""
        if not self._parquet:
            yield from read_lines(self.output)
            return
        from pyarrow import ArrowException, parquet

        try:
            for rows in parquet.ParquetFile(self.output).iter_batches(AT_ONCE):
                yield from rows.to_pylist()
        except (OSError, ArrowException) as error:
            raise errors.OutputError(f"{self.output} cannot be read: {error}; choose another name") from error

    def _note(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a row says of its recording, refused where another program has written it."""
        if missing := [key for key in NOTED if key not in row]:
            raise errors.OutputError(
                f"{self.output} is there already and was not written by this command (a row has no {missing[0]}); "
                "choose another name"
            )
        return {key: row[key] for key in NOTED}


def _row(recording: DatasetRecording, note: dict[str, Any]) -> dict[str, Any]:
    line = training_line(recording.text, note["global_ids"], note["semantic_ids"])
    return {"text": line, "audio": recording.name, "transcript": recording.text, **note}


def _is_parquet(output: Path) -> bool:
    if output.suffix == ".jsonl":
        return False
    if output.suffix != ".parquet":
        raise errors.OptionError(
            f"the output is {output}; expected a name that ends in .jsonl or .parquet", field="output"
        )
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise errors.MissingDependencyError("writing Parquet", needs="pyarrow", extra="ray") from error
    return True


def _write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write a Parquet file that is there whole or not at all."""
    import pyarrow
    from pyarrow import parquet

    kinds = {str: pyarrow.string(), list: pyarrow.list_(pyarrow.int32())}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in ROW.items()])
    rows = iter(rows)
    with writing(path), whole_file(path) as part, parquet.ParquetWriter(part, schema) as writer:
        while group := list(islice(rows, AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema))

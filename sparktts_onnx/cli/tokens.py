"""`spark-tts-onnx tokens`: recordings into rows to train on, resumable."""

import argparse
from pathlib import Path

from sparktts_onnx.audio.parts import see_writable
from sparktts_onnx.batch.recordings import read_recordings
from sparktts_onnx.batch.tokens import Encoder, Rows
from sparktts_onnx.cli import arguments
from sparktts_onnx.cli.output import Progress, say

DESCRIPTION = """Turn recordings and what is said in them into rows that recipes for finetuning train on.

  spark-tts-onnx tokens clips/ --output rows.jsonl --model M        a.wav with a.txt next to it, and so on
  spark-tts-onnx tokens clips.csv --output rows.parquet --model M   path|text
  spark-tts-onnx tokens clips.jsonl --output rows.jsonl --model M   {"audio": "a.wav", "text": "Hello."}

Paths are relative to the file that names them. A "source" in JSON is a speaker's name and goes before the text, as
"name: text". A row's `text` is the whole line to train on; the tokens equal those of the original's tokenizer with a
bundle in fp32. A bad recording is reported with its line and left out; the exit status is then 1. Run the same command
again after a stop, or after mending recordings: only what is missing or has changed is read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a JSONL, Parquet or CSV file, or a folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="rows as .jsonl or .parquet")
    parser.add_argument(
        "--max-seconds", type=float, default=60, metavar="S", help="refuse longer recordings, 120 at most (default: 60)"
    )
    arguments.add_model(parser)


def run(options: argparse.Namespace) -> int:
    """Read what is not read yet, and write all rows."""
    see_writable(options.output)
    recordings, bad = read_recordings(options.dataset)
    with arguments.open_model(options) as tts:
        encoder = Encoder(tts, max_seconds=options.max_seconds)
        rows = Rows(options.output, encoder)
        for place, error in bad:
            say(f"{place}: {error}")
        todo = rows.missing(recordings)
        there, heard, progress = len(recordings) - len(todo), 0, Progress("reading")
        for done, tokens in enumerate(encoder.encode(todo), there + 1):
            if wrong := tokens.error or tokens.doubt:
                say(f"{tokens.recording.place}: {wrong}")
            if tokens.note is not None:
                rows.add(tokens.note)
                heard += 1
            progress(done, len(recordings))
        written = rows.write(recordings)
    failed = len(bad) + len(todo) - heard
    say(f"{heard} read, {there} there already, {failed} failed")
    say(f"{written} rows")
    print(options.output)
    return 1 if failed else 0

"""`spark-tts-onnx batch`: many texts into many files, resumable."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from sparktts_onnx import SparkTTSError, SparkTTSONNX
from sparktts_onnx.audio.parts import see_writable
from sparktts_onnx.batch.lines import Line, read_lines
from sparktts_onnx.batch.results import Outcome, Results, Target, speak_lines
from sparktts_onnx.cli import arguments
from sparktts_onnx.cli.output import Progress, say
from sparktts_onnx.errors import OptionError

DESCRIPTION = """Speak every line of a JSONL file into a file of its own.

  spark-tts-onnx batch lines.jsonl --output-dir out --model M        where lines.jsonl is

  {"text": "Hello.", "voice": "me.json", "seed": 1}
  {"id": "greeting", "text": "Good morning.", "gender": "female", "pitch": "high", "seed": 2}

Keys: text (required); id (name of the file; the line's number without one); voice (a voice file, relative to the
JSONL file); gender, pitch, speed, seed, temperature, top_k, top_p, max_new_tokens, retries, check_words,
segment_seconds, tempo, normalize; lexicon ({"word": "as spoken"}, in JSONL); ssml (true where the text is SSML, which
may name voices kept in --voices-dir). A Parquet file has them as columns. Results are noted in
OUTPUT_DIR/results.jsonl: run the same command again after a stop, or after changing lines or voice files, and only
what is missing or has changed is spoken. A bad line is reported with its number and does not stop the rest; the exit
status is then 1. With --ray the folder has to be shared by all machines, and a line without a seed
gets one of its contents."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    parser.add_argument("lines", type=Path, metavar="LINES", help="one JSON object a line, or a Parquet file")
    parser.add_argument("--output-dir", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--format", default="wav", metavar="F", help=arguments.FORMATS_HELP)
    parser.add_argument(
        "--slots",
        type=int,
        default=SparkTTSONNX.DEFAULT_SLOTS,
        metavar="N",
        help=f"lines in the making together; fewer take less memory (default: {SparkTTSONNX.DEFAULT_SLOTS})",
    )
    arguments.add_voices(parser)
    arguments.add_model(parser)
    arguments.add_cluster(parser)


def run(options: argparse.Namespace) -> int:
    """Speak what is not spoken yet."""
    if options.slots < 1:
        raise OptionError(f"--slots is {options.slots}; expected a whole number from 1")
    if not options.ray:
        arguments.see_used(options, ("workers", "gpus_per_worker"), needs="--ray")
    target = Target(options.output_dir, options.format)
    see_writable(target.folder, folder=True)
    with arguments.open_model(options, slots=options.slots) as tts:
        lines, bad = read_lines(options.lines, tts.manifest, options.voices_dir)
        for number, error in bad:
            _report(number, error)
        results = Results(target)
        todo = [line for line in lines if not results.has(line)]
        there, spoken, progress = len(lines) - len(todo), 0, Progress("speaking")
        for done, outcome in enumerate(_spoken(options, tts, todo, target), there + 1):
            spoken += _noted(outcome, results)
            progress(done, len(lines))
    failed = len(bad) + len(todo) - spoken
    say(f"{spoken} spoken, {there} there already, {failed} failed")
    print(results.path)
    return 1 if failed else 0


def _spoken(options: argparse.Namespace, tts: SparkTTSONNX, lines: Sequence[Line], target: Target) -> Iterator[Outcome]:
    """Outcomes of lines, spoken here or on a cluster."""
    if not options.ray:
        return speak_lines(tts, lines, target)
    from sparktts_onnx.scale.batch import speak_on_cluster

    model, workers = arguments.cluster_settings(options, slots=options.slots)
    return speak_on_cluster(lines, target, model, workers, verbose=options.verbose)


def _noted(outcome: Outcome, results: Results) -> bool:
    """Note what was spoken, or tell why it was not."""
    error: object = outcome.error
    try:
        if outcome.note is not None:
            results.add(outcome.note)
    except SparkTTSError as unwritten:
        error = unwritten
    if error is not None:
        _report(outcome.number, error)
    return error is None


def _report(number: int, error: object) -> None:
    say(f"line {number}: {error}")

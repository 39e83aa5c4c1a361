"""`spark-tts-onnx revoice`: a recording in another voice."""

import argparse
import os
import sys

from sparktts_onnx import FORMATS, SparkTTSONNX, SpeechStream, Voice
from sparktts_onnx.audio.writing import SpeechFile
from sparktts_onnx.cli import arguments
from sparktts_onnx.cli.output import hear, say
from sparktts_onnx.errors import OptionError, RecordingError

DESCRIPTION = """Give a recording another voice: its own words and timing, no language model.

  spark-tts-onnx revoice in.wav --voice me.json --model M -o out.wav
  spark-tts-onnx revoice talk.mp3 --prompt-path me.wav --model M -o talk-as-me.mp3
  spark-tts-onnx revoice in.wav --voice me.json --model M --stream

The recording may have any length and should be speech of one person. What was written is the last line on stdout."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    parser.add_argument("recording", metavar="AUDIO", help="what is said, and when")
    voice = parser.add_mutually_exclusive_group(required=True)
    voice.add_argument("--voice", metavar="FILE", help="a voice file: who shall say it")
    voice.add_argument("--prompt-path", metavar="AUDIO", help="or a few seconds of who shall say it")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("-o", "--output", metavar="FILE", help=f"file to write; its ending is one of {', '.join(FORMATS)}")
    arguments.add_stream(to)
    arguments.add_model(parser)


def run(options: argparse.Namespace) -> int:
    if options.output and _same_file(options.output, options.recording):
        raise OptionError(f"--output is the recording itself, {options.recording}; choose another name")
    if not os.path.exists(options.recording):  # noqa: PTH110 (Path's fails on some names)  # before graphs are loaded for a voice
        raise RecordingError(f"recording {options.recording!r} does not exist: give the path of an audio file")
    with arguments.open_model(options) as tts:
        file = SpeechFile(options.output, tts.manifest.codec.sample_rate) if options.output else None
        with tts.revoice_stream(options.recording, _voice(tts, options)) as stream:
            if file is None:
                hear(stream, options.stream)
            else:
                _write(stream, file)
            _tell(stream)
    if options.output:
        print(options.output)
    return 0


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121
    except OSError:  # one of them is not there
        return False


def _voice(tts: SparkTTSONNX, options: argparse.Namespace) -> Voice:
    if options.voice is not None:
        return Voice.load(options.voice, tts.manifest.codec)
    enrollment = tts.enroll([options.prompt_path])
    for warning in enrollment.warnings:
        say(f"warning: {warning}")
    return enrollment.voice


def _write(stream: SpeechStream, target: SpeechFile) -> None:
    """Write a file, and say on a terminal how far it is."""
    samples, shown = 0, sys.stderr.isatty()
    with target as file:
        for chunk in stream:
            file.write(chunk)
            samples += len(chunk)
            if shown:
                print(f"\r{samples / stream.sample_rate:.0f} s made", end="", file=sys.stderr, flush=True)
    if shown:
        say("")


def _tell(stream: SpeechStream) -> None:
    info = stream.info
    assert info is not None, "a stream that was heard to its end has its info"
    say(f"{info.duration_seconds:.2f} s of audio, {info.real_time_factor:.2f} times real time")
    for warning in info.warnings:
        say(f"warning: {warning}")

"""`spark-tts-onnx voices`: keep voices by name in a folder."""

import argparse
from collections.abc import Callable
from pathlib import Path

from sparktts_onnx import EnrollOptions, SparkTTSONNX, VoiceLibrary
from sparktts_onnx.audio.parts import see_writable
from sparktts_onnx.cli import arguments
from sparktts_onnx.cli.output import say
from sparktts_onnx.errors import OptionError

DESCRIPTION = """Keep voices by name in a folder.

  spark-tts-onnx voices enroll NAME a.wav b.wav --model M    from recordings of one speaker
  spark-tts-onnx voices create NAME --gender male --model M  made up by the model
  spark-tts-onnx voices try    NAME --model M                speaks a sentence
  spark-tts-onnx voices list|show|remove …
  spark-tts-onnx --voice voices/NAME.json …                  speaks with it"""

SENTENCE = "This is how I sound. Shall we begin?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    commands = parser.add_subparsers(required=True, metavar="list|show|enroll|create|remove|try")
    _add(commands, "list", _list, "every voice of the folder", named=False, computes=False)
    _add(commands, "show", _show, "what is known of a voice", computes=False)
    _add(commands, "remove", _remove, "delete a voice", computes=False)
    enroll = _add(commands, "enroll", _enroll, "make a voice from recordings")
    enroll.add_argument("recordings", nargs="+", metavar="AUDIO", help="recordings of one speaker, several seconds")
    enroll.add_argument(
        "--transcript", metavar="TEXT", help="what is said in them, two minutes at most: clones the manner too"
    )
    enroll.add_argument("--consent", metavar="TEXT", help="what the speaker agreed to; kept with the voice")
    enroll.add_argument(
        "--window", default="best", help="first seconds, best stretch (default) or all of the recordings"
    )
    enroll.add_argument("--trim", action="store_true", help="cut silence from both ends first")
    create = _add(commands, "create", _create, "make a voice up")
    arguments.add_style(create)
    create.add_argument("--seed", type=int, metavar="N", help="the same seed makes the same voice")
    attempt = _add(commands, "try", _try, "speak a sentence with a voice")
    attempt.add_argument("--text", default=SENTENCE, help=f"(default: {SENTENCE!r})")
    attempt.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same speech")
    attempt.add_argument("--output-dir", default="outputs", metavar="DIR", help="folder to write to (default: outputs)")


Act = Callable[[argparse.Namespace, SparkTTSONNX, VoiceLibrary], int]


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Act,
    about: str,
    *,
    named: bool = True,
    computes: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
    if named:
        parser.add_argument("name", metavar="NAME", help="the voice's name")
    arguments.add_voices(parser)
    if computes:
        arguments.add_model(parser)
    else:
        arguments.add_bundle(parser)

    def run(options: argparse.Namespace) -> int:
        with arguments.open_model(options) as tts:
            return act(options, tts, VoiceLibrary(options.voices_dir, tts.manifest.codec))

    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    entries = library.entries()
    for entry in entries:
        voice = entry.voice
        about = f"{voice.origin or '-'}{', with transcript' if voice.transcript else ''}" if voice else entry.problem
        print(f"{entry.name}\t{about}")
    if not entries:
        say(f"no voices in {options.voices_dir}; make one with `voices enroll` or `voices create`")
    return 0


def _show(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    voice = library.get(options.name)
    for label, value in (
        ("name", voice.name),
        ("from", voice.origin),
        ("transcript", voice.transcript),
        ("consent", voice.consent),
        ("codec", voice.codec[:12]),
        ("semantic ids", len(voice.semantic_ids or ())),
        ("global ids", " ".join(map(str, voice.global_ids))),
    ):
        print(f"{label}: {'-' if value is None else value}")
    return 0


def _remove(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    say(f"removed {library.remove(options.name)}")
    return 0


def _enroll(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    if options.transcript and len(options.recordings) > 1:
        raise OptionError("a transcript belongs to one recording; give one, or leave the transcript out")
    library.check_free(options.name)
    chosen = EnrollOptions(window=options.window, trim=options.trim or None)
    enrollment = tts.enroll(options.recordings, options.transcript, options=chosen)
    for path, report in zip(options.recordings, enrollment.reports, strict=True):
        for note in report.notes:
            say(f"{path if path.isprintable() else ascii(path)}: {note}")
    kept = library.add(enrollment.voice, options.name, consent=options.consent)
    say(f"kept {kept.name} as {options.voices_dir / f'{kept.name}.json'}")
    return 0


def _create(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    library.check_free(options.name)
    voice = tts.create_voice(options.gender, options.pitch, options.speed, seed=options.seed)
    kept = library.add(voice, options.name)
    say(f"kept {kept.name} as {options.voices_dir / f'{kept.name}.json'}")
    return 0


def _try(options: argparse.Namespace, tts: SparkTTSONNX, library: VoiceLibrary) -> int:
    see_writable(Path(options.output_dir), folder=True)
    voice = library.get(options.name)
    _, info = tts.inference(options.text, save_dir=options.output_dir, voice=voice, seed=options.seed)
    print(info.file)
    return 0

"""`spark-tts-onnx publish`: bundles onto the hub, with a model card."""

import argparse
from pathlib import Path

from sparktts_onnx.cli.output import say
from sparktts_onnx.errors import OptionError
from sparktts_onnx.hub.names import hub_id
from sparktts_onnx.hub.publish import publication

DESCRIPTION = """Put a bundle on the Hugging Face hub, with a model card that says what was measured.

  see what would go there:  spark-tts-onnx publish my-voice/onnx me/my-voice --dry-run
  put it there:             HF_TOKEN=… spark-tts-onnx publish my-voice/onnx me/my-voice

A folder with several bundles is put there whole, a folder for each precision."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle, or a folder with several")
    parser.add_argument("id", metavar="ORG/NAME", help="where to on the hub")
    parser.add_argument("--dry-run", action="store_true", help="show the card and the files, and ask nobody")
    parser.add_argument("--private", action="store_true", help="make a new model private")
    parser.add_argument(
        "--i-have-the-right",
        action="store_true",
        help="publish weights whose license is unknown, or does not let everybody pass them on",
    )


def run(options: argparse.Namespace) -> int:
    found = publication(options.bundle, hub_id(options.id))
    if options.dry_run:
        print(found.card)
        for name, path in found.files.items():
            print(f"{path.stat().st_size:>13,}  {name}")
    if not (found.free or options.i_have_the_right):
        refusal = f"the license of these weights does not let everybody pass them on, or is unknown: {found.license}"
        raise OptionError(f"{refusal}. If you have the right to publish them, say so with --i-have-the-right")
    if not options.dry_run:
        print(found.upload(private=options.private))
        say(f'next: spark-tts-onnx --model {options.id} --text "Hello."')
    return 0

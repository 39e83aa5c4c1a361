"""Every command, and the choice among them."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from sparktts_onnx.cli import batch, publish, revoice, serve, speak, tokens, voices
from sparktts_onnx.cli.arguments import with_dashes
from sparktts_onnx.errors import OptionError
from sparktts_onnx.export import cli as convert

COMMANDS = {
    "speak": speak.add_arguments,
    "batch": batch.add_arguments,
    "revoice": revoice.add_arguments,
    "tokens": tokens.add_arguments,
    "voices": voices.add_arguments,
    "serve": serve.add_arguments,
    "wyoming": serve.add_wyoming_arguments,
    "convert": convert.add_arguments,
    "publish": publish.add_arguments,
}
"""Every command; `speak` is meant where none is named."""


def run(argv: Sequence[str]) -> int:
    """Run the command that the arguments name; the exit status."""
    arguments = with_dashes(argv)
    if arguments and arguments[0] not in COMMANDS and not arguments[0].startswith("-"):
        raise OptionError(f"there is no command {arguments[0]!r}; the commands are {', '.join(COMMANDS)}")
    name = "speak" if not arguments or arguments[0] not in COMMANDS else arguments.pop(0)
    parser = make_parser(name)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if not sys.stderr.isatty():  # as our own progress
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for handler in logging.getLogger().handlers:  # huggingface_hub prints what it logs by itself
        handler.addFilter(lambda record: not record.name.startswith("huggingface_hub"))
    command: Callable[[argparse.Namespace], int] = options.run
    return command(options)


def make_parser(name: str) -> argparse.ArgumentParser:
    shown = "spark-tts-onnx" if name == "speak" else f"spark-tts-onnx {name}"
    parser = argparse.ArgumentParser(
        prog=shown, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    COMMANDS[name](parser)
    parser.add_argument("--verbose", action="store_true", help="log what is loaded and done")
    return parser

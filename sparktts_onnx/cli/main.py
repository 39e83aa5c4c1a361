"""Chooses the command, and turns errors into one message and an exit status.

0 done    1 something failed    2 bad usage    130 interrupted
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from sparktts_onnx import OptionError, SparkTTSError
from sparktts_onnx.cli import batch, serve, speak, voices
from sparktts_onnx.cli.arguments import with_dashes

COMMANDS = {
    "speak": speak.add_arguments,
    "batch": batch.add_arguments,
    "voices": voices.add_arguments,
    "serve": serve.add_arguments,
}
"""Every command; `speak` is meant where none is named."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    arguments = with_dashes(sys.argv[1:] if argv is None else argv)
    name = "speak" if not arguments or arguments[0] not in COMMANDS else arguments.pop(0)
    parser = make_parser(name)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except OptionError as error:
        return _failed(str(error), 2)
    except SparkTTSError as error:
        return _failed(str(error), 1)
    except BrokenPipeError:
        return _failed("whoever reads the output has left", 1)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)


def make_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command."""
    shown = "spark-tts-onnx" if name == "speak" else f"spark-tts-onnx {name}"
    parser = argparse.ArgumentParser(
        prog=shown, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    COMMANDS[name](parser)
    parser.add_argument("--verbose", action="store_true", help="tell what is loaded and done")
    return parser


def _failed(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status

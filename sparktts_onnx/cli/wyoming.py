"""`spark-tts-onnx wyoming`: speech for Home Assistant."""

import argparse
import logging
from pathlib import Path

from sparktts_onnx import Lexicon
from sparktts_onnx.cli.arguments import add_model_arguments, add_voices_argument, open_model

DESCRIPTION = """Serve speech over the Wyoming protocol, for Home Assistant (extra wyoming).

  spark-tts-onnx wyoming --model M --uri tcp://127.0.0.1:10200

Then add the integration Wyoming Protocol in Home Assistant, with this host and port. Whoever reaches the address can
speak: the protocol has no key."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    add_model_arguments(parser)
    group = parser.add_argument_group("address, voices and limits")
    address = "tcp://HOST:PORT or unix://PATH"
    default = "tcp://127.0.0.1:10200"
    group.add_argument("--uri", default=default, metavar="URI", help=f"{address} (default: {default})")
    add_voices_argument(group)
    group.add_argument("--default-voice", metavar="NAME", help="who speaks if nobody is named (default: alloy)")
    group.add_argument("--lexicon", metavar="FILE", help="JSON or CSV of words and how to speak them, for all texts")
    group.add_argument("--slots", type=int, metavar="N", help="answers made together (default: 8)")


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    from sparktts_onnx.server import ServerSettings
    from sparktts_onnx.server.logs import configure
    from sparktts_onnx.server.service import SpeechService
    from sparktts_onnx.server.wyoming import serve_wyoming

    names = ("default_voice", "slots")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    lexicon = None if options.lexicon is None else Lexicon.load(options.lexicon)
    settings = ServerSettings(voices_dir=Path(options.voices_dir), lexicon=lexicon, **given)
    configure(logging.DEBUG if options.verbose else logging.INFO)
    with open_model(options, slots=settings.slots) as tts:
        service = SpeechService(tts, settings)
        tts.bundle.fetch()
        serve_wyoming(service, options.uri)
    return 0

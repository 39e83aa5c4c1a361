"""`spark-tts-onnx serve`: an OpenAI-compatible speech server with a web page; and `wyoming`, for Home Assistant."""

import argparse
import dataclasses
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparktts_onnx import Lexicon
from sparktts_onnx.cli import arguments
from sparktts_onnx.errors import OptionError

if TYPE_CHECKING:
    from sparktts_onnx.server import ServerSettings

DESCRIPTION = """Serve speech over HTTP: POST /v1/audio/speech as OpenAI's, voices, metrics, and a page at /.

  on this machine only:   spark-tts-onnx serve --model M
  for others:             SPARK_TTS_API_KEY=… spark-tts-onnx serve --model M --host 0.0.0.0
  on several machines:    RAY_ADDRESS=auto spark-tts-onnx serve --model M --ray --workers 2:16

SIGTERM and Ctrl-C stop it: running requests finish (--stop-seconds), new ones are refused."""

WYOMING_DESCRIPTION = """Serve speech over the Wyoming protocol, for Home Assistant (extra wyoming).

  spark-tts-onnx wyoming --model M --uri tcp://127.0.0.1:10200

Then add the integration Wyoming Protocol in Home Assistant, with this host and port. Whoever reaches the address can
speak: the protocol has no key."""

KEY_VARIABLE = "SPARK_TTS_API_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    arguments.add_model(parser)
    _add_address(parser)
    _add_limits(parser)
    arguments.add_cluster(parser)
    parser.add_argument(
        "--front-ends", type=int, metavar="N", help="with --ray: processes that take requests (default: 1)"
    )


def add_wyoming_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = WYOMING_DESCRIPTION
    parser.set_defaults(run=run_wyoming)
    arguments.add_model(parser)
    group = parser.add_argument_group("address, voices and limits")
    address = "tcp://HOST:PORT or unix://PATH"
    default = "tcp://127.0.0.1:10200"
    group.add_argument("--uri", default=default, metavar="URI", help=f"{address} (default: {default})")
    _add_voices(group, "texts")


def _add_voices(group: "argparse._ArgumentGroup", what: str) -> None:
    arguments.add_voices(group)
    group.add_argument("--default-voice", metavar="NAME", help="who speaks if nobody is named (default: alloy)")
    group.add_argument("--lexicon", metavar="FILE", help=f"JSON or CSV of words and how to speak them, for all {what}")
    group.add_argument("--slots", type=int, metavar="N", help="answers made together (default: 8)")


def _add_address(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("address")
    group.add_argument("--host", default="127.0.0.1", metavar="ADDR", help="address (default: 127.0.0.1)")
    group.add_argument("--port", type=int, default=8000, metavar="N", help="0 takes a free one (default: 8000)")
    group.add_argument(
        "--api-key-file", metavar="FILE", help=f"what clients have to send as bearer token; or set {KEY_VARIABLE}"
    )
    group.add_argument("--allow-host", action="append", metavar="NAME", help="another name of this server (repeatable)")
    group.add_argument(
        "--allow-origin", action="append", metavar="URL", help="site whose pages may use it (repeatable)"
    )
    group.add_argument(
        "--local-page", metavar="WEB", help="folder web/ of the repository: a page at /local that speaks in the browser"
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("voices and limits")
    _add_voices(group, "requests")
    group.add_argument("--model-name", metavar="NAME", help="what /v1/models calls the model (default: spark-tts)")
    group.add_argument("--queue-size", type=int, metavar="N", help="requests that may wait (default: 64)")
    group.add_argument("--request-seconds", type=float, metavar="S", help="longest request (default: 600)")
    group.add_argument(
        "--stall-seconds", type=float, metavar="S", help="patience with slow readers and stalled uploads (default: 60)"
    )
    group.add_argument("--stop-seconds", type=float, metavar="S", help="time to finish when stopped (default: 30)")
    group.add_argument("--max-body-bytes", type=int, metavar="N", help="largest request (default: 16 MiB)")
    group.add_argument("--max-text-characters", type=int, metavar="N", help="longest text (default: 20000)")
    group.add_argument("--max-prompt-seconds", type=float, metavar="S", help="longest recording (default: 60)")
    group.add_argument("--max-voices", type=int, metavar="N", help="voices kept at most (default: 1000)")


def run(options: argparse.Namespace) -> int:
    if not options.ray:
        arguments.see_used(options, ("workers", "gpus_per_worker", "front_ends"), needs="--ray")
    settings = _settings(
        options,
        api_key=_api_key(options.api_key_file),
        allowed_hosts=tuple(options.allow_host or ()),
        allowed_origins=tuple(options.allow_origin or ()),
    )
    if not options.ray:
        _serve_here(options, settings)
    elif options.local_page is None:
        _serve_on_cluster(options, settings)
    else:
        raise OptionError("--local-page does not go with --ray: the bundle may lie on another machine")
    return 0


def run_wyoming(options: argparse.Namespace) -> int:
    from sparktts_onnx.server.service import SpeechService
    from sparktts_onnx.server.wyoming import serve_wyoming

    settings = _settings(options)
    with arguments.open_model(options, slots=settings.slots) as tts:
        service = SpeechService(tts, settings)
        tts.bundle.fetch()
        serve_wyoming(service, options.uri)
    return 0


def _serve_here(options: argparse.Namespace, settings: "ServerSettings") -> None:
    from sparktts_onnx.server import create_app, run_server
    from sparktts_onnx.server.pages import add_local

    with arguments.open_model(options, slots=settings.slots) as tts:
        app = create_app(tts, settings)
        if options.local_page is not None:
            add_local(app, Path(options.local_page), tts.bundle.folder)
        tts.bundle.fetch()  # what enrolling needs too: no request shall wait for a download
        run_server(app, settings)


def _serve_on_cluster(options: argparse.Namespace, settings: "ServerSettings") -> None:
    from sparktts_onnx.scale.serve import ScaleSettings, serve_on_cluster

    model, workers = arguments.cluster_settings(options, slots=settings.slots)
    scale = ScaleSettings(model, workers, 1 if options.front_ends is None else options.front_ends)
    serve_on_cluster(settings, scale, verbose=options.verbose)


def _settings(options: argparse.Namespace, **further: Any) -> "ServerSettings":
    """What the options set, the rest by default; from here on this process logs as servers do."""
    from sparktts_onnx.server import ServerSettings
    from sparktts_onnx.server.logs import configure

    names = {setting.name for setting in dataclasses.fields(ServerSettings)}
    given = {name: value for name, value in vars(options).items() if name in names and value is not None}
    if "lexicon" in given:
        given["lexicon"] = Lexicon.load(options.lexicon)
    settings = ServerSettings(**given, **further)
    configure(logging.DEBUG if options.verbose else logging.INFO)
    return settings


def _api_key(path: str | None) -> str | None:
    """The key from a file, else from the environment; never from the command line, which others can read."""
    if path is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(f"the API key cannot be read from {path}: {reason}") from error

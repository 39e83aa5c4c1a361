"""Runs an app until a signal stops it."""

import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from sparktts_onnx.errors import OptionError
from sparktts_onnx.server.connection import HEAD_BYTES, SocketConnection, connections
from sparktts_onnx.server.logs import fields
from sparktts_onnx.server.settings import SOCKET_MESSAGE_BYTES, ServerSettings

_log = logging.getLogger(__name__)
_BACKLOG = 512
_IDLE_SECONDS = 75
_PING_SECONDS = 20.0


def run_server(app: FastAPI, settings: ServerSettings) -> None:
    """Listen until SIGINT or SIGTERM; running requests then get `stop_seconds` to finish."""
    listener = listen(settings)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _log.info("listening", extra=fields(address=f"http://{shown}:{port}", memory_bytes=settings.memory_bytes))
    with signals_call(lambda: None):  # uvicorn stops by them, and raises them once more when it is done
        uvicorn.Server(uvicorn_config(app, settings)).run(sockets=[listener])


def uvicorn_config(app: FastAPI, settings: ServerSettings) -> uvicorn.Config:
    """How the app is served: by our connections, whatever other parsers of HTTP are installed."""
    return uvicorn.Config(
        app,
        http=connections(settings.stall_seconds),
        h11_max_incomplete_event_size=HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        timeout_keep_alive=_IDLE_SECONDS,
        lifespan="on",
        ws=SocketConnection,
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_ping_interval=min(_PING_SECONDS, settings.stall_seconds),
        ws_ping_timeout=settings.stall_seconds,
        ws_per_message_deflate=False,
    )


@contextmanager
def signals_call(handle: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call a function and do nothing else, inside the block."""
    before = {number: signal.signal(number, lambda *_: handle()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OptionError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror or error}; choose another"
        ) from error

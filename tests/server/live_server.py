"""A server on a port of this machine, and bare connections to it."""

import contextlib
import dataclasses
import io
import socket
import threading
import wave
from collections.abc import Iterator
from typing import Any

import nano
import numpy as np
import uvicorn
from stand_in import StandIn, until

from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.running import uvicorn_config


@dataclasses.dataclass
class Live:
    """A server that listens on a port of this machine."""

    port: int
    server: uvicorn.Server
    app: Any

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, request: bytes = b"") -> socket.socket:
        """A bare connection, on which `request` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(request)
        return connection

    def post_speech(self, body: str) -> socket.socket:
        """A bare connection on which speech was asked for."""
        data = body.encode()
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        return self.connect(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)


@contextlib.contextmanager
def listening(engine: Any, settings: ServerSettings) -> Iterator[Live]:
    """A server in a thread of this process, once it has warmed up."""
    app = create_app(engine, settings)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(app, dataclasses.replace(settings, stop_seconds=3)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert until(lambda: server.started and app.state.service.state != "warming up")
        yield Live(listener.getsockname()[1], server, app)
    finally:
        if isinstance(engine, StandIn):
            engine.gate.set()
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive(), "the server did not stop"


def wav_bytes(wav: Any, rate: int = nano.SAMPLE_RATE) -> bytes:
    """A 16-bit WAV of samples in [-1, 1]."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.asarray(wav) * 32767).astype("<i2").tobytes())
    return target.getvalue()

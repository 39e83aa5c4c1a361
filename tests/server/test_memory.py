"""The stated memory is enough: the largest load that is let in, and more, for a process that gets no more than that."""

import base64
import contextlib
import io
import json
import re
import resource
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from serve_process import Server

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.server import ServerSettings

BODY = 4 << 20
LIMITS = {"slots": 2, "queue_size": 3, "max_body_bytes": BODY}
SLACK = 48 << 20
"""Stacks of threads that start under load, and what the allocator keeps of what was freed."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is set by Linux's prlimit")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in LIMITS.items()]
    server = Server(tmp_path / "voices", *options, MALLOC_ARENA_MAX="2")
    yield server
    server.process.kill()
    server.process.wait()


def data_bytes(server: Server) -> int:
    """Memory of a process that counts against RLIMIT_DATA."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmData:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) << 10


def recording(most_bytes: int) -> bytes:
    """Stereo of a rate that makes the most of the bytes, and lasts less than a minute."""
    time = np.arange(most_bytes // 4) / 32_000
    wav = 0.4 * np.sin(2 * np.pi * 180 * time) * (np.sin(2 * np.pi * 2 * time) > 0)
    file = io.BytesIO()
    soundfile.write(file, np.stack([wav, wav], axis=1), 32_000, format="WAV", subtype="PCM_16")
    return file.getvalue()[:most_bytes]


def bodies() -> list[bytes]:
    """Requests of the largest size, each costly in its own way."""
    audio = base64.b64encode(recording(BODY * 3 // 4 - 3000)).decode()
    room = BODY - 400
    return [
        json.dumps({"input": "Hi 😀.", "ref_audio": audio, "ref_text": "嗨"}, ensure_ascii=False).encode(),
        json.dumps({"input": "Hi.", "other": "😀" * (room // 4)}, ensure_ascii=False).encode(),
        json.dumps({"input": "Hi.", "other": ["x" * 60] * (room // 64)}).encode(),
        json.dumps({"input": "Hi.", "other": "\\" * (room // 2)}).encode(),
        b'{"input": "Hi.", "other": [' + b"[]," * (room // 3) + b"0]}",
    ]


def load(server: Server, seconds: float) -> list[int]:
    """Statuses of many requests at once, and of clients who read nothing."""
    statuses: list[int] = []
    end = time.monotonic() + seconds

    def ask(body: bytes) -> None:
        while time.monotonic() < end:
            statuses.append(server.request("POST", "/v1/audio/speech", body, **{"Content-Type": "application/json"})[0])

    def read_nothing() -> None:
        body = json.dumps(
            {"input": "A long text is spoken here. " * 600, "response_format": "wav", "sample_rate": 48000}
        )
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as peer, contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            time.sleep(max(0.0, end - time.monotonic()))

    threads = [threading.Thread(target=ask, args=(body,)) for body in bodies() * 4]
    threads += [threading.Thread(target=read_nothing) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def hold(server: Server, clients: int, seconds: float) -> None:
    """Clients who send a body but for its last byte, and wait."""
    body = bodies()[0]
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(clients):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            with contextlib.suppress(OSError):  # refused
                peer.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body[:-1])
        time.sleep(seconds)


def test_the_stated_memory_counts_the_recordings_in_work(tmp_path: Path, model: SparkTTSONNX, voice: Voice) -> None:
    busy, waiting = (ServerSettings(tmp_path, slots=slots, queue_size=4 - 2 * slots) for slots in (2, 1))
    time = np.arange(180 * 16_000) / 16_000
    file = io.BytesIO()
    soundfile.write(file, 0.4 * np.sin(1131 * time) * (np.sin(12 * time) > 0), 16_000, format="FLAC")
    minute = io.BytesIO()
    soundfile.write(minute, soundfile.read(io.BytesIO(file.getvalue()))[0][: 60 * 16_000], 16_000, format="FLAC")
    tracemalloc.start()
    try:
        with model.revoice_stream(io.BytesIO(file.getvalue()), voice) as stream:
            assert sum(map(len, stream)) > 170 * 16_000
        model.enroll([io.BytesIO(minute.getvalue())])
        assert 20 << 20 < tracemalloc.get_traced_memory()[1] < busy.memory_bytes - waiting.memory_bytes
    finally:
        tracemalloc.stop()


def test_the_stated_memory_is_enough_for_the_largest_load(server: Server, tmp_path: Path) -> None:
    stated = ServerSettings(voices_dir=tmp_path, **LIMITS).memory_bytes  # type: ignore[arg-type]
    assert json.loads(next(line for line in server.log if "listening" in line))["memory_bytes"] == stated
    for _ in range(3):
        assert server.speak("Hello there. " * 20)[0] == 200
    limit = data_bytes(server) + stated + SLACK
    resource.prlimit(server.process.pid, resource.RLIMIT_DATA, (limit, limit))
    statuses = load(server, 8.0)
    hold(server, 80, 1.0)
    assert set(statuses) <= {200, 400, 429}, statuses
    assert statuses.count(200) >= 4
    assert server.request("GET", "/health")[0] == 200 and server.process.poll() is None
    assert not [line for line in server.log if "MemoryError" in line]
    assert server.speak("Still here.")[0] == 200

"""Every error leaves in the one envelope, whoever refuses: routes, files, the guard, parsers of HTTP and WebSockets."""

import dataclasses
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_server import Live, listening
from stand_in import StandIn, until
from starlette.testclient import TestClient

from sparktts_onnx.server import ServerSettings

HOST = "Host: localhost\r\n"
SOCKET = f"{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n"
VERSION, KEY = "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
LONG = f"?{'a' * 9_000} HTTP"
STREAM = "GET /v1/audio/speech/stream HTTP/1.1\r\n"
SPEECH = f"POST /v1/audio/speech HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
PREFLIGHT = f"OPTIONS /v1/models HTTP/1.1\r\n{HOST}Access-Control-Request-Method: GET\r\n"
HTTP = {
    "no such address": (404, f"GET /no HTTP/1.1\r\n{HOST}\r\n"),
    "no such file": (404, f"GET /page/none.js HTTP/1.1\r\n{HOST}\r\n"),
    "a folder": (404, f"GET /page HTTP/1.1\r\n{HOST}\r\n"),
    "another method": (405, f"PUT /v1/models HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"),
    "another method of a file": (405, f"PUT /page/app.js HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"),
    "a method that nobody knows": (405, f"FOO / HTTP/1.1\r\n{HOST}\r\n"),
    "no such range": (416, f"GET / HTTP/1.1\r\n{HOST}Range: bytes=999999-\r\n\r\n"),
    "no range": (400, f"GET / HTTP/1.1\r\n{HOST}Range: x\r\n\r\n"),
    "a range backwards": (400, f"GET /page/app.js HTTP/1.1\r\n{HOST}Range: bytes=5-1\r\n\r\n"),
    "a foreign page": (403, f"GET /v1/models HTTP/1.1\r\n{HOST}Origin: https://b.example\r\n\r\n"),
    "a foreign page that asks first": (400, f"{PREFLIGHT}Origin: https://b.example\r\n\r\n"),
    "a method that pages may not use": (400, f"{PREFLIGHT.replace('GET', 'PUT')}Origin: https://a.example\r\n\r\n"),
    "another host": (403, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n"),
    "a large body": (413, f"{SPEECH}Content-Length: 99999\r\n\r\n"),
    "a large body in chunks": (413, f"{SPEECH}Transfer-Encoding: chunked\r\n\r\nfff\r\n{' ' * 0xFFF}\r\n"),
    "half a body": (408, f"{SPEECH}Content-Length: 99\r\n\r\n{{"),
    "no JSON": (400, f"{SPEECH}Content-Length: 1\r\n\r\n{{"),
    "no HTTP": (400, "hello\r\n\r\n"),
    "no host": (400, "GET /health HTTP/1.1\r\n\r\n"),
    "a header with a space": (400, f"GET / HTTP/1.1\r\n{HOST}a b: c\r\n\r\n"),
    "a long head": (431, f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 70_000}\r\n\r\n"),
    "a length that is none": (400, f"{SPEECH}Content-Length: x\r\n\r\n"),
    "a chunk that is none": (400, f"{SPEECH}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "another coding": (501, f"{SPEECH}Transfer-Encoding: gzip\r\n\r\n"),
}
SOCKETS = {
    "no such socket": (404, f"GET /no HTTP/1.1\r\n{SOCKET}{VERSION}{KEY}\r\n"),
    "a socket to a file": (404, f"GET /page/app.js HTTP/1.1\r\n{SOCKET}{VERSION}{KEY}\r\n"),
    "a socket of a foreign page": (403, f"{STREAM}{SOCKET}{VERSION}{KEY}Origin: https://b.example\r\n\r\n"),
    "a socket without a key": (400, f"{STREAM}{SOCKET}{VERSION}\r\n"),
    "a socket of an old version": (400, f"{STREAM}{SOCKET}{VERSION.replace('13', '8')}{KEY}\r\n"),
    "a socket by another method": (405, f"{STREAM.replace('GET', 'POST')}{SOCKET}{VERSION}{KEY}\r\n"),
    "a socket with a body": (400, f"{STREAM}{SOCKET}{VERSION}{KEY}Content-Length: 3\r\n\r\nabc"),
    "a socket with many headers": (431, STREAM + SOCKET + VERSION + KEY + "X: 1\r\n" * 300 + "\r\n"),
    "a socket with a long address": (414, f"{STREAM.replace(' HTTP', LONG)}{SOCKET}{VERSION}{KEY}\r\n"),
}
KINDS = HTTP | SOCKETS


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One server for all: what one sends harms no other."""
    folder = tmp_path_factory.mktemp("voices")
    settings = ServerSettings(
        voices_dir=folder, allowed_origins=("https://a.example",), max_body_bytes=2_000, stall_seconds=1.0
    )
    with listening(StandIn(), settings) as live:
        yield live


def in_envelope(answer: http.client.HTTPResponse) -> dict[str, Any]:
    body = answer.read()
    assert answer.headers["content-type"] == "application/json", body
    assert int(answer.headers["content-length"]) == len(body)
    error = json.loads(body)["error"]
    assert error.keys() == {"message", "type", "param", "code"} and error["message"] and error["code"]
    assert "\n" not in error["message"]
    return dict(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_refusal_is_in_the_envelope(live: Live, kind: str) -> None:
    status, request = KINDS[kind]
    with live.connect(request.encode()) as peer:
        answer = http.client.HTTPResponse(peer)
        answer.begin()
        assert answer.status == status
        error = in_envelope(answer)
        assert error["type"] == ("server_error" if status >= 500 else error["type"])
    with live.connect(f"GET /health HTTP/1.1\r\n{HOST}\r\n".encode()) as peer:
        assert b" 200 " in peer.recv(1000).splitlines()[0]


def test_headers_of_a_refusal_stay(live: Live) -> None:
    with live.connect(HTTP["no such range"][1].encode()) as peer:
        answer = http.client.HTTPResponse(peer)
        answer.begin()
        assert answer.headers["content-range"].startswith("bytes */") and len(answer.headers["x-request-id"]) == 32
        in_envelope(answer)


def test_the_head_of_a_refusal_has_no_body(live: Live) -> None:
    with live.connect(HTTP["no range"][1].replace("GET", "HEAD").encode()) as peer:
        answer = http.client.HTTPResponse(peer, method="HEAD")
        answer.begin()
        assert (answer.status, answer.headers["content-type"], answer.read()) == (400, "application/json", b"")


def test_a_disk_that_fails_is_the_servers_fault(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("sparktts_onnx.server.voices.list_voices", broken)
    monkeypatch.setattr("sparktts_onnx.runtime.voices.library.VoiceLibrary.iter_entries", broken)
    answer = client.get("/v1/audio/voices")
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal_error"


def test_who_waits_when_the_server_stops_is_told(
    serve: Callable[..., Live], engine: StandIn, settings: ServerSettings, tmp_path: Path
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1))
    assert until(lambda: live.app.state.service.state == "ready")
    live.server.config.timeout_graceful_shutdown = 1
    engine.gate.clear()
    with live.post_speech('{"input": "Hello."}') as first, live.post_speech('{"input": "Hello."}') as second:
        assert until(lambda: live.app.state.service.admission.waiting == 1)
        live.server.should_exit = True
        for peer in (first, second):
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            assert answer.status == 503 and in_envelope(answer)["code"] == "stopping"
        engine.gate.set()

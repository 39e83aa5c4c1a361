"""What clients may send without a key, or in bad faith with one: it costs little, and others are served."""

import codecs
import contextlib
import dataclasses
import errno
import gc
import http.client
import json
import logging
import os
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from live_server import Live
from stand_in import StandIn, until
from starlette.testclient import TestClient
from uvicorn.protocols.http.h11_impl import H11Protocol

from sparktts_onnx import Voice, VoiceLibrary
from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.connection import HEAD_BYTES, MOST_RESTING
from sparktts_onnx.server.running import uvicorn_config

Serve = Callable[[Any, ServerSettings], Live]
KEY = "correct-horse-battery"
FORM = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'


@pytest.fixture
def impatient(settings: ServerSettings) -> ServerSettings:
    """A server with a key, that waits half a second for what was begun."""
    return dataclasses.replace(settings, api_key=KEY, stall_seconds=0.5)


def health(live: Live, *, seconds: float = 5.0) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=seconds)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


def ended(peer: Any, *, seconds: float = 5.0) -> bool:
    """Whether the server closes a connection in time."""
    peer.settimeout(seconds)
    try:
        while peer.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "utf-16", '"idna"', "raw_unicode_escape", "latin-1"])
def test_a_form_is_in_utf_8_and_in_nothing_slower(client: TestClient, charset: str) -> None:
    body = FORM + b"a" * 60_000 + b"\r\n--b--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    began = time.process_time()
    error = client.post("/v1/audio/voices", content=body, headers=headers).json()["error"]
    assert time.process_time() - began < 1
    assert error["code"] == "invalid_content_type" and codecs.lookup(charset.strip('"')) and "UTF-8" in error["message"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8"])
def test_a_form_may_say_that_it_is_utf_8(client: TestClient, charset: str) -> None:
    style = b'--b\r\nContent-Disposition: form-data; name="gender"\r\n\r\nmale\r\n--b--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    answer = client.post("/v1/audio/voices", content=FORM + "Ärger\r\n".encode() + style, headers=headers)
    assert answer.status_code == 200 and answer.json()["id"] == "Ärger"


@pytest.mark.parametrize(
    "body",
    [
        FORM + b"a" * 70_000 + b"\r\n--b--\r\n",
        (FORM + b"x\r\n") * 50 + b"--b--\r\n",
        FORM.replace(b'"name"', b'"a"; filename="a"') + b"x\r\n" + FORM.replace(b'"name"', b'"b"; filename="b"') + b"x",
        b"--b\r\nno form",
        b"",
    ],
)
def test_a_form_of_too_much_or_of_nothing_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/audio/voices", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


def test_heads_are_bounded_whatever_parsers_are_installed(settings: ServerSettings) -> None:
    config = uvicorn_config(create_app(StandIn(), settings), settings)
    config.load()
    assert issubclass(config.http_protocol_class, H11Protocol)


@pytest.mark.parametrize("line", [b"X-Filler: " + b"a" * 990 + b"\r\n", b"X:\r\n", b"a" * 100])
def test_a_head_without_end_is_refused(serve: Serve, engine: StandIn, settings: ServerSettings, line: bytes) -> None:
    live = serve(engine, settings)
    with live.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\n") as peer:
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 100 * HEAD_BYTES:
                peer.sendall(line * 50)
                sent += 50 * len(line)
        assert sent < 100 * HEAD_BYTES, "it was read to no end"
    assert health(live) == 200


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half",
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n{",  # refused: no key
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nX-Half",
    ],
)
def test_half_a_request_is_dropped_after_the_stall_time(
    serve: Serve, engine: StandIn, impatient: ServerSettings, begun: bytes
) -> None:
    live = serve(engine, impatient)
    with live.connect(begun) as peer:
        if begun.endswith(b"X-Half"):  # a byte now and then does not help
            for _ in range(4):
                time.sleep(0.2)
                try:
                    peer.sendall(b"x")
                except OSError:
                    break
        if begun.startswith(b"POST"):
            peer.sendall(b"{")
        assert ended(peer)


def test_a_request_that_takes_long_is_not_half_a_request(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, stall_seconds=0.3))
    engine.step_seconds = 0.4
    body = json.dumps({"input": "slowly", "response_format": "wav", "sample_rate": 16_000})
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    for _ in range(2):  # and again over the same connection
        connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
        assert len(connection.getresponse().read()) == 44 + 16_000
    connection.close()


def test_a_flood_of_half_open_connections_leaves_the_server_reachable(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, api_key=KEY))
    peers = [live.connect(b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000) for _ in range(MOST_RESTING + 50)]
    try:
        assert all(health(live) == 200 for _ in range(10))
        assert until(lambda: len(live.server.server_state.connections) <= MOST_RESTING)
        assert ended(peers[0]), "the oldest goes first"
    finally:
        for peer in peers:
            peer.close()


def test_a_connection_without_a_key_costs_little(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, api_key=KEY))
    heads = (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 7_000)
    body = b"POST /v1/audio/speech HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 200_000
    tracemalloc.start()
    peers = []
    try:
        for _ in range(30):
            for begun in (*heads, body):
                peers.append(live.connect())
                with contextlib.suppress(OSError):  # refused before all was sent
                    peers[-1].sendall(begun)
        assert until(lambda: gc.collect() >= 0 and tracemalloc.get_traced_memory()[0] < len(peers) * 64_000)
        assert health(live, seconds=20) == 200
    finally:
        tracemalloc.stop()
        for peer in peers:
            peer.close()


@pytest.mark.parametrize("value", ["[[" + "[]," * 900_000 + "[]]]", '{"a":' * 200_000, "[" + "0," * 900_000 + "0]"])
def test_a_body_of_more_values_than_a_request_needs_is_not_parsed(client: TestClient, value: str) -> None:
    body = '{"input": "Hello.", "other": ' + value + "}"
    began = time.process_time()
    answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "too_complex"
    assert time.process_time() - began < 1
    answer = client.patch("/v1/audio/voices/Anna", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["error"]["code"] == "too_complex"


def test_a_long_text_of_commas_is_no_attack(client: TestClient) -> None:
    assert client.post("/v1/audio/speech", json={"input": "a, [b] {c}, " * 1_600}).status_code == 200


def test_of_a_request_that_waits_only_what_is_used_is_kept(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, queue_size=20))
    engine.gate.clear()
    body = json.dumps({"input": "Hello.", "instructions": "x" * 1_000_000, "other": "y" * 1_000_000})
    tracemalloc.start()
    peers = [live.post_speech(body) for _ in range(10)]
    try:
        assert until(lambda: live.app.state.service.admission.waiting == 9)
        assert until(lambda: gc.collect() >= 0 and tracemalloc.get_traced_memory()[0] < 2_000_000)
    finally:
        tracemalloc.stop()
        engine.gate.set()
        for peer in peers:
            peer.close()


def test_requests_in_memory_are_counted_from_their_body_on(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, queue_size=1))
    head = (
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"
    )
    begun = [live.connect(head + b"\r\n{") for _ in range(3)]
    time.sleep(0.2)
    with live.connect(head + b"\r\n{") as fourth:
        assert b" 429 " in fourth.recv(1000).splitlines()[0]
    for peer in begun:
        peer.close()
    body = '{"input": "Hello."}'

    def answered() -> bool:
        with live.post_speech(body) as peer:
            return b" 200 " in peer.recv(1000).splitlines()[0]

    assert until(answered)


def test_a_file_whose_name_is_no_text_is_left_out_and_logged_once(
    client: TestClient, engine: StandIn, settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    VoiceLibrary(settings.voices_dir, engine.manifest.codec).add(engine.voice("x", None), "Anna")
    broken = os.fsencode(settings.voices_dir) + b"/caf\xe9.json"
    Path(os.fsdecode(broken)).write_bytes((settings.voices_dir / "Anna.json").read_bytes())
    for _ in range(3):
        listed = client.get("/v1/audio/voices")
        assert listed.status_code == 200
        assert [voice["id"] for voice in listed.json()["data"] if not voice["built_in"]] == ["Anna"]
    assert client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "Anna"}).status_code == 200
    assert client.post("/v1/audio/voices", data={"name": "Berta", "gender": "male"}).status_code == 200
    assert [record.message for record in caplog.records if "UTF-8" in record.message] == [
        "a file in the voice folder is left out: its name 'caf\\udce9.json' is not UTF-8; rename it"
    ]


def test_a_file_that_goes_while_voices_are_listed_is_not_listed(
    client: TestClient, engine: StandIn, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = VoiceLibrary(settings.voices_dir, engine.manifest.codec)
    for name in ("Anna", "Berta"):
        library.add(engine.voice(name, None), name)
    files = VoiceLibrary._files

    def gone(self: VoiceLibrary) -> list[Path]:
        found = files(self)
        (settings.voices_dir / "Berta.json").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(VoiceLibrary, "_files", gone)
    listed = client.get("/v1/audio/voices").json()["data"]
    assert [voice["id"] for voice in listed if not voice["built_in"]] == ["Anna"]


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), FileNotFoundError("no folder")])
def test_a_full_temporary_folder_is_the_servers_fault(
    client: TestClient, recording: bytes, monkeypatch: pytest.MonkeyPatch, problem: OSError
) -> None:
    def full(self: Any) -> None:
        raise problem

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", full)
    files = {"audio_sample": ("a.wav", recording + bytes(2 << 20), "audio/wav")}
    data = {"name": "Anna", "consent": "I am Anna and agree."}
    answer = client.post("/v1/audio/voices", data=data, files=files)
    assert answer.status_code == 507 and answer.json()["error"]["code"] == "storage_failed"
    assert "damaged" not in answer.text


def test_creates_at_once_never_pass_the_limit(engine: StandIn, settings: ServerSettings) -> None:
    app = create_app(engine, dataclasses.replace(settings, max_voices=3))
    together = threading.Barrier(8)
    create = engine.create_voice

    def slowly(*style: Any, **options: Any) -> Voice:
        if options["seed"] < 8:  # not the built-in voice that speaks the warm-up
            together.wait(5)  # all have been let in by now
        return create(*style, **options)

    engine.create_voice = slowly  # type: ignore[method-assign]
    with TestClient(app, base_url="http://localhost") as client, ThreadPoolExecutor(8) as pool:
        assert until(lambda: app.state.service.state == "ready")
        forms = [{"name": f"Voice {number}", "gender": "male", "seed": str(number)} for number in range(8)]
        answers = list(pool.map(lambda form: client.post("/v1/audio/voices", data=form).status_code, forms))
    assert sorted(answers) == [200] * 3 + [409] * 5
    assert len(list(settings.voices_dir.iterdir())) == 3


@pytest.mark.parametrize("path", ["/v1/audio/voices", "/v1/audio/speech"])
def test_a_client_that_leaves_during_an_upload_is_not_called_wrong(
    serve: Serve, engine: StandIn, settings: ServerSettings, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO)
    live = serve(engine, settings)
    kind = "application/json" if path.endswith("speech") else "multipart/form-data; boundary=b"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 5000\r\n\r\n"
    live.connect(head.encode() + FORM).close()
    assert until(lambda: [record for record in caplog.records if record.message == "request"])
    told = next(record for record in caplog.records if record.message == "request").fields  # type: ignore[attr-defined]
    assert told["outcome"] == "client left" and "status" not in told
    metric = live.app.state.service.metrics.registry.get_sample_value
    assert metric("spark_tts_requests_total", {"route": path, "status": "499"}) == 1
    assert metric("spark_tts_requests_total", {"route": path, "status": "400"}) is None

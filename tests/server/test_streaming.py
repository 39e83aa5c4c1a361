"""Streams over real connections: early first bytes, clients that leave, stall or crowd in, and the end of a server."""

import dataclasses
import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_server import Live
from stand_in import StandIn, until

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.server import ServerSettings

Serve = Callable[[Any, ServerSettings], Live]


def speech(text: str, **body: Any) -> str:
    return json.dumps({"input": text, "voice": "alloy", "seed": 1, "response_format": "pcm", **body})


def post(live: Live, text: str, **body: Any) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    try:
        connection.request("POST", "/v1/audio/speech", speech(text, **body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def gauge(live: Live, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


def read_until(peer: socket.socket, mark: bytes) -> bytes:
    data = bytearray()
    while mark not in data[-65536 - len(mark) :]:
        piece = peer.recv(65536)
        assert piece, f"the connection ended before {mark!r}: {data[:300]!r}"
        data += piece
    return bytes(data)


@pytest.mark.parametrize(("name", "mark"), [("pcm", b"\r\n"), ("wav", b"RIFF"), ("opus", b"OggS"), ("mp3", b"\xff")])
def test_the_first_bytes_leave_while_the_rest_is_still_to_be_made(
    serve: Serve, engine: StandIn, settings: ServerSettings, name: str, mark: bytes
) -> None:
    live = serve(engine, settings)
    engine.step_seconds = 0.02
    with live.post_speech(speech("long slowly", response_format=name)) as peer:
        body = read_until(peer, b"\r\n\r\n").partition(b"\r\n\r\n")[2]
        assert mark in body or read_until(peer, mark)
        assert engine.active == 1, "it is still being made"
        steps = engine.steps
        assert steps < 300
    assert until(lambda: engine.active == 0)


@pytest.mark.parametrize("form", ["audio", "sse"])
def test_the_work_of_a_client_that_left_stops_within_a_step(
    serve: Serve, engine: StandIn, settings: ServerSettings, form: str
) -> None:
    live = serve(engine, settings)
    with live.post_speech(speech("long slowly", stream_format=form)) as peer:
        peer.recv(1000)
    assert until(lambda: engine.cancelled == 1)
    assert engine.active == 0 and engine.steps < 300
    assert until(lambda: gauge(live, "spark_tts_active_streams ") == 0)
    assert gauge(live, "spark_tts_abandoned_total") == 1


def test_only_answers_whose_client_left_count_as_abandoned(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, queue_size=0, request_seconds=0.5))
    engine.gate.clear()
    with live.post_speech(speech("Hello.")) as late:
        assert until(lambda: engine.active == 1)
        assert post(live, "One too many.")[0] == 429
        assert b" 504 " in read_until(late, b"\r\n")
    assert gauge(live, "spark_tts_abandoned_total") == 0
    engine.gate.set()
    assert until(lambda: engine.active == 0)
    with live.post_speech(speech("long slowly")):
        assert until(lambda: engine.active == 1)
    assert until(lambda: gauge(live, "spark_tts_abandoned_total") == 1)


def test_a_client_that_leaves_before_the_first_sound_is_noticed(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, settings)
    engine.step_seconds = 30
    with live.post_speech(speech("long slowly")):
        assert until(lambda: engine.active == 1)
    assert until(lambda: engine.cancelled == 1)
    assert post(live, "Hello.")[0] == 200


def test_a_client_that_leaves_the_queue_costs_nothing(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1))
    with live.post_speech(speech("long slowly")) as first:
        first.recv(1000)
        with live.post_speech(speech("never spoken")):
            assert until(lambda: live.app.state.service.admission.waiting == 1)
        assert until(lambda: live.app.state.service.admission.waiting == 0)
    assert post(live, "Hello.")[0] == 200
    assert "never spoken" not in [text for text, _ in engine.asked]


def test_the_queue_is_bounded_and_says_when_to_come_back(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=2, queue_size=3))
    engine.gate.clear()
    outcomes: list[int] = []
    threads = [threading.Thread(target=lambda: outcomes.append(post(live, "Hello.")[0])) for _ in range(5)]
    for thread in threads:
        thread.start()
    admission = live.app.state.service.admission
    assert until(lambda: (engine.active, admission.active, admission.waiting) == (2, 2, 3))
    status, body, headers = post(live, "One too many.")
    error = json.loads(body)["error"]
    assert status == 429 and error["type"] == "rate_limit_error"
    assert error["message"].startswith("too many requests, 2 in work, 3 waiting and ")
    assert 1 <= int(headers["retry-after"]) <= 60
    engine.gate.set()
    for thread in threads:
        thread.join()
    assert outcomes == [200] * 5 and engine.most_active == 2
    assert post(live, "Hello.")[0] == 200


def test_answers_made_at_once_are_not_mixed(serve: Serve, model: SparkTTSONNX, settings: ServerSettings) -> None:
    live = serve(model, settings)
    texts = [f"Number {number}, and {'more ' * (number % 4)}words." for number in range(12)]
    alone = [post(live, text, seed=number)[1] for number, text in enumerate(texts)]
    together: dict[int, bytes] = {}

    def ask(number: int) -> None:
        together[number] = post(live, texts[number], seed=number)[1]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(texts))] == alone
    assert len(set(alone)) == len(alone)


def test_a_request_has_a_time_limit(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, request_seconds=0.3))
    engine.step_seconds = 30
    status, body, _ = post(live, "slowly")
    assert status == 504 and json.loads(body)["error"]["code"] == "timeout"
    assert until(lambda: engine.active == 0)


def test_an_answer_that_breaks_off_is_not_taken_for_whole(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, request_seconds=0.5))
    for text in ("long slowly", "break slowly"):
        with pytest.raises(http.client.IncompleteRead):
            post(live, text)
    assert post(live, "Hello.")[0] == 200
    assert until(lambda: engine.active == 0)


def test_a_slow_reader_does_not_hold_a_place(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1))
    with live.post_speech(speech("long", sample_rate=48_000)) as slow:
        assert until(lambda: engine.active == 0 and engine.steps >= 600)
        assert post(live, "Hello.")[0] == 200
        data = read_until(slow, b"\r\n0\r\n\r\n")
    assert len(data) > 60 * 48_000 * 2


def test_a_reader_that_stalls_is_dropped_and_what_waits_for_it_is_bounded(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, stall_seconds=0.3, max_buffer_bytes=100_000))
    before = engine.steps
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(("127.0.0.1", live.port))
    body = speech("long", sample_rate=48_000).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    peer.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
    assert until(lambda: engine.active == 1)
    assert until(lambda: engine.active == 0)
    assert engine.steps - before < 600, "the work stopped with the reader"
    assert post(live, "Hello.")[0] == 200
    peer.close()


def test_stopping_lets_running_requests_finish(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, settings)
    outcome: list[tuple[int, bytes, dict[str, str]]] = []
    engine.gate.clear()
    thread = threading.Thread(target=lambda: outcome.append(post(live, "Hello.")))
    thread.start()
    assert until(lambda: engine.active == 1)
    live.server.should_exit = True
    assert until(lambda: not live.server.servers[0].is_serving())
    with pytest.raises(OSError):
        live.connect()
    engine.gate.set()
    thread.join()
    assert outcome[0][0] == 200 and len(outcome[0][1]) == 24_000


def test_what_does_not_finish_in_time_is_stopped(
    serve: Serve, engine: StandIn, settings: ServerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    live = serve(engine, settings)
    live.server.config.timeout_graceful_shutdown = 1
    with live.post_speech(speech("long slowly")) as peer:
        peer.recv(1000)
        live.server.should_exit = True
        assert until(lambda: engine.cancelled == 1)
        while peer.recv(65536):
            pass
    assert engine.active == 0
    assert live.app.state.service.metrics.registry.get_sample_value("spark_tts_abandoned_total") == 0
    (line,) = [record.fields for record in caplog.records if record.getMessage() == "request"]  # type: ignore[attr-defined]
    assert (line["status"], line["outcome"]) == (200, "stopped")


def test_memory_of_broken_uploads_is_given_back(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, settings)
    for _ in range(20):
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
        live.connect(head.encode()).close()
        live.connect(b"\x16\x03\x01\x00\xa5garbage\r\n\r\n").close()
    assert post(live, "Hello.")[0] == 200
    assert until(lambda: not [task for task in live.server.server_state.tasks if not task.done()])


def test_the_folder_of_voices_is_not_made_before_it_is_needed(
    serve: Serve, engine: StandIn, settings: ServerSettings, tmp_path: Path
) -> None:
    live = serve(engine, settings)
    assert post(live, "Hello.")[0] == 200
    assert not settings.voices_dir.exists()

"""`/v1/audio/speech/stream`: texts in pieces over a WebSocket, right and wrong, alone and many at once."""

import dataclasses
import gc
import io
import json
import logging
import random
import runpy
import socket
import threading
import time
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from live_server import Live
from stand_in import RATE, StandIn, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.server import ServerSettings
from sparktts_onnx.server.settings import SOCKET_MESSAGE_BYTES

Serve = Callable[[Any, ServerSettings], Live]
PATH = "/v1/audio/speech/stream"
START = {"type": "start", "voice": "alloy", "seed": 1, "sample_rate": RATE}


@pytest.fixture
def live(serve: Serve, engine: StandIn, settings: ServerSettings) -> Live:
    return serve(engine, settings)


def opened(live: Live, path: str = PATH, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{live.port}{path}", max_size=None, compression=None, **options)


def send(client: ClientConnection, *messages: Any) -> None:
    for message in messages:
        client.send(json.dumps({"type": message} if isinstance(message, str) else message))


def write(client: ClientConnection, *pieces: str) -> None:
    send(client, *({"type": "text", "text": piece} for piece in pieces))


def answers(client: ClientConnection, *ends: str) -> tuple[list[dict[str, Any]], bytes]:
    """Messages up to one of these, and the sound between them."""
    messages: list[dict[str, Any]] = []
    sound = b""
    while not messages or messages[-1]["type"] not in (ends or ("done", "error", "cancelled")):
        message = client.recv(timeout=20)
        if isinstance(message, bytes):
            sound += message
        else:
            messages.append(json.loads(message))
    return messages, sound


def said(client: ClientConnection, *pieces: str, **start: Any) -> tuple[list[dict[str, Any]], bytes]:
    send(client, {**START, **start})
    write(client, *pieces)
    send(client, "end")
    return answers(client)


def posted(live: Live, text: str, **body: Any) -> bytes:
    body = {"input": text, "voice": "alloy", "seed": 1, "response_format": "pcm", "sample_rate": RATE, **body}
    answer = httpx.post(f"{live.url}/v1/audio/speech", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_the_example_client_writes_what_it_heard(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = runpy.run_path(str(Path(__file__).parents[2] / "example" / "talk.py"))
    example["main"].__globals__["ADDRESS"] = f"ws://127.0.0.1:{live.port}{PATH}"
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello there.\nAnd a second line.\n"))
    example["main"](str(tmp_path / "talk.wav"))
    assert capsys.readouterr().out.strip().endswith("s")
    with wave.open(str(tmp_path / "talk.wav")) as file:
        assert file.getnframes() > file.getframerate() / 10


def test_a_lexicon_reaches_the_model_and_ssml_is_for_whole_texts(live: Live, engine: StandIn) -> None:
    with opened(live) as client:
        assert said(client, "A ", "GIF.", lexicon={"gif": "jif"})[0][-1]["type"] == "done"
        assert engine.asked[-1][1]["lexicon"].apply("A GIF.") == "A jif."
        send(client, {**START, "input_format": "ssml"})
        (error,), _ = answers(client)
        assert error["error"]["param"] == "input_format"
        assert said(client, "Hello.")[0][-1]["type"] == "done"


def test_an_utterance_in_pieces_is_that_of_the_whole_text(live: Live, engine: StandIn) -> None:
    with opened(live) as client:
        messages, sound = said(client, "Hel", "lo ", "you ", "all.")
    started, done = messages[0], messages[-1]
    assert [message["type"] for message in messages if message["type"] != "words"] == ["started", "segment", "done"]
    assert {message["utterance"] for message in messages} == {1}
    assert started == {
        **{"type": "started", "utterance": 1, "seed": 1, "sample_rate": RATE, "word_times": True},
        "content_type": started["content_type"],
    }
    assert started["content_type"].startswith("audio/pcm")
    words = [word["word"] for message in messages if message["type"] == "words" for word in message["words"]]
    assert words == ["Hello", "you", "all."]
    assert done["usage"]["input_tokens"] == 14 and done["info"]["seed"] == 1
    assert sound == posted(live, "Hello you all.") and engine.spoken[-2:] == ["Hello you all."] * 2


def test_sound_leaves_while_the_text_still_comes(serve: Serve, model: SparkTTSONNX, settings: ServerSettings) -> None:
    """Over a real model: what was heard, flushed and kept is that of the whole text."""
    live = serve(model, settings)
    text = "".join(f"This is sentence number {number} of a text that is rather long. " for number in "abcdefgh")
    with opened(live) as client:
        send(client, {**START, "segment_seconds": 4})
        write(client, *text[:300])
        heard = b""
        while len(heard) < 3200:
            message = client.recv(timeout=20)
            heard += message if isinstance(message, bytes) else b""
        write(client, text[300:])
        send(client, "end")
        messages, rest = answers(client)
        assert heard + rest == posted(live, text, segment_seconds=4)
        segments = [message for message in messages if message["type"] == "segment"]
        assert [segment["start"] for segment in segments] == sorted(segment["start"] for segment in segments)
        assert not messages[0].get("word_times") and "words" not in {message["type"] for message in messages}
        send(client, START)
        write(client, "This is not the end of a")
        send(client, "flush")
        while not isinstance(client.recv(timeout=20), bytes):
            pass
        send(client, "cancel")
        assert answers(client)[0][-1]["words"] is None


def test_one_voice_stays_over_several_utterances(live: Live, engine: StandIn) -> None:
    with opened(live) as client:
        for start in ({"voice": "nova"}, {}, {"style": {"gender": "male"}}, {}, {"voice": "onyx"}):
            send(client, {"type": "start", "seed": 5, "input": "Hello.", **start}, "end")
            assert answers(client)[0][-1]["type"] == "done"
    voices = [options.get("voice") for _, options in engine.asked[-5:]]
    assert [voice and voice.name for voice in voices] == ["nova", "nova", None, None, "onyx"]
    assert voices[2] is None and voices[3] is not None, "what a style made up is kept"


def test_a_word_whose_last_moment_is_held_back_was_sent(live: Live) -> None:
    """Behind a flush the sound waits with its fade until more text comes; by then the word was heard."""
    with opened(live) as client:
        send(client, START)
        write(client, "one two held")
        send(client, "end")
        sound = b""
        while len(sound) < 0.28 * 2 * RATE:
            message = client.recv(timeout=20)
            sound += message if isinstance(message, bytes) else b""
        send(client, "cancel")
        cancelled = answers(client, "cancelled")[0][-1]
    assert 0.28 < cancelled["sent_seconds"] < 0.3
    assert [word["word"] for word in cancelled["words"]] == ["one", "two", "held"]


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "wav", "flac"])
def test_every_format(live: Live, form: str) -> None:
    with opened(live) as client:
        messages, sound = said(client, "Hello.", response_format=form)
    plain = posted(live, "Hello.", response_format=form)
    assert messages[-1]["type"] == "done" and sound[:4] == plain[:4] and len(sound) == len(plain)


def test_cancelling_stops_sound_and_work_at_once_and_tells_what_was_sent(live: Live, engine: StandIn) -> None:
    engine.step_seconds = 0.02
    with opened(live) as client:
        send(client, START)
        write(client, "long slowly " + "word " * 300)
        send(client, "end")
        sound = b""
        while len(sound) < 20 * 3200:
            message = client.recv(timeout=20)
            sound += message if isinstance(message, bytes) else b""
        began = time.monotonic()
        send(client, "cancel", {"type": "text", "text": "still under way"})
        messages, rest = answers(client, "cancelled")
        assert time.monotonic() - began < 0.1
        steps = engine.steps
        assert until(lambda: engine.cancelled == 1) and engine.steps <= steps + 1
        cancelled = messages[-1]
        assert cancelled["sent_seconds"] == pytest.approx(len(sound + rest) / 2 / RATE, abs=0.001)
        assert len(cancelled["words"]) == round(cancelled["sent_seconds"] / 0.1)
        send(client, "cancel", "cancel")  # too late: no fault
        assert said(client, "Hello.")[0][-1]["utterance"] == 2
        time.sleep(0.05)
    assert engine.active == 0


def test_cancelling_while_it_waits_for_text_or_for_a_place(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1))
    admission = live.app.state.service.admission
    with opened(live) as first, opened(live) as second:
        send(first, START)
        write(first, "Hello")
        assert until(lambda: engine.active == 1)
        send(second, {**START, "input": "Hello."})
        assert until(lambda: admission.waiting == 1)
        send(second, "cancel")
        assert answers(second)[0][-1] == {"type": "cancelled", "utterance": 1, "sent_seconds": 0.0, "words": []}
        assert admission.waiting == 0
        send(first, "cancel")
        assert answers(first)[0][-1]["type"] == "cancelled"
        send(first, START, "cancel")
        assert answers(first)[0][-1]["type"] == "cancelled"
        assert until(lambda: admission.active == 0) and said(second, "Hello.")[0][-1]["type"] == "done"


@pytest.mark.parametrize(
    ("messages", "status", "utterance"),
    [
        (["not JSON"], "invalid_json", None),
        ([b"\x00"], "invalid_request", None),
        (["[]"], "invalid_value", None),
        ([{"type": "sing"}], "invalid_value", None),
        ([{"type": "text"}], "invalid_value", None),
        ([{"type": "text", "text": "Hello."}], "no_utterance", None),
        (["flush"], "no_utterance", None),
        ([{**START, "voice": "nobody"}], "invalid_voice", None),
        ([{**START, "seed": -1}], "invalid_value", None),
        ([{**START, "response_format": "ogg"}, "end"], "invalid_value", None),
        ([{**START, "input_format": "ssml"}], "invalid_value", None),
        ([START, START], "utterance_open", None),
        ([{**START, "input": "long slowly"}, "end", {"type": "text", "text": "x"}], "no_utterance", None),
        ([START, {"type": "text", "text": "x" * 20_001}], "text_too_long", 1),
        ([START, {"type": "text", "text": "\udc00"}], "invalid_text", 1),
        ([{**START, "input": "break it"}, "end"], "generation_failed", 1),
        ([{**START, "input": "crash"}, "end"], "internal_error", 1),
    ],
)
def test_faults_are_told_and_the_connection_goes_on(
    live: Live, messages: list[Any], status: str, utterance: int | None
) -> None:
    with opened(live) as client:
        for message in messages:
            known = isinstance(message, dict) or message in ("flush", "end")
            send(client, message) if known else client.send(message)
        error = answers(client, "error")[0][-1]
        assert (error["error"]["code"], error["utterance"]) == (status, utterance)
        if len(messages) > 1 and utterance is None and status != "invalid_value":  # it goes on
            send(client, "cancel")
            answers(client, "cancelled")
        assert said(client, "Hello.")[0][-1]["type"] == "done"


def test_a_character_cut_in_two_is_put_together_and_half_a_one_is_told(live: Live, engine: StandIn) -> None:
    with opened(live) as client:
        assert said(client, "Hi \ud83d", "\ude00 you")[0][-1]["type"] == "done"
        assert engine.spoken[-1] == "Hi \U0001f600 you"
        error = said(client, "Hi \ud83d")[0][-1]
        assert error["error"]["code"] == "invalid_text" and "half a character" in error["error"]["message"]
        assert said(client, "   ")[0][-1]["type"] == "done"
        assert said(client)[0][-1]["info"]["duration_seconds"] > 0


def test_wrong_frames_by_the_thousand_do_no_harm(live: Live, engine: StandIn) -> None:
    """Random messages, many of them nearly right, over one connection; then raw bytes below the protocol."""
    draw = random.Random(7)
    kinds = ["start", "text", "flush", "end", "cancel", "sing", None, 3, ["start"], "\ud83d"]
    values = ["Hello.", "", 5, -1, None, True, [], {}, "x" * 5000, "\udc00", 1e308, {"a": [[]]}, "nova"]
    names = ["text", "input", "voice", "seed", "response_format", "speed", "style", "ref_audio", "utterance"]
    with opened(live) as client:
        reader = threading.Thread(target=lambda: drained(client))
        reader.start()
        for _ in range(1000):
            message = {"type": draw.choice(kinds), **{draw.choice(names): draw.choice(values) for _ in range(3)}}
            text = json.dumps(message)
            form = draw.randrange(10)
            client.send(text[: draw.randrange(len(text))] if form == 0 else text.encode() if form == 1 else text)
        client.close()
        reader.join()
    for _ in range(20):
        with opened(live) as client:
            client.socket.sendall(draw.randbytes(200))
            drained(client)
    with opened(live) as client:
        client.send("x" * (SOCKET_MESSAGE_BYTES + 1))
        drained(client)
    assert until(lambda: engine.active == 0)
    with opened(live) as client:
        assert said(client, "Hello.")[1] == posted(live, "Hello.")


def drained(client: ClientConnection) -> None:
    try:
        while True:
            client.recv(timeout=20)
    except ConnectionClosed:
        pass


@pytest.mark.parametrize("state", ["idle", "started", "text", "waiting", "speaking", "ended"])
@pytest.mark.parametrize("abrupt", [True, False])
def test_a_client_that_leaves_in_any_state_leaves_nothing_behind(
    serve: Serve, engine: StandIn, settings: ServerSettings, state: str, abrupt: bool
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1))
    admission = live.app.state.service.admission
    with opened(live) as client, opened(live) as other:
        if state == "waiting":
            send(other, {**START, "input": "long slowly"}, "end")
            assert until(lambda: engine.active == 1)
        if state != "idle":
            send(client, START)
        if state in ("text", "waiting"):
            write(client, "Hello")
            assert until(lambda: admission.waiting == 1 if state == "waiting" else engine.active == 1)
        if state in ("speaking", "ended"):
            write(client, "long slowly" if state == "speaking" else "Hello.")
            send(client, "end")
            answers(client, "words" if state == "speaking" else "done")
        if abrupt:
            client.socket.shutdown(socket.SHUT_RDWR)
        client.close()
        if state == "waiting":
            send(other, "cancel")
            answers(other, "cancelled")
        assert until(lambda: (admission.active, admission.waiting, admission._inside, engine.active) == (0, 0, 0, 0))
        assert said(other, "Hello.", seed=3)[0][-1]["type"] == "done"
    assert until(lambda: admission._sockets == 0)


def test_many_sockets_at_once_are_not_mixed_and_leave_nothing_behind(
    serve: Serve, model: SparkTTSONNX, settings: ServerSettings
) -> None:
    """32 sockets over a real model, texts in random pieces, one thousand utterances in all, every tenth cancelled."""
    live = serve(model, settings)
    texts = [f"Number {number}, {'so ' * (number % 3)}yes." for number in range(12)]
    expected = {text: posted(live, text) for text in texts}
    assert len(set(expected.values())) == len(texts)
    wrong: list[str] = []

    def talk(number: int) -> None:
        draw = random.Random(number)
        with opened(live) as client:
            for turn in range(32):
                text = draw.choice(texts)
                cuts = sorted(draw.sample(range(1, len(text)), 3))
                pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
                if turn % 10 == 9:
                    send(client, START)
                    write(client, *pieces)
                    send(client, "cancel")
                    ended = answers(client)[0][-1]["type"] == "cancelled"
                else:
                    messages, sound = said(client, *pieces)
                    ended = messages[-1]["type"] == "done" and sound == expected[text]
                if not ended:
                    wrong.append(text)

    def all_at_once() -> None:
        threads = [threading.Thread(target=talk, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_at_once()
    service, process = live.app.state.service, psutil.Process()
    assert wrong == [] and until(lambda: (service.admission._inside, service.admission._sockets) == (0, 0))
    assert until(lambda: not service._jobs and not [task for task in live.server.server_state.tasks if not task.done()])
    gc.collect()
    files, threads = process.num_fds(), threading.active_count()
    alive = sum(type(item).__name__ in ("SocketConversation", "_Utterance", "SpeechJob") for item in gc.get_objects())
    with opened(live) as client:
        for _ in range(20):
            said(client, texts[0])
    assert alive <= 1 and until(lambda: process.num_fds() <= files and threading.active_count() <= threads + 1)


def test_the_rules_of_http_hold(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, queue_size=1))
    with pytest.raises(InvalidStatus) as refused:
        opened(live, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with opened(live, "/audio/speech/stream", origin=f"http://127.0.0.1:{live.port}") as client:
        assert said(client, "Hello.")[0][-1]["type"] == "done"
    with opened(live), opened(live), opened(live):
        with pytest.raises(InvalidStatus) as refused:
            opened(live)
        assert refused.value.response.status_code == 429 and b"sockets are open" in refused.value.response.body
    assert until(lambda: live.app.state.service.admission._sockets == 0)
    engine.gate.clear()
    with opened(live) as first, opened(live) as second, opened(live) as third:
        for client in (first, second, third):
            send(client, {**START, "input": "Hello."}, "end")
            answers(client, "started")
            time.sleep(0.05)
        error = answers(third)[0][-1]
        assert (error["error"]["code"], error["utterance"]) == ("rate_limit_exceeded", 1)
        engine.gate.set()
        assert [answers(client)[0][-1]["type"] for client in (first, second)] == ["done", "done"]
    metrics = httpx.get(f"{live.url}/metrics").text
    assert f'spark_tts_requests_total{{route="{PATH}",status="200"}} 3.0' in metrics
    assert f'spark_tts_requests_total{{route="{PATH}",status="429"}}' in metrics and 'status="101"' not in metrics


HANDSHAKE = (
    "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("method", "further", "status"),
    [
        ("GET", "Content-Length: 2\r\n\r\n{}", 400),
        ("POST", "Content-Length: 2\r\n\r\n{}", 400),
        ("POST", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST", "\r\n", 405),
        ("GET", f"Cookie: {'c' * 9_000}\r\n\r\n", 431),
        ("GET", "".join(f"X-{number}: x\r\n" for number in range(200)) + "\r\n", 431),
    ],
)
def test_a_handshake_that_cannot_be_read_is_refused_and_not_forgotten(
    live: Live, method: str, further: str, status: int
) -> None:
    with live.connect(f"{method} {PATH} HTTP/1.1\r\n{HANDSHAKE}{further}".encode()) as peer:
        peer.settimeout(5)
        with peer.makefile("rb") as answer:
            assert answer.readline().startswith(f"HTTP/1.1 {status} ".encode())
            assert b"Failed to open a WebSocket connection: " in answer.read(), "and the connection is closed"
    assert until(lambda: not live.server.server_state.connections)


def test_a_socket_that_is_refused_is_one_line_of_the_log(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(InvalidStatus):
        opened(live, origin="https://evil.example")
    assert until(lambda: not live.server.server_state.connections)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("INFO", "request")]


def test_a_socket_at_another_address_is_told_the_right_one(live: Live) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(live, "/v1/realtime")
    error = json.loads(refused.value.response.body)["error"]
    assert (refused.value.response.status_code, error["code"]) == (404, "not_found") and PATH in error["message"]


def test_a_key_is_asked_for(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    live = serve(engine, dataclasses.replace(settings, api_key="correct-horse"))
    with pytest.raises(InvalidStatus) as refused:
        opened(live)
    assert refused.value.response.status_code == 401 and json.loads(refused.value.response.body)["error"]["code"]
    with opened(live, additional_headers={"Authorization": "Bearer correct-horse"}) as client:
        assert said(client, "Hello.")[0][-1]["type"] == "done"


def test_clients_that_stall_are_dropped(serve: Serve, engine: StandIn, settings: ServerSettings) -> None:
    limits = dataclasses.replace(settings, slots=1, stall_seconds=0.5, max_buffer_bytes=100_000)
    live = serve(engine, limits)
    with opened(live) as client:
        time.sleep(1.2)  # an idle client that answers pings stays
        send(client, START)
        write(client, "Hello")
        error = answers(client)[0][-1]
        assert (error["error"]["code"], error["utterance"]) == ("timeout", 1)
        assert until(lambda: engine.active == 0)
        write(client, "what was under way")
        assert said(client, "Hello.")[0][-1]["type"] == "done"
    peer = opened(live, max_queue=1)  # reads nothing more than a message or two
    send(peer, {**START, "sample_rate": 48_000, "input": "long"}, "end")
    assert until(lambda: engine.active == 1) and until(lambda: engine.active == 0)
    assert until(lambda: live.app.state.service.admission._sockets == 0)
    peer.socket.close()


def test_stopping_lets_an_utterance_finish_and_closes_idle_sockets(live: Live, engine: StandIn) -> None:
    engine.gate.clear()
    with opened(live) as idle, opened(live) as busy:
        send(busy, {**START, "input": "Hello."}, "end")
        assert until(lambda: engine.active == 1)
        live.server.should_exit = True
        with pytest.raises(ConnectionClosed) as closed:
            idle.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        engine.gate.set()
        messages, sound = answers(busy)
        assert messages[-1]["type"] == "done" and len(sound) == 16_000
        with pytest.raises(ConnectionClosed) as closed:
            busy.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012


def test_the_log_has_a_line_for_each_utterance_and_no_text(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with opened(live, f"{PATH}?secret=1") as client:
        said(client, "My private words.")
    lines = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert until(lambda: any(record.getMessage() == "request" for record in caplog.records))
    utterance = next(line for line in lines if line.get("utterance") == 1)
    assert utterance["route"] == PATH and utterance["characters"] == 17 and utterance["audio_seconds"] == 0.5
    ours = [record for record in caplog.records if not record.name.startswith("websockets.client")]
    assert not any("private" in str(vars(record)) or "secret" in str(vars(record)) for record in ours)


def test_without_a_thread_it_is_told_and_the_socket_stays_open(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with opened(live) as client:
        with monkeypatch.context() as short_of_threads:
            short_of_threads.setattr(ThreadPoolExecutor, "submit", refuse)
            send(client, START)
            (error,), _ = answers(client)
        assert (error["type"], error["error"]["code"]) == ("error", "generation_failed")
        assert said(client, "Hello.")[0][-1]["type"] == "done"

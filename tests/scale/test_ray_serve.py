"""The server on a cluster of this machine: two replicas, streams through, and one of them killed in the middle."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
from processes import PATIENCE_SECONDS, until, workers

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.errors import OptionError
from sparktts_onnx.scale.cluster import ModelSettings, Replicas
from sparktts_onnx.scale.serve import APPLICATION, SPEAKER, ScaleSettings, serve_on_cluster, serving
from sparktts_onnx.server import ServerSettings

LONG = " ".join(f"This is sentence number {number} of a longer text." for number in range(1, 7))
REPLICA = f"ray::ServeReplica:{APPLICATION}:{SPEAKER}"


@pytest.fixture(scope="module")
def port(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server of two replicas; where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    settings = ServerSettings(voices_dir=tmp_path_factory.mktemp("voices"), port=number)
    model = ModelSettings(nano.BUNDLE, slots=4)
    with serving(settings, ScaleSettings(model, Replicas(2, 2))):
        assert until(lambda: ask(number, "GET", "/ready")[0] == 200)
        yield number


def test_a_default_voice_that_is_not_there_is_told_here(tmp_path: Path) -> None:
    settings = ServerSettings(voices_dir=tmp_path, default_voice="Nobody")
    with pytest.raises(OptionError, match="there is no voice 'Nobody'"):
        serve_on_cluster(settings, ScaleSettings(ModelSettings(nano.BUNDLE)))


def test_it_is_the_same_server(port: int) -> None:
    assert ask(port, "GET", "/health") == (200, b'{"status":"ok"}')
    assert b"spark_tts_requests_total" in ask(port, "GET", "/metrics")[1]
    assert b"alloy" in ask(port, "GET", "/v1/audio/voices")[1]
    assert b"<html" in ask(port, "GET", "/")[1]


def test_the_sound_is_the_library_s(port: int) -> None:
    status, data = speak(port, input=LONG, style={"gender": "female"}, seed=7)
    with SparkTTSONNX(nano.BUNDLE, threads=1) as tts:
        wav = np.concatenate(list(tts.stream(LONG, gender="female", seed=7)))
    heard = np.frombuffer(data, "<i2") / 32767
    assert status == 200
    assert len(heard) == len(wav)
    assert np.abs(heard - wav).max() < 2e-3


def test_errors_come_in_the_envelope(port: int) -> None:
    status, data = speak(port, input="Hello.", voice="nobody")
    assert (status, json.loads(data)["error"]["code"]) == (400, "invalid_voice")
    status, data = speak(port, input="Hello.", style={"pitch": "piercing"})
    error = json.loads(data)["error"]
    assert (status, error["code"], error["param"]) == (400, "invalid_value", "style.pitch")


def test_the_first_sound_comes_before_the_last_is_made(port: int) -> None:
    begun = Stream(port, LONG * 8, seed=1)
    first = begun.response.read1(1 << 16)
    assert begun.response.status == 200
    assert len(first) < len(first) + len(begun.response.read()) // 2


def test_built_in_voices_are_the_same_on_every_replica(port: int) -> None:
    answers = {speak(port, input="Hello there.", voice="echo", seed=2)[1] for _ in range(4)}
    assert len(answers) == 1


def test_a_replica_killed_in_the_middle_disturbs_nobody(port: int) -> None:
    texts = [f"{number}. {LONG * 6}" for number in range(6)]
    alone = [speak(port, input=text, seed=3) for text in texts]
    streams = [Stream(port, text, seed=3) for text in texts]
    listeners = [Listener(stream) for stream in streams]
    assert until(lambda: all(listener.bytes for listener in listeners))
    os.kill(workers(REPLICA)[0], signal.SIGKILL)
    for listener in listeners:
        listener.thread.join(PATIENCE_SECONDS)
        assert not listener.thread.is_alive(), "a request was left hanging"
    assert [(200, listener.data) for listener in listeners] == alone
    assert speak(port, input="And a new one.", seed=3)[0] == 200
    assert until(lambda: len(workers(REPLICA)) == 2), "the replica was not replaced"


def test_when_every_replica_ends_answers_break_off_or_are_whole(port: int) -> None:
    text = LONG * 6
    alone = speak(port, input=text, seed=4)[1]
    listener = Listener(Stream(port, text, seed=4))
    assert until(lambda: listener.bytes > 0)
    for pid in workers(REPLICA):
        os.kill(pid, signal.SIGKILL)
    listener.thread.join(PATIENCE_SECONDS)
    assert not listener.thread.is_alive(), "the request was left hanging"
    assert listener.data == alone or listener.broken
    assert until(lambda: speak(port, input="Here again.", seed=4)[0] == 200)


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def speak(port: int, **request: Any) -> tuple[int, bytes]:
    return ask(port, "POST", "/v1/audio/speech", {"response_format": "pcm", "sample_rate": 16_000, **request})


class Stream:
    """An answer that has begun."""

    def __init__(self, port: int, text: str, *, seed: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        request = {"input": text, "seed": seed, "response_format": "pcm", "sample_rate": 16_000}
        self.connection.request("POST", "/v1/audio/speech", json.dumps(request), {"Content-Type": "application/json"})
        self.response = self.connection.getresponse()


@dataclass
class Listener:
    """Reads a stream to its end, slowly enough that it is still open when something happens."""

    stream: Stream
    parts: list[bytes] = field(default_factory=list)
    broken: bool = False

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    @property
    def bytes(self) -> int:
        return sum(map(len, self.parts))

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    def _listen(self) -> None:
        try:
            while part := self.stream.response.read1(1 << 16):
                self.parts.append(part)
        except (http.client.HTTPException, OSError):
            self.broken = True

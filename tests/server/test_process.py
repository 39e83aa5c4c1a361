"""`spark-tts-onnx serve` as a process of its own: it starts, stops in order, and survives being killed."""

import base64
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import nano
import numpy as np
import pytest
import soundfile
from serve_process import Server

from sparktts_onnx.cli import main

ROOT = Path(__file__).parents[2]
Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers: list[Server] = []

    def begin(*arguments: str, **environment: str) -> Server:
        servers.append(Server(tmp_path / "voices", *arguments, **environment))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def test_it_serves_and_stops_in_order(start: Start) -> None:
    server = start()
    status, sound = server.speak("Hello there.")
    assert status == 200 and sound[:4] == b"RIFF"
    answers: list[tuple[int, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(server.speak("Hello there. " * 300)))
    thread.start()
    while b"spark_tts_active_streams 1.0" not in server.request("GET", "/metrics")[1]:
        assert thread.is_alive(), "the long text was spoken before it could be seen"
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    thread.join()
    assert answers[0][0] == 200 and len(answers[0][1]) > 1_000_000
    with pytest.raises(OSError):
        server.speak("Too late.")
    events = [json.loads(line)["event"] for line in server.log]
    assert "request" in events and not [line for line in server.log if "Traceback" in line]


def test_every_line_of_the_log_is_json(start: Start) -> None:
    server = start()
    file = io.BytesIO()
    time = np.arange(2 * nano.SAMPLE_RATE) / nano.SAMPLE_RATE
    soundfile.write(file, 0.3 * np.sin(1400 * time) * (np.sin(12 * time) > 0), nano.SAMPLE_RATE, format="MP3")
    damaged = bytearray(file.getvalue())
    damaged[3_000:3_300] = bytes(300)  # libmpg123 has words about it
    for text in (base64.b64encode(damaged).decode(), base64.b64encode(b"\xff\xfb\x90\x00" + b"x" * 999).decode()):
        body = json.dumps({"input": "Hello.", "ref_audio": text}).encode()
        server.request("POST", "/v1/audio/speech", body, **{"Content-Type": "application/json"})
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.sendall(b"no request at all\r\n\r\n")
        peer.recv(1000)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    events = [json.loads(line)["event"] for line in server.log]
    assert events.count("request") == 2 and "Invalid HTTP request received." in events


def test_warnings_are_lines_of_the_log_and_the_log_outlives_a_silenced_error_stream() -> None:
    script = """
import logging, numpy as np, warnings
from sparktts_onnx.audio.quiet import quiet_stderr
from sparktts_onnx.server.logs import configure
configure(logging.INFO)
np.float32(3e38) * np.float32(10)
warnings.warn("two\\nlines")
with quiet_stderr():
    logging.info("said meanwhile")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["py.warnings", "py.warnings", "root"]
    assert "overflow" in lines[0]["event"] and lines[2]["event"] == "said meanwhile"


def test_a_killed_server_loses_no_voice(start: Start, tmp_path: Path) -> None:
    server = start()
    assert server.keep("first") == 200
    stop = threading.Event()
    kept = ["first"]

    def keep_on() -> None:
        while not stop.is_set():
            try:
                if server.keep(f"voice{len(kept)}") == 200:
                    kept.append(f"voice{len(kept)}")
            except (OSError, http.client.HTTPException):
                return

    thread = threading.Thread(target=keep_on)
    thread.start()
    while len(kept) < 10:
        assert thread.is_alive()
    server.process.kill()
    server.process.wait()
    stop.set()
    thread.join()
    again = start()
    listed = json.loads(again.request("GET", "/v1/audio/voices")[1])["data"]
    found = {voice["id"] for voice in listed if not voice["built_in"]}
    assert set(kept) <= found and not [voice for voice in listed if voice["problem"]]
    assert again.speak("Hello there.")[0] == 200


def test_a_key_comes_from_the_environment_or_a_file(start: Start, tmp_path: Path) -> None:
    server = start(SPARK_TTS_API_KEY="correct-horse-battery")
    assert server.speak("Hello.")[0] == 401
    assert server.request("GET", "/v1/models", Authorization="Bearer correct-horse-battery")[0] == 200
    assert "correct-horse" not in "".join(server.log)


def test_what_cannot_be_served_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPARK_TTS_API_KEY", raising=False)
    common = ["serve", "--model-dir", str(nano.BUNDLE)]
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    for arguments, said in (
        (["--host", "0.0.0.0"], "API key"),
        (["--host", "256.1.1.1", "--api-key-file", str(tmp_path / "none")], "cannot be read"),
        (["--api-key-file", str(tmp_path / "key")], "cannot be read"),
        (["--port", "70000"], "port is 70000"),
        (["--slots", "0"], "slots is 0"),
        (["--stop-seconds", "inf"], "stop_seconds is inf"),
        (["--request-seconds", "nan"], "request_seconds is nan"),
    ):
        assert main([*common, *arguments]) == 2
        message = capsys.readouterr().err
        assert said in message and message.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "wyoming"])
def test_a_default_voice_that_is_not_there_is_told_before_anything_is_served(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparktts_onnx.server.logs.configure", lambda level: None)
    given = ["--model", str(nano.BUNDLE), "--voices-dir", str(tmp_path), "--default-voice", "Nobdy"]
    assert main([command, *given]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: the default voice cannot speak: there is no voice 'Nobdy': built in are alloy, ")
    assert message.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("sparktts_onnx.server", "fastapi"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", "--model-dir", str(nano.BUNDLE)]) == 1
    assert "pip install 'sparktts-onnx[server]'" in capsys.readouterr().err


def test_a_taken_port_is_told(
    start: Start, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    monkeypatch.setattr("sparktts_onnx.server.logs.configure", lambda level: None)
    assert main(["serve", "--model-dir", str(nano.BUNDLE), "--port", str(server.port)]) == 2
    assert f"cannot listen on 127.0.0.1, port {server.port}" in capsys.readouterr().err

"""`spark-tts-onnx serve` as a process of its own."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import nano


class Server:
    """A running `serve` command over the nano bundle."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "cli.spark_tts_onnx", "serve", "--model-dir", str(nano.BUNDLE)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--voices-dir", str(folder), "--threads", "1", *arguments],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", self.wait_for("listening")).group(1))  # type: ignore[union-attr]
        self.wait_for('"event": "ready"')
        threading.Thread(target=self._drain, daemon=True).start()

    def wait_for(self, text: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError(f"the server ended: {self.log}")

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def speak(self, text: str) -> tuple[int, bytes]:
        body = json.dumps({"input": text, "seed": 1, "response_format": "wav"}).encode()
        return self.request("POST", "/v1/audio/speech", body, **{"Content-Type": "application/json"})

    def keep(self, name: str) -> int:
        form = f"name={name}&gender=male&seed=1".encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/v1/audio/voices", form, **kind)[0]

    def _drain(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

"""`python -m benchmarks.load MODEL_DIR`: many clients at one server, and is every answer the right one?

A server is started as its own process. Each text is asked for alone first; under load, every answer has to be the same
bytes again. Refusals with 429 are counted and tried again after the time that the server names.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import math
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, load

RATE = 24_000
"""Samples a second of the raw format, in which lengths can be told from bytes."""

_TEXTS = (
    ("alloy", "Good morning."),
    ("onyx", "The next train leaves at seven from the second platform."),
    ("alloy", "Please close the window. It is cold in here, and the wind brings the rain in."),
    ("echo", "She sells fresh bread, green apples and warm soup at the market every day."),
    ("onyx", "We have three dogs and a cat. They sleep in the kitchen. The cat does not mind."),
    ("sage", "Where did you put the keys?"),
)
REQUESTS = tuple(
    {"input": text, "voice": voice, "seed": seed, "response_format": "pcm"} for seed, (voice, text) in enumerate(_TEXTS)
)


@dataclass
class Level:
    """What so many clients met."""

    clients: int
    answers: int = 0
    wrong: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    first_seconds: list[float] = field(default_factory=list)
    """Request sent to first byte of sound, of answers that were not refused."""
    whole_seconds: list[float] = field(default_factory=list)
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_bytes: float = 0.0
    """Of the server, at the end."""


class Client:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def speak(self, number: int) -> tuple[int, bytes, float, float]:
        """Status, sound (or seconds to wait, as text), seconds to the first byte and to the last."""
        began = time.perf_counter()
        body = json.dumps(REQUESTS[number])
        self._connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        start = answer.read(1)
        first = time.perf_counter() - began
        data = start + answer.read()
        if answer.status == 429:
            data = (answer.getheader("Retry-After") or "1").encode()
        return answer.status, data, first, time.perf_counter() - began

    def memory(self) -> float:
        """Resident bytes of the server's process."""
        self._connection.request("GET", "/metrics")
        page = self._connection.getresponse().read().decode()
        found = re.search(r"^process_resident_memory_bytes (\S+)", page, re.MULTILINE)
        return float(found.group(1)) if found else 0.0


def main() -> int:
    """Run every level; 1 where an answer was wrong or failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("model_dir", type=Path, help="a bundle")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each number of clients")
    parser.add_argument("--output", type=Path, default=RESULTS / "load.json")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="further arguments of the server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(options.model_dir, folder, options.serve) as port:
        alone = [Client(port).speak(number) for number in range(len(REQUESTS))]
        expected = [data for _, data, _, _ in alone]
        levels = [run(port, expected, clients, options.seconds) for clients in options.clients]
    summaries = [summary(level) for level in levels]
    print(load(summaries))
    options.output.write_text(json.dumps(summaries, indent=1) + "\n", encoding="utf-8")
    return 1 if any(level.wrong or level.failures for level in levels) else 0


@contextlib.contextmanager
def server(model_dir: Path, folder: str, arguments: Sequence[str]) -> Iterator[int]:
    """A server as a process of its own; its port, once it is ready."""
    command = [sys.executable, "-m", "cli.spark_tts_onnx", "serve", "--model-dir", str(model_dir), "--port", "0"]
    process = subprocess.Popen([*command, "--voices-dir", folder, *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        port = 0
        for line in process.stderr:
            if found := re.search(r'"address": "http://[^"]*:(\d+)"', line):
                port = int(found.group(1))
            if '"event": "ready"' in line:
                break
        else:
            raise SystemExit("the server did not start")
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield port
    finally:
        process.terminate()
        process.wait()


def run(port: int, expected: Sequence[bytes], clients: int, seconds: float) -> Level:
    """So many clients for some time, each asking again as soon as it was answered."""
    level, lock = Level(clients), threading.Lock()
    numbers = itertools.cycle(range(len(REQUESTS)))
    began = time.perf_counter()

    def ask() -> None:
        client = Client(port)
        while time.perf_counter() - began < seconds:
            with lock:
                number = next(numbers)
            try:
                status, data, first, whole = client.speak(number)
            except (OSError, http.client.HTTPException) as error:
                with lock:
                    level.failures.append(f"{type(error).__name__}: {error}")
                client = Client(port)
                continue
            with lock:
                _note(level, status, data, first, whole, right=data == expected[number])
            if status == 429:
                time.sleep(float(data))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    level.wall_seconds = time.perf_counter() - began
    level.memory_bytes = Client(port).memory()
    return level


def _note(level: Level, status: int, data: bytes, first: float, whole: float, *, right: bool) -> None:
    if status == 429:
        level.refused += 1
    elif status != 200:
        level.failures.append(f"status {status}: {data[:200]!r}")
    else:
        level.answers += 1
        level.wrong += not right
        level.first_seconds.append(first)
        level.whole_seconds.append(whole)
        level.audio_seconds += len(data) / 2 / RATE


def summary(level: Level) -> dict[str, Any]:
    """A level's figures, times as medians and 95th percentiles."""
    found = asdict(level)
    for what in ("first", "whole"):
        seconds = sorted(found.pop(f"{what}_seconds")) or [math.nan]
        for name, share in (("median", 0.5), ("95", 0.95)):
            found[f"{what}_{name}"] = seconds[min(len(seconds) - 1, int(share * len(seconds)))]
    return found


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.load MODEL_DIR`: many clients at one server, and is every answer the right one?

A server is started as its own process. Each text is asked for alone first; under load, every answer has to be the same
bytes again. Refusals with 429 are counted and tried again after the time that the server names.
"""

import argparse
import contextlib
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

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


@dataclass(frozen=True)
class Answer:
    """What came back for a request."""

    number: int
    """Of the request."""
    status: int
    """0 where it was not answered."""
    data: bytes
    """Sound, or why there is none."""
    first: float
    """Seconds to the first byte."""
    whole: float
    """Seconds to the last."""
    retry_after: float = 0.0
    """Seconds that the server names with a refusal."""


def ask(client: httpx.Client, number: int) -> Answer:
    """One request, answered, refused or failed."""
    began = time.perf_counter()
    first, data = 0.0, b""
    try:
        with client.stream("POST", "/v1/audio/speech", json=REQUESTS[number]) as response:
            for piece in response.iter_raw():
                first = first or time.perf_counter() - began
                data += piece
        wait = float(response.headers.get("Retry-After", 1))
        return Answer(number, response.status_code, data, first, time.perf_counter() - began, wait)
    except httpx.HTTPError as error:
        return Answer(number, 0, f"{type(error).__name__}: {error}".encode(), 0.0, 0.0)


def client_of(port: int) -> httpx.Client:
    """A connection to the server."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False)


def alone(port: int) -> list[bytes]:
    """The sound of every request while nobody else asks."""
    with client_of(port) as client:
        return [ask(client, number).data for number in range(len(REQUESTS))]


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
        expected = alone(port)
        levels = [run(port, expected, clients, options.seconds) for clients in options.clients]
    print(load(levels))
    options.output.write_text(json.dumps(levels, indent=1) + "\n", encoding="utf-8")
    return 1 if any(level["wrong"] or level["failures"] for level in levels) else 0


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


def run(port: int, expected: Sequence[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """The figures of so many clients for some time, each asking again as soon as it was answered."""
    numbers = itertools.cycle(range(len(REQUESTS)))
    began = time.perf_counter()

    def keep_asking(_: int) -> list[Answer]:
        answers = []
        with client_of(port) as client:
            while time.perf_counter() - began < seconds:
                answers.append(ask(client, next(numbers)))
                if answers[-1].status == 429:
                    time.sleep(answers[-1].retry_after)
        return answers

    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for some in pool.map(keep_asking, range(clients)) for answer in some]
    spent = time.perf_counter() - began
    with client_of(port) as client:
        page = client.get("/metrics").text
    memory = re.search(r"^process_resident_memory_bytes (\S+)", page, re.MULTILINE)
    return {
        "clients": clients,
        **summary(answers, expected),
        "wall_seconds": spent,
        "memory_bytes": float(memory.group(1)) if memory else 0.0,
    }


def summary(answers: Sequence[Answer], expected: Sequence[bytes]) -> dict[str, Any]:
    """Counts, and seconds as medians and 95th percentiles."""
    good = [answer for answer in answers if answer.status == 200]
    found: dict[str, Any] = {
        "answers": len(good),
        "wrong": sum(answer.data != expected[answer.number] for answer in good),
        "refused": sum(answer.status == 429 for answer in answers),
        "failures": [f"status {a.status}: {a.data[:200]!r}" for a in answers if a.status not in (200, 429)],
        "audio_seconds": sum(len(answer.data) for answer in good) / 2 / RATE,
    }
    for what in ("first", "whole"):
        seconds = [getattr(answer, what) for answer in good] or [math.nan]
        found[f"{what}_median"], found[f"{what}_95"] = np.percentile(seconds, (50, 95)).tolist()
    return found


if __name__ == "__main__":
    raise SystemExit(main())

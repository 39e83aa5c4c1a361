"""Suite: whole processes: cold start, peak memory, and what processes share."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Case, Contender, Plan, Result, Values, WrongOutputError, measure
from benchmarks.settings import DEFAULT_PRECISION, Settings
from benchmarks.texts import TEXTS, Text

SUITE, SHARING = "process", "shared memory"
_OURS = f"ours {DEFAULT_PRECISION}"
_SECONDS = 600


def run(settings: Settings) -> list[Result]:
    """Start processes of each side in turn."""
    plan = replace(settings.plan, rounds=settings.cold_starts)
    short, long = TEXTS["short"], TEXTS["long"]
    packed = _packed(settings)
    contenders = (
        *(_original(settings, dtype, short) for dtype in settings.original),
        *(_contender(f"ours {p}", _speaking(settings, p, short), short) for p in settings.precisions),
        _contender(f"{_OURS}, packed", [*_speaking(settings, DEFAULT_PRECISION, short), *packed], short),
    )
    results = measure(Case(SUITE, short.name, contenders), plan)
    if long.name in settings.texts:
        # The peak over a long text shows that memory does not grow with it; one process is enough.
        once = tuple(_contender(f"ours {p}", _speaking(settings, p, long), long) for p in settings.fast)
        results += measure(Case(SUITE, long.name, once), Plan(1))
    sharing = tuple(
        Contender(name, lambda: "both processes spoke", partial(_share, settings, options))
        for name, options in ((_OURS, []), (f"{_OURS}, packed", packed))
    )
    return results + measure(Case(SHARING, "two processes at once", sharing), Plan(1))


def _packed(settings: Settings) -> list[str]:
    """Weights kept as this processor wants them: made by the first process, which is not among the timed ones."""
    options = ["--packed-weights", str(settings.bundles / "packed")]
    _reported([*_speaking(settings, DEFAULT_PRECISION, TEXTS["short"]), *options])
    return options


def _speaking(settings: Settings, precision: str, text: Text) -> list[str]:
    return _command("ours", settings.bundle(precision), settings, text)


def _original(settings: Settings, dtype: str, text: Text) -> Contender:
    command = [*_command("original", settings.checkpoint, settings, text), "--dtype", dtype]
    return _contender(f"PyTorch {dtype}", command, text)


def _command(side: str, folder: Path, settings: Settings, text: Text) -> list[str]:
    options = {"--text": text.text, "--ids": text.ids_each, "--threads": settings.threads}
    pairs = [str(part) for option in options.items() for part in option]
    return [sys.executable, "-m", "benchmarks.process", side, str(folder), *pairs]


def _contender(name: str, command: list[str], text: Text) -> Contender:
    def start() -> Values:
        found = _reported(command)
        if not found["audio_seconds"] > 0.5 * text.ids / 50:
            raise WrongOutputError(f"{name} made {found['audio_seconds']:.2f} s of sound of {text.ids} ids")
        return found

    # No run of its own to judge: every timed one is judged.
    return Contender(name, lambda: "length of the sound; the files are in the page cache", start)


def _reported(command: list[str]) -> Mapping[str, Any]:
    done = subprocess.run(
        [*command, "--began", str(time.monotonic())], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise WrongOutputError(f"{' '.join(command[2:4])} failed: {done.stderr[-500:]}")
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _share(settings: Settings, options: list[str]) -> Values:
    """What one of two processes holds while the other holds as much, and its part where shared pages are divided."""
    command = [*_speaking(settings, DEFAULT_PRECISION, TEXTS["short"]), *options]
    command += ["--wait", "--began", str(time.monotonic())]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        assert process.stdout is not None, "a pipe was asked for"
        if process.stdout.readline().strip() != "spoken":
            raise WrongOutputError("a process did not speak")
    # The first reports its share and ends while the other waits and holds its pages; the other would report all.
    first, other = running
    found = json.loads(first.communicate("\n")[0].splitlines()[-1])
    other.communicate("\n")
    return {"resident_mb": found["resident_mb"], "share_mb": found["share_mb"]}

"""Suite: whole processes: cold start and memory. `python -m benchmarks.processes` is one of them."""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness import Case, Contender, Plan, Result, Values, WrongOutputError, measure
from benchmarks.settings import DEFAULT_PRECISION, TEXTS, Settings, Text

SUITE = "process"
_OURS = f"ours {DEFAULT_PRECISION}"
_SECONDS, _STARTS = 600, 3


def run(settings: Settings) -> list[Result]:
    """Start processes of each side in turn, then one of ours over a long text: memory does not grow with it."""
    short = TEXTS["short"]
    contenders = (
        *(_original(settings, dtype, short) for dtype in settings.original),
        *(_contender(f"ours {p}", _speaking(settings, p, short), short) for p in settings.precisions),
        _contender(f"{_OURS}, packed", [*_speaking(settings, DEFAULT_PRECISION, short), *_packed(settings)], short),
    )
    results = measure(
        Case(SUITE, "short", contenders), replace(settings.plan, rounds=min(_STARTS, settings.plan.rounds))
    )
    long = tuple(_contender(f"ours {p}", _speaking(settings, p, TEXTS["long"]), TEXTS["long"]) for p in settings.fast)
    return results + measure(Case(SUITE, "long", long), Plan(1))


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
    return [sys.executable, "-m", "benchmarks.processes", side, str(folder), *pairs]


def _contender(name: str, command: list[str], text: Text) -> Contender:
    def start() -> Values:
        found = _reported(command)
        if not found["audio_seconds"] > 0.5 * text.ids / 50:
            raise WrongOutputError(f"{name} made {found['audio_seconds']:.2f} s of sound of {text.ids} ids")
        return found

    return Contender(name, start)


def _reported(command: list[str]) -> Mapping[str, Any]:
    done = subprocess.run(
        [*command, "--began", str(time.monotonic())], capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise WrongOutputError(f"{' '.join(command[2:4])} failed: {done.stderr[-500:]}")
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(given: argparse.Namespace) -> dict[str, float]:
    """Speak once as a stream; neither torch nor anything of the original is loaded."""
    from sparktts_onnx import SparkTTSONNX, Voice

    with SparkTTSONNX(given.folder, device="cpu", threads=given.threads, packed_weights=given.packed_weights) as tts:
        codec = tts.manifest.codec
        voice = Voice(codec=codec.fingerprint, global_ids=tuple(range(codec.global_tokens)))
        first, samples = 0.0, 0
        for chunk in tts.stream(given.text, voice=voice, seed=0, max_new_tokens=given.ids, retries=0):
            first = first or time.monotonic() - given.began
            samples += len(chunk)
        return {"first_audio_seconds": first, "audio_seconds": samples / codec.sample_rate, **memory()}


def original(given: argparse.Namespace) -> dict[str, float]:
    """Load everything that the original loads and speak once."""
    import torch

    from benchmarks.pytorch import OriginalSpeaker, TorchEnrollment

    torch.set_num_threads(given.threads)
    speaker = OriginalSpeaker(given.folder, given.dtype)
    listener = TorchEnrollment(given.folder, given.dtype, codec=speaker.codec)
    wav = speaker.speak(given.text, list(range(32)), given.ids)
    first = time.monotonic() - given.began
    found = {"first_audio_seconds": first, "audio_seconds": len(wav) / 16000, **memory()}
    del listener
    return found


def memory() -> dict[str, float]:
    """Largest resident memory so far, and what is resident now without what other processes can share: files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage counts what the parent held, too
    kilobytes = {key: int(re.findall(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)[0]) for key in ("VmHWM", "RssAnon")}
    return {"resident_mb": kilobytes["VmHWM"] / 1000, "anonymous_mb": kilobytes["RssAnon"] / 1000}


SIDES: Mapping[str, Callable[[argparse.Namespace], dict[str, float]]] = {"ours": ours, "original": original}


def main() -> int:
    """Print what it took, as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes")
    add = parser.add_argument
    add("side", choices=SIDES)
    add("folder", type=Path, help="a bundle, or the original's checkpoint")
    add("--text", required=True)
    add("--ids", type=int, required=True)
    add("--threads", type=int, required=True)
    add("--began", type=float, required=True, help="time.monotonic() when the process was started")
    add("--dtype", default="float32", help="of the original")
    add("--packed-weights", type=Path, help="where processes share the weights")
    given = parser.parse_args()
    print(json.dumps(SIDES[given.side](given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

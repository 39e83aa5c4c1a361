"""Suite: whole processes: cold start and memory. `python -m benchmarks.processes` is one of them."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import Case, Contender, Values, WrongOutputError
from benchmarks.settings import DEFAULT_PRECISION, TEXTS, Settings, Text

SUITE = "process"
_SECONDS, _STARTS = 600, 3


def run(settings: Settings) -> Iterator[Case]:
    """Start processes of each side in turn, then one of ours over a long text: memory does not grow with it."""
    short, long = TEXTS["short"], TEXTS["long"]

    def speaking(precision: str, text: Text, way: str = "", **options: str) -> Contender:
        given = {"side": "ours", "folder": str(settings.bundle(precision)), **options}
        return _contender(settings, f"ours {precision}{way}", text, given)

    loading = {"side": "original", "folder": str(settings.checkpoint)}
    packed = speaking(DEFAULT_PRECISION, short, ", packed", packed_weights=str(settings.bundles / "packed"))
    contenders = (
        *(_contender(settings, f"PyTorch {dtype}", short, loading | {"dtype": dtype}) for dtype in settings.original),
        *(speaking(precision, short) for precision in settings.precisions),
        replace(packed, check=packed.run),  # the first process packs the weights, and is not timed
    )
    yield Case(SUITE, "short", contenders, rounds=_STARTS)
    yield Case(SUITE, "long", tuple(speaking(precision, long) for precision in settings.fast), rounds=1)


def _contender(settings: Settings, name: str, text: Text, options: Mapping[str, str]) -> Contender:
    """A process that speaks a text."""
    given = {"text": text.text, "ids": text.ids_each, "threads": settings.threads, **options}

    def start() -> Values:
        command = [sys.executable, "-m", "benchmarks.processes", json.dumps(given | {"began": time.monotonic()})]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode:
            raise WrongOutputError(f"{name} failed: {done.stderr[-500:]}")
        found: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
        if not found["audio_seconds"] > 0.5 * text.ids / 50:
            raise WrongOutputError(f"{name} made {found['audio_seconds']:.2f} s of sound of {text.ids} ids")
        return found

    return Contender(name, start)


def ours(
    folder: str, *, text: str, ids: int, threads: int, began: float, packed_weights: str | None = None
) -> dict[str, float]:
    """Speak once as a stream; neither torch nor anything of the original is loaded."""
    from sparktts_onnx import SparkTTSONNX, Voice

    with SparkTTSONNX(folder, device="cpu", threads=threads, packed_weights=packed_weights) as tts:
        codec = tts.manifest.codec
        voice = Voice(codec=codec.fingerprint, global_ids=tuple(range(codec.global_tokens)))
        first, samples = 0.0, 0
        for chunk in tts.stream(text, voice=voice, seed=0, max_new_tokens=ids, retries=0):
            first = first or time.monotonic() - began
            samples += len(chunk)
        return {"first_audio_seconds": first, "audio_seconds": samples / codec.sample_rate, **memory()}


def original(folder: str, *, text: str, ids: int, threads: int, began: float, dtype: str) -> dict[str, float]:
    """Load everything that the original loads and speak once."""
    import torch

    from benchmarks.pytorch import OriginalSpeaker, TorchEnrollment

    torch.set_num_threads(threads)
    speaker = OriginalSpeaker(Path(folder), dtype)
    _listener = TorchEnrollment(Path(folder), dtype, codec=speaker.codec)
    wav = speaker.speak(text, list(range(32)), ids)
    first = time.monotonic() - began
    return {"first_audio_seconds": first, "audio_seconds": len(wav) / 16000, **memory()}


def memory() -> dict[str, float]:
    """Largest resident memory so far, and what is resident now without what other processes can share: files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage counts what the parent held, too
    kilobytes = {key: int(re.findall(rf"^{key}:\s+(\d+) kB$", status, re.MULTILINE)[0]) for key in ("VmHWM", "RssAnon")}
    return {"resident_mb": kilobytes["VmHWM"] / 1000, "anonymous_mb": kilobytes["RssAnon"] / 1000}


def main() -> int:
    """Print what it took, as one line of JSON; the argument is a side and what it is called with."""
    given = json.loads(sys.argv[1])
    print(json.dumps((ours if given.pop("side") == "ours" else original)(**given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

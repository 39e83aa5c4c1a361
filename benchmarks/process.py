"""One process, from its start to its first audio: `python -m benchmarks.process ours|original FOLDER …`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_STATUS, _ROLLUP = Path("/proc/self/status"), Path("/proc/self/smaps_rollup")


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
        if given.wait:
            print("spoken", flush=True)
            sys.stdin.readline()
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
    """Largest resident memory so far, and what is resident now with every shared page divided among its holders."""
    return {"resident_mb": megabytes(_STATUS, "VmHWM"), "share_mb": megabytes(_ROLLUP, "Pss")}


def megabytes(file: Path, key: str) -> float:
    """A value in kB from a file of lines `key: value kB`, in MB."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1000
    raise KeyError(f"{file} has no {key}")


SIDES: Mapping[str, Callable[[argparse.Namespace], dict[str, float]]] = {"ours": ours, "original": original}


def main() -> int:
    """Print what it took, as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process", description=__doc__)
    add = parser.add_argument
    add("side", choices=SIDES)
    add("folder", type=Path, help="a bundle, or the original's checkpoint")
    add("--text", required=True)
    add("--ids", type=int, required=True)
    add("--threads", type=int, required=True)
    add("--began", type=float, required=True, help="time.monotonic() when the process was started")
    add("--dtype", default="float32", help="of the original")
    add("--packed-weights", type=Path, help="where processes share the weights")
    add("--wait", action="store_true", help="wait for a line before the memory is reported")
    given = parser.parse_args()
    print(json.dumps(SIDES[given.side](given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

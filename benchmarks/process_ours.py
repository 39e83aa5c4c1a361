"""One process of this software, from its start to its first audio."""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.memory import PeakMemory, own_share_mb
from sparktts_onnx import SparkTTSONNX, Voice


def main() -> int:
    """Speak once as a stream and tell what it took, as one line of JSON."""
    given = _arguments()
    tts = SparkTTSONNX(given.bundle, device="cpu", threads=given.threads, packed_weights=given.packed_weights)
    with PeakMemory() as memory, tts:
        codec = tts.manifest.codec
        voice = Voice(codec=codec.fingerprint, global_ids=tuple(range(codec.global_tokens)))
        first, samples = 0.0, 0
        for chunk in tts.stream(given.text, voice=voice, seed=0, max_new_tokens=given.ids, retries=0):
            first = first or time.monotonic() - given.began
            samples += len(chunk)
        if given.wait:
            print("spoken", flush=True)
            sys.stdin.readline()
        found = {
            "first_audio_seconds": first,
            "audio_seconds": samples / codec.sample_rate,
            "share_mb": own_share_mb(),
            "resident_mb": memory.resident_mb,
        }
    print(json.dumps({**found, "anonymous_mb": memory.anonymous_mb}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--ids", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--began", type=float, required=True, help="time.monotonic() when the process was started")
    parser.add_argument("--packed-weights", type=Path, help="where processes share the weights")
    parser.add_argument("--wait", action="store_true", help="wait for a line before the memory is told")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())

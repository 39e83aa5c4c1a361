"""One process of the original, from its start to its first audio."""

import argparse
import json
import time
from pathlib import Path

import torch

from benchmarks.memory import PeakMemory
from benchmarks.original import OriginalSpeaker
from benchmarks.pytorch import TorchEnrollment


def main() -> int:
    """Load everything that the original loads, speak once, and tell what it took, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--text", required=True)
    parser.add_argument("--ids", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--began", type=float, required=True, help="time.monotonic() when the process was started")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with PeakMemory() as memory:
        speaker = OriginalSpeaker(given.checkpoint, given.dtype)
        listener = TorchEnrollment(given.checkpoint, given.dtype, codec=speaker.codec)
        spoken = speaker.speak(given.text, list(range(32)), given.ids)
        found = {
            "first_audio_seconds": time.monotonic() - given.began,
            "audio_seconds": len(spoken.wav) / 16000,
            "resident_mb": memory.resident_mb,
        }
        del listener
    print(json.dumps({**found, "anonymous_mb": memory.anonymous_mb}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

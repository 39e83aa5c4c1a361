"""`python -m benchmarks.pieces BUNDLE`: how soon a text that is still being written is heard.

The same text, whole and word by word as a language model writes it; the wait for text in pieces begins when the first
clause is there, which is all that speech can begin with.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import markdown
from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice

WORDS_A_SECOND = 20
ROUNDS = 15
TEXT = (
    "When the rain had stopped at last, we went out into the garden and looked at what was left of the roses. "
    "Most of them had lost their leaves, but a few were still in bloom."
)
CLAUSE = "last,"
OPTIONS = StreamOptions(first_segment="clause")


def wait_for_whole(tts: SparkTTSONNX, voice: Voice) -> float:
    """Seconds from the call to the first sound."""
    began = time.perf_counter()
    with tts.stream(TEXT, voice=voice, seed=0, stream_options=OPTIONS) as stream:
        next(stream)
        return time.perf_counter() - began


def wait_for_pieces(tts: SparkTTSONNX, voice: Voice) -> float:
    """Seconds from the last word of the first clause to the first sound."""
    clause_ended = float("nan")

    def words() -> Iterator[str]:
        nonlocal clause_ended
        began = time.perf_counter()
        for number, word in enumerate(TEXT.split()):
            time.sleep(max(0.0, began + number / WORDS_A_SECOND - time.perf_counter()))
            if word == CLAUSE:
                clause_ended = time.perf_counter()
            yield word + " "

    with tts.stream(words(), voice=voice, seed=0, stream_options=OPTIONS) as stream:
        next(stream)
        return time.perf_counter() - clause_ended


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pieces", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads to compute with (default: 2)")
    given = parser.parse_args()
    with SparkTTSONNX(given.bundle, device="cpu", threads=given.threads) as tts:
        voice = tts.create_voice(gender="female", seed=1)
        rounds = [(wait_for_whole(tts, voice), wait_for_pieces(tts, voice)) for _ in range(ROUNDS + 1)][1:]
    whole, pieces = (statistics.median(waits) for waits in zip(*rounds, strict=True))
    body = [["the whole text", f"{whole:.3f}"], ["its first clause, at 20 words a second", f"{pieces:.3f}"]]
    print(markdown(["from … to the first sound", "s"], body))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

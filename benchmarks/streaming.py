"""`python -m benchmarks.streaming BUNDLE --whisper WHISPER`: what a stream's look-ahead costs and gives.

The same tokens become sound in one piece and chunk by chunk; Whisper hears both. Next to it stands how long a listener
waits.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judge import Ear, add_options, whisper
from benchmarks.machine import describe
from benchmarks.precision import Answers, Reading, compared
from benchmarks.report import RESULTS, streaming
from benchmarks.sides import Wave
from benchmarks.voice import Listener, unseen_texts
from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream

LOOK_AHEADS = (0, 5, 10, 25, 66)
_WAITS = 10


class Streamed:
    """A vocoder whose sound is made chunk by chunk."""

    def __init__(self, vocoder: Vocoder, look_ahead: int, *, hop: int) -> None:
        self._vocoder, self._hop = vocoder, hop
        self._options = StreamOptions(look_ahead=look_ahead)

    def decode(self, ids: Sequence[int], global_ids: Sequence[int]) -> Wave:
        """Samples float32 [N]."""
        d_vector = self._vocoder.d_vector(global_ids)
        stream = VocoderStream(self._vocoder, d_vector, self._options, fade_samples=self._hop)
        chunks = [chunk for token in ids if (chunk := stream.push(token)) is not None]
        return np.concatenate([*chunks, stream.finish()])


def first_sound_seconds(tts: SparkTTSONNX, text: str, voice: Voice, look_ahead: int) -> float:
    """How long a listener waits for the first chunk."""
    began = time.perf_counter()
    with tts.stream(text, voice=voice, seed=0, stream_options=StreamOptions(look_ahead=look_ahead)) as stream:
        next(stream)
        return time.perf_counter() - began


def measure(bundle: Path, ear: Ear, *, texts: int, threads: int) -> dict[str, dict[str, Any]]:
    """Every look-ahead: the waves of some answers, the words of all, and the wait."""
    listener = Listener(bundle, "int8", threads=threads)
    table: dict[str, dict[str, Any]] = {}
    with SparkTTSONNX(bundle, device="cpu", threads=threads) as tts:
        voice = tts.create_voice(gender="female", seed=1)
        answers, reading = Answers(listener, voice), Reading([voice], ear, texts=texts, seeds=1)
        written = reading.answers(listener)
        whole = reading.errors(reading.waves(listener, written))
        for look_ahead in LOOK_AHEADS:
            codec = Streamed(listener.vocoder, look_ahead, hop=listener.manifest.codec.hop_length)
            errors = reading.errors(reading.waves(listener, written, codec))
            waits = [first_sound_seconds(tts, text, voice, look_ahead) for text in unseen_texts()[:_WAITS]]
            table[str(look_ahead)] = {
                **answers.compare_codec(codec),
                **compared(errors, whole),
                "ids_before_sound": look_ahead + StreamOptions().first_chunk,
                "first_sound_seconds": statistics.median(waits),
            }
    return table


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("bundle", type=Path, help="int8 bundle of a trained voice")
    parser.add_argument("--texts", type=int, default=len(unseen_texts()), help="sentences each (default: all 40)")
    parser.add_argument("--output", type=Path, default=RESULTS / "streaming.json")
    add_options(parser)
    given = parser.parse_args()
    ear = whisper(given.whisper, threads=given.threads)
    table = measure(given.bundle, ear, texts=given.texts, threads=given.threads)
    report = {
        "texts": given.texts,
        "threads": given.threads,
        "machine": describe(),
        "look_ahead": table,
    }
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(streaming(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.streaming BUNDLE`: what a stream's look-ahead costs and gives, as JSON.

The same ids become sound in one piece and chunk by chunk; beside the difference stands how long a listener waits.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import describe
from benchmarks.report import streaming
from benchmarks.signals import log_mel_distance, snr_db
from benchmarks.voice import Listener, evaluation_texts, kept_voice
from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream

RESULTS = Path(__file__).resolve().parent / "results" / "streaming.json"
LOOK_AHEADS = (0, 5, 10, 25, 66)
_EXACT_DB = 200.0
"""Written for no difference at all."""


def compare(
    vocoder: Vocoder, ids: Sequence[int], voice: Voice, look_ahead: int, *, sample_rate: int
) -> dict[str, float]:
    """A stream against the one-shot decode of the same ids."""
    whole = vocoder.decode(ids, voice.global_ids)
    options = StreamOptions(look_ahead=look_ahead)
    hop = len(whole) // len(ids)
    stream = VocoderStream(vocoder, vocoder.d_vector(voice.global_ids), options, fade_samples=hop)
    chunks = [chunk for token in ids if (chunk := stream.push(token)) is not None]
    streamed = np.concatenate([*chunks, stream.finish()])
    if len(streamed) != len(whole):
        raise AssertionError(f"the stream has {len(streamed)} samples, the whole {len(whole)}")
    return {
        "snr_db": min(_EXACT_DB, snr_db(streamed, whole)),
        "log_mel_db": log_mel_distance(streamed, whole, sample_rate),
        "largest_difference": float(np.abs(streamed - whole).max()),
    }


def first_sound_seconds(tts: SparkTTSONNX, text: str, voice: Voice, look_ahead: int) -> float:
    """How long a listener waits for the first chunk."""
    began = time.perf_counter()
    with tts.stream(text, voice=voice, seed=0, stream_options=StreamOptions(look_ahead=look_ahead)) as stream:
        next(stream)
        return time.perf_counter() - began


def measure(bundle: Path, texts: Sequence[str], threads: int) -> dict[str, dict[str, float]]:
    """Every look-ahead over every text: medians, and for the differences the worst."""
    listener = Listener(bundle, "int8", threads=threads)
    rate = listener.manifest.codec.sample_rate
    table: dict[str, dict[str, float]] = {}
    with SparkTTSONNX(bundle, device="cpu", threads=threads) as tts:
        voice = kept_voice(tts)
        spoken = [listener.semantic_ids(listener.sample(text, voice, seed)) for seed, text in enumerate(texts)]
        tts.inference(texts[0], voice=voice, seed=0)
        for look_ahead in LOOK_AHEADS:
            rows = [compare(listener.vocoder, ids, voice, look_ahead, sample_rate=rate) for ids in spoken]
            waits = [first_sound_seconds(tts, text, voice, look_ahead) for text in texts]
            table[str(look_ahead)] = {
                "snr_db": float(np.median([row["snr_db"] for row in rows])),
                "worst_snr_db": min(row["snr_db"] for row in rows),
                "log_mel_db": float(np.median([row["log_mel_db"] for row in rows])),
                "largest_difference": max(row["largest_difference"] for row in rows),
                "ids_before_sound": look_ahead + StreamOptions().first_chunk,
                "first_sound_seconds": float(np.median(waits)),
            }
    return table


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="bundle of a trained voice")
    parser.add_argument("--texts", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    texts = evaluation_texts()[: given.texts]
    table = measure(given.bundle, texts, given.threads)
    report = {"texts": len(texts), "threads": given.threads, "machine": describe(), "look_ahead": table}
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(streaming(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

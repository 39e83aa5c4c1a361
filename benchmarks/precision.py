"""`python -m benchmarks.precision CHECKPOINT`: what each precision costs a trained voice, as JSON.

Every bundle reads the same real sequences of ids (speech that the float32 bundle sampled for the evaluation texts), so
its logits stand beside those of float32 at several hundred positions. Then every bundle speaks the same texts.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.intelligibility import Judge
from benchmarks.material import convert, disk_use
from benchmarks.pytorch import TorchCodec
from benchmarks.sides import Logits
from benchmarks.signals import Wave, log_mel_distance, snr_db
from benchmarks.voice import Listener, evaluation_texts, kept_voice, speak
from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.runtime.graphs.sessions import Sessions

RESULTS = Path(__file__).resolve().parent / "results" / "precision.json"
PRECISIONS = ("fp32", "fp16", "int8", "int4")
_POSITIONS_EACH = 60
"""Positions of every sequence that are compared."""
_SEEDS = (2, 3, 4)
_REFERENCE_SEED = 1
_log = logging.getLogger(__name__)


def compare_logits(found: Logits, expected: Logits) -> dict[str, float]:
    """Differences of logits float32 [n, V]: relative error, KL divergence in nats, agreement of the likeliest id."""
    error = np.sqrt(np.mean((found - expected) ** 2, axis=1)) / expected.std(axis=1)
    log_p, log_q = _log_softmax(expected), _log_softmax(found)
    divergence = np.sum(np.exp(log_p) * (log_p - log_q), axis=1)
    return {
        "positions": float(len(expected)),
        "logit_error": float(error.mean()),
        "logit_error_worst": float(error.max()),
        "kl": float(divergence.mean()),
        "kl_worst": float(divergence.max()),
        "argmax_agreement": float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1))),
    }


def _log_softmax(logits: Logits) -> np.ndarray[Any, Any]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: np.ndarray[Any, Any] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def measure(
    checkpoint: Path, bundles: Mapping[str, Path], texts: Sequence[str], threads: int
) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Every precision against float32, and PyTorch's codec in bfloat16 for comparison."""
    listeners = {precision: Listener(path, precision, threads=threads) for precision, path in bundles.items()}
    reference = listeners["fp32"]
    with SparkTTSONNX(bundles["fp32"], device="cpu", threads=threads) as tts:
        voice = kept_voice(tts)
    sequences = [reference.sample(text, voice, seed) for seed, text in enumerate(texts)]
    expected = np.concatenate([reference.logits(sequence, _POSITIONS_EACH) for sequence in sequences])
    spoken = [reference.semantic_ids(sequence) for sequence in sequences[:5]]
    waves = [reference.vocoder.decode(ids, voice.global_ids) for ids in spoken]
    rate = reference.manifest.codec.sample_rate
    in_bfloat16 = TorchCodec(checkpoint, "bfloat16")
    original = compare_waves([in_bfloat16.decode(ids, voice.global_ids) for ids in spoken], waves, rate)
    table: dict[str, dict[str, Any]] = {}
    for precision, listener in listeners.items():
        _log.info("comparing %s", precision)
        found = np.concatenate([listener.logits(sequence, _POSITIONS_EACH) for sequence in sequences])
        made = [listener.vocoder.decode(ids, voice.global_ids) for ids in spoken]
        table[precision] = {
            **compare_logits(found, expected),
            **compare_waves(made, waves, rate),
            **disk_use(bundles[precision]),
        }
    return table, original


def compare_waves(found: Sequence[Wave], expected: Sequence[Wave], rate: int) -> dict[str, float]:
    """The worst of several waves."""
    pairs = list(zip(found, expected, strict=True))
    return {
        "wave_snr_db": min(200.0, min(snr_db(ours, theirs) for ours, theirs in pairs)),
        "log_mel_db": max(log_mel_distance(ours, theirs, rate) for ours, theirs in pairs),
    }


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a trained checkpoint")
    parser.add_argument("--bundles", type=Path, default=Path("build/benchmarks/voice"), help="made where absent")
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS))
    parser.add_argument("--texts", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    bundles = {precision: given.bundles / precision for precision in given.precisions}
    for precision, path in bundles.items():
        convert(given.checkpoint, path, precision)
    table, original = measure(given.checkpoint, bundles, evaluation_texts()[: given.texts], given.threads)
    _, reference = judge_speech(bundles["fp32"], (_REFERENCE_SEED,), given.threads)
    for precision, row in table.items():
        # Other seeds than the reference's: float32's own figure tells what the dice alone do.
        figures, waves = judge_speech(bundles[precision], _SEEDS, given.threads)
        others = reference * len(_SEEDS)
        row.update(figures, speaker_similarity=similarity(waves, others, bundles["fp32"], given.threads))
    report = {
        "checkpoint": given.checkpoint.name,
        "texts": given.texts,
        "precisions": table,
        "codec_in_bfloat16": original,
    }
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    return 0


def judge_speech(bundle: Path, seeds: Sequence[int], threads: int) -> tuple[dict[str, float], list[Wave]]:
    """How well a recognizer understands the evaluation texts, said once with each seed, and the waves."""
    texts = evaluation_texts()
    with SparkTTSONNX(bundle, device="cpu", threads=threads) as tts:
        voice = kept_voice(tts)
        spoken = [said for seed in seeds for said in speak(tts, texts, 100 * seed, voice=voice)]
    figures = Judge(texts).figures(spoken)
    counts = {"recognized": figures.recognized, "sentences": figures.sentences}
    return {**counts, "word_error_rate": figures.word_error_rate}, [item.wave for item in spoken]


def similarity(waves: Sequence[Wave], others: Sequence[Wave], bundle: Path, threads: int) -> float:
    """Mean cosine between the codec's own speaker vectors of two renditions of the same sentences."""
    ours, theirs = (_speakers(bundle, some, threads) for some in (waves, others))
    return float(np.mean(np.sum(ours * theirs, axis=1)))


def _speakers(bundle: Path, waves: Sequence[Wave], threads: int) -> Wave:
    """The codec's own speaker vector of each wave, of length 1: float32 [n, D]."""
    manifest = read_manifest(bundle)
    sessions = Sessions(bundle, manifest, device="cpu", threads=threads)
    length = manifest.codec.reference_samples
    vectors = [sessions.run("speaker_encoder", {"ref_wav": np.resize(wave, length)[None]})[1][0] for wave in waves]
    stacked = np.stack(vectors)
    unit: Wave = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    raise SystemExit(main())

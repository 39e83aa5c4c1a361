"""`python -m benchmarks.precision CHECKPOINT --whisper WHISPER`: what each precision costs a trained voice.

Every bundle reads the same answers (speech that the float32 bundle sampled), so its logits stand next to those of
float32 at several hundred positions, and its waves next to those of the same tokens. Then every bundle speaks all
sentences by itself, and Whisper hears what it said.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.judge import Ear, Errors, add_options, interval, rate, whisper, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.machine import describe
from benchmarks.material import convert, disk_use
from benchmarks.pytorch import TorchCodec
from benchmarks.report import RESULTS, precision, precision_faults
from benchmarks.settings import DEFAULT_PRECISION
from benchmarks.sides import Logits, Wave, snr_db
from benchmarks.voice import Answer, Listener, unseen_texts
from sparktts_onnx import SparkTTSONNX, Voice

PRECISIONS = ("fp32", "fp16", "int8", "int4")
JUDGED = ("fp32", "int8", "int4")
"""By ear; fp16 is for accelerators, and next to float32 nearly to the last bit."""
POSITIONS = 60
"""Positions of every answer that are compared."""
_ANSWERS, _WAVES = 10, 5
_log = logging.getLogger(__name__)


def compare_logits(found: Logits, expected: Logits) -> dict[str, float]:
    """Differences of logits float32 [n, V]: relative error, KL divergence in nats, agreement of the likeliest id."""
    error = np.sqrt(np.mean((found - expected) ** 2, axis=1)) / expected.std(axis=1)
    log_p, log_q = _log_softmax(expected), _log_softmax(found)
    divergence = np.sum(np.exp(log_p) * (log_p - log_q), axis=1)
    return {
        "positions": float(len(expected)),
        "logit_error": float(error.mean()),
        "kl": float(divergence.mean()),
        "kl_worst": float(divergence.max()),
        "argmax_agreement": float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1))),
    }


def _log_softmax(logits: Logits) -> np.ndarray[Any, Any]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: np.ndarray[Any, Any] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


class Codec(Protocol):
    """Makes sound of ids."""

    def decode(self, semantic_ids: Sequence[int], global_ids: Sequence[int], /) -> Wave:
        """Samples float32 [N]."""
        ...


class Answers:
    """What float32 answered, which every precision is compared with."""

    def __init__(self, listener: Listener, voice: Voice) -> None:
        self._listener, self._voice = listener, voice
        self._answers = [listener.sample(text, voice, seed) for seed, text in enumerate(unseen_texts()[:_ANSWERS])]
        self._logits, self._waves = self._read(listener), self._spoken(listener.vocoder)

    def compare(self, listener: Listener) -> dict[str, float]:
        """Another bundle's logits and waves."""
        return compare_logits(self._read(listener), self._logits) | self.compare_codec(listener.vocoder)

    def compare_codec(self, codec: Codec) -> dict[str, float]:
        """The worst of a codec's waves; 200 dB where they are equal."""
        pairs = zip(self._spoken(codec), self._waves, strict=True)
        return {"wave_snr_db": min(200.0, *(snr_db(found, expected) for found, expected in pairs))}

    def _read(self, listener: Listener) -> Logits:
        return np.concatenate([listener.logits(answer, POSITIONS) for answer in self._answers])

    def _spoken(self, codec: Codec) -> list[Wave]:
        ids = [self._listener.semantic_ids(answer) for answer in self._answers[:_WAVES]]
        return [codec.decode(some, self._voice.global_ids) for some in ids]


class Reading:
    """Every unseen sentence by every voice, with some seeds."""

    def __init__(self, voices: Sequence[Voice], ear: Ear, *, texts: int, seeds: int) -> None:
        texts_ = unseen_texts()[:texts]
        self._items = [(text, voice, seed) for seed in range(seeds) for voice in voices for text in texts_]
        self._ear = ear

    def answers(self, listener: Listener, first_seed: int = 1000) -> list[Answer]:
        """What a bundle answers; the same seeds for every bundle."""
        return [listener.sample(text, voice, first_seed + seed) for text, voice, seed in self._items]

    def waves(self, listener: Listener, answers: Sequence[Answer], codec: Codec | None = None) -> list[Wave]:
        """What a codec, the bundle's own by default, makes of answers."""
        codec = codec or listener.vocoder
        pairs = zip(self._items, answers, strict=True)
        return [codec.decode(listener.semantic_ids(answer), voice.global_ids) for (_, voice, _), answer in pairs]

    def errors(self, waves: Sequence[Wave]) -> list[Errors]:
        """Words of each sentence."""
        pairs = zip(self._items, waves, strict=True)
        return [word_errors(text, self._ear(wave)) for (text, _, _), wave in pairs]


def judge(listeners: Mapping[str, Listener], reading: Reading, encoder: SpeakerEncoder) -> dict[str, dict[str, float]]:
    """Words wrong of every precision, how much more than float32, and how like float32's another rendition is."""
    reference = listeners["fp32"]
    written = reading.answers(reference)
    exact = reading.errors(reading.waves(reference, written))
    again = reading.waves(reference, reading.answers(reference, first_seed=2000))
    rows = {"fp32": compared(exact, exact)}
    for name in JUDGED[1:]:
        _log.info("listening to %s", name)
        waves = reading.waves(listeners[name], reading.answers(listeners[name]))
        rows[name] = compared(reading.errors(waves), exact) | {"likeness": encoder.likeness(waves, again)}
    rows["fp32"]["likeness"] = encoder.likeness(reading.waves(reference, written), again)
    codec = compared(reading.errors(reading.waves(listeners[DEFAULT_PRECISION], written)), exact)
    for name in JUDGED[1:]:
        rows[name] |= {f"codec_{key}": value for key, value in codec.items()}
    return rows


def compared(errors: Sequence[Errors], exact: Sequence[Errors]) -> dict[str, float]:
    """A rate, and its difference from float32's with the interval of that."""
    low, high = interval(errors, exact)
    more = rate(errors) - rate(exact)
    return {"sentences": len(errors), "word_error_rate": rate(errors), "more": more, "low": low, "high": high}


def main() -> int:
    """Measure, write, print; returns 1 where a precision is outside its bounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a trained checkpoint")
    parser.add_argument("--bundles", type=Path, default=Path("build/benchmarks/voice"), help="made where absent")
    parser.add_argument("--texts", type=int, default=len(unseen_texts()), help="sentences each (default: all 40)")
    parser.add_argument("--seeds", type=int, default=2, help="times that each voice says every sentence (default: 2)")
    parser.add_argument("--output", type=Path, default=RESULTS / "precision.json")
    add_options(parser)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    _log.setLevel(logging.INFO)
    ear = whisper(given.whisper, threads=given.threads)
    bundles = {name: given.bundles / name for name in PRECISIONS}
    for name, path in bundles.items():
        convert(given.checkpoint, path, name)
    listeners = {name: Listener(path, name, threads=given.threads) for name, path in bundles.items()}
    with SparkTTSONNX(bundles["fp32"], device="cpu", threads=given.threads) as tts:
        voices = [tts.create_voice(gender=gender, seed=1) for gender in ("female", "male")]
    answers = Answers(listeners["fp32"], voices[0])
    rows = {name: {**answers.compare(listener), **disk_use(bundles[name])} for name, listener in listeners.items()}
    judged = judge(listeners, Reading(voices, ear, texts=given.texts, seeds=given.seeds), SpeakerEncoder())
    report = {
        "checkpoint": given.checkpoint.name,
        "machine": describe(),
        "precisions": {name: {**row, **judged.get(name, {})} for name, row in rows.items()},
        "codec_in_bfloat16": answers.compare_codec(TorchCodec(given.checkpoint, "bfloat16")),
    }
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(precision(report))
    return 1 if any(precision_faults(report).values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Suite: what each precision costs a trained voice.

Every bundle reads the same answers (speech that the float32 bundle sampled), so its logits stand next to those of
float32 at several hundred positions, and its waves next to those of the same tokens. Then every bundle speaks all
sentences by itself, and Whisper hears what it said.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from benchmarks.judge import Ear, Errors, interval, rate, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.material import disk_use
from benchmarks.pytorch import TorchCodec
from benchmarks.settings import DEFAULT_PRECISION
from benchmarks.sides import Logits, Wave, snr_db
from benchmarks.voice import PRECISIONS, Answer, Listener, Trial, unseen_texts
from sparktts_onnx import Voice

JUDGED = ("fp32", "int8", "int4")
"""By ear; fp16 is for accelerators, and next to float32 nearly to the last bit."""
POSITIONS = 60
"""Positions of every answer that are compared."""
_ANSWERS, _WAVES = 10, 5
_SEEDS = 2
"""Times that each voice says every sentence."""
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

    def __init__(self, voices: Sequence[Voice], ear: Ear, texts: Sequence[str], *, seeds: int) -> None:
        self._items = [(text, voice, seed) for seed in range(seeds) for voice in voices for text in texts]
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


def run(trial: Trial) -> dict[str, Any]:
    """Every precision next to float32."""
    listeners = {name: trial.listener(name) for name in PRECISIONS}
    with trial.open("fp32") as tts:
        voices = [tts.create_voice(gender=gender, seed=1) for gender in ("female", "male")]
    answers = Answers(listeners["fp32"], voices[0])
    rows = {name: {**answers.compare(a), **disk_use(trial.bundles / name)} for name, a in listeners.items()}
    judged = judge(listeners, Reading(voices, trial.ear, trial.texts, seeds=_SEEDS), SpeakerEncoder())
    return {
        "checkpoint": trial.checkpoint.name,
        "precisions": {name: {**row, **judged.get(name, {})} for name, row in rows.items()},
        "codec_in_bfloat16": answers.compare_codec(TorchCodec(trial.checkpoint, "bfloat16")),
    }

"""Suites: what each precision costs a trained voice, and what a stream's look-ahead costs and gives.

Every bundle reads the same answers (speech that the float32 bundle sampled), so its logits stand next to those of
float32 at several hundred positions, and its waves next to those of the same tokens. Then every bundle speaks all
sentences by itself, and Whisper hears what it said.

For the look-ahead, the same tokens become sound in one piece and chunk by chunk; Whisper hears both. Next to it stands
how many tokens a listener waits for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.judge import Ear, Errors, interval, rate, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.material import disk_use
from benchmarks.pytorch import TorchCodec
from benchmarks.settings import DEFAULT_PRECISION
from benchmarks.sides import Logits, Wave, snr_db
from benchmarks.voice import PRECISIONS, UNSEEN_TEXTS, Answer, Listener, Trial
from sparktts_onnx import StreamOptions, Voice
from sparktts_onnx.export.verify.language_model import logit_error
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream

JUDGED = ("fp32", "int8", "int4")
"""By ear; fp16 is for accelerators, and next to float32 nearly to the last bit."""
POSITIONS = 60
"""Positions of every answer that are compared."""
_ANSWERS = 10
_SEEDS = 2
"""Times that each voice says every sentence."""
LOOK_AHEADS = ((0, 0), (5, 5), (10, 0), (10, 3), (10, 5), (10, 10), (25, 5), (66, 66))
"""Of all chunks but the first, and of the first."""
Decode = Callable[[Sequence[int], Sequence[int]], Wave]
"""Makes sound float32 [N] of semantic and global ids."""


def compare_logits(found: Logits, expected: Logits) -> dict[str, float]:
    """Differences of logits float32 [n, V]: relative error, KL divergence in nats, agreement of the likeliest id."""
    log_p, log_q = (torch.from_numpy(logits).double().log_softmax(dim=1).numpy() for logits in (expected, found))
    divergence = np.sum(np.exp(log_p) * (log_p - log_q), axis=1)
    return {
        "logit_error": float(np.mean([logit_error(*pair) for pair in zip(found, expected, strict=True)])),
        "kl": float(divergence.mean()),
        "argmax_agreement": float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1))),
    }


def compare_waves(found: Sequence[Wave], expected: Sequence[Wave]) -> float:
    """Signal over deviation of the worst wave, in dB; 200 where they are equal."""
    return min(snr_db(*pair) for pair in zip(found, expected, strict=True))


class Reading:
    """Every unseen sentence by every voice, with some seeds."""

    def __init__(self, voices: Sequence[Voice], ear: Ear, texts: Sequence[str], *, seeds: int) -> None:
        self._items = [(text, voice, seed) for seed in range(seeds) for voice in voices for text in texts]
        self._ear = ear

    def answers(self, listener: Listener, first_seed: int = 1000) -> list[Answer]:
        """What a bundle answers; the same seeds for every bundle."""
        return [listener.sample(text, voice, first_seed + seed) for text, voice, seed in self._items]

    def waves(self, decode: Decode, answers: Sequence[Answer]) -> list[Wave]:
        """What a codec makes of answers."""
        pairs = zip(self._items, answers, strict=True)
        return [decode(answer.semantic_ids, voice.global_ids) for (_, voice, _), answer in pairs]

    def errors(self, waves: Sequence[Wave]) -> list[Errors]:
        """Words of each sentence."""
        pairs = zip(self._items, waves, strict=True)
        return [word_errors(text, self._ear(wave)) for (text, _, _), wave in pairs]


def judge(listeners: Mapping[str, Listener], reading: Reading) -> dict[str, dict[str, float]]:
    """Words wrong of every precision, how much more than float32, and how like float32's another rendition is."""
    reference, encoder = listeners["fp32"], SpeakerEncoder()
    again = reading.waves(reference.vocoder.decode, reading.answers(reference, first_seed=2000))
    written = {name: reading.answers(listeners[name]) for name in JUDGED}
    waves = {name: reading.waves(listeners[name].vocoder.decode, answers) for name, answers in written.items()}
    errors = {name: reading.errors(some) for name, some in waves.items()}
    codec = reading.errors(reading.waves(listeners[DEFAULT_PRECISION].vocoder.decode, written["fp32"]))
    by_codec = {f"codec_{key}": value for key, value in compared(codec, errors["fp32"]).items()}
    return {
        name: compared(errors[name], errors["fp32"])
        | {"likeness": encoder.likeness(waves[name], again)}
        | ({} if name == "fp32" else by_codec)
        for name in JUDGED
    }


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
    few = Reading(voices[:1], trial.ear, UNSEEN_TEXTS[:_ANSWERS], seeds=1)
    answers = few.answers(listeners["fp32"])
    logits = {name: _read(listener, answers) for name, listener in listeners.items()}
    waves = {name: few.waves(listener.vocoder.decode, answers) for name, listener in listeners.items()}
    judged = judge(listeners, Reading(voices, trial.ear, trial.texts, seeds=_SEEDS))
    rows = {
        name: compare_logits(logits[name], logits["fp32"])
        | {"wave_snr_db": compare_waves(waves[name], waves["fp32"])}
        | disk_use(trial.bundles / name)
        | judged.get(name, {})
        for name in listeners
    }
    original = few.waves(TorchCodec(trial.checkpoint, "bfloat16").decode, answers)
    return {
        "checkpoint": trial.checkpoint.name,
        "precisions": rows,
        "codec_in_bfloat16": {"wave_snr_db": compare_waves(original, waves["fp32"])},
    }


def _read(listener: Listener, answers: Sequence[Answer]) -> Logits:
    """A bundle's logits at the first ids of some answers."""
    return np.concatenate([listener.forced_logits(a.prompt, a.speech[: POSITIONS - 1]) for a in answers])


def chunks(vocoder: Vocoder, options: StreamOptions, ids: Sequence[int], global_ids: Sequence[int]) -> Iterator[Wave]:
    """The sound of some ids as a stream makes it, float32 [N] each."""
    stream = VocoderStream(vocoder, vocoder.d_vector(global_ids), options)
    yield from (chunk for token in ids if (chunk := stream.push(token)) is not None)
    yield stream.finish()


def streaming(trial: Trial) -> dict[str, Any]:
    """Every look-ahead: the waves of some answers, the first chunks and the words of all."""
    listener = trial.listener("int8")
    with trial.open("int8") as tts:
        voice = tts.create_voice(gender="female", seed=1)
    reading = Reading([voice], trial.ear, trial.texts, seeds=1)
    written = reading.answers(listener)
    waves = reading.waves(listener.vocoder.decode, written)
    whole = reading.errors(waves)
    table = []
    for look_ahead, first in LOOK_AHEADS:
        options = StreamOptions(look_ahead=look_ahead, first_look_ahead=first)
        made = [list(chunks(listener.vocoder, options, answer.semantic_ids, voice.global_ids)) for answer in written]
        streamed, firsts = [np.concatenate(some) for some in made], [some[0] for some in made]
        quality = [snr_db(*pair) for pair in zip(firsts, waves, strict=True)]
        row = {
            "look_ahead": look_ahead,
            "first_look_ahead": first,
            "wave_snr_db": compare_waves(streamed, waves),
            "first_snr_db_median": float(np.median(quality)),
            "first_snr_db_worst": min(quality),
            "ids_before_sound": options.tokens_before_sound(listener.vocoder.context),
        }
        table.append(row | compared(reading.errors(streamed), whole))
    return {"texts": len(trial.texts), "rows": table}

"""Suite: which part of a recording to hear.

Every base voice is recorded (by espeak-ng, with texts and settings that training never saw) in ways that people record,
and enrolled with every window. The clone is right when it speaks at the pitch of its speaker; they differ by 50 Hz.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.judge import SAMPLE_RATE, rate, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.sides import Wave
from benchmarks.voice import Trial, median_pitch_hz, speak, wave_file
from sparktts_onnx import EnrollOptions, SparkTTSONNX
from training import voices

WINDOWS = ("first", "best", "all")
_PROMPTS, _TEXTS = 3, 2
"""Recordings of each speaker, and sentences spoken with each voice."""
_NEAR = 0.15
"""Part of the pitch by which a clone may be off."""


def recordings(clean: list[Wave], rng: np.random.Generator) -> dict[str, list[Wave]]:
    """What people hand in, from some clean recordings of one speaker."""
    long = np.concatenate(clean)
    spoilt = int(7 * SAMPLE_RATE)
    noisy, clipped = np.tile(long, 2), np.tile(long, 2)
    noisy[:spoilt] += (0.2 * rng.standard_normal(spoilt)).astype(np.float32)
    clipped[:spoilt] = np.clip(clipped[:spoilt] * 12, -1, 1)
    silence = (1e-4 * rng.standard_normal(5 * SAMPLE_RATE)).astype(np.float32)
    return {
        "clean": [long],
        "silence first": [np.concatenate([silence, long])],
        "noise first": [noisy],
        "clipped first": [clipped],
        "three recordings": clean,
    }


def _rows(tts: SparkTTSONNX, trial: Trial) -> Iterator[dict[str, Any]]:
    texts, rng, encoder = trial.texts[:_TEXTS], np.random.default_rng(0), SpeakerEncoder()
    clean = {s: [trial.teacher.recording(number, s)[0] for number in range(_PROMPTS)] for s in voices.BASE}
    recorded = {speaker: recordings(waves, rng) for speaker, waves in clean.items()}
    for way, window in itertools.product(recorded[voices.BASE[0]], WINDOWS):
        right, likeness, errors = 0, [], []
        for speaker in voices.BASE:
            files = [wave_file(wave) for wave in recorded[speaker][way]]
            spoken = speak(tts, texts, 1, voice=tts.enroll(files, options=EnrollOptions(window=window)).voice)
            right += abs(median_pitch_hz(spoken) / speaker.pitch - 1) < _NEAR
            likeness.append(encoder.likeness([s.wave for s in spoken], clean[speaker]))
            errors += [word_errors(s.text, trial.ear(s.wave)) for s in spoken]
        yield {
            "recording": way,
            "window": window,
            "right_speaker": right,
            "speakers": len(voices.BASE),
            "likeness": round(float(np.mean(likeness)), 3),
            "word_error_rate": round(rate(errors), 3),
        }


def run(trial: Trial) -> dict[str, Any]:
    """A row for every way of recording and every window, over the base voices."""
    with trial.open("int8") as tts:
        return {"texts": len(trial.texts[:_TEXTS]), "rows": list(_rows(tts, trial))}

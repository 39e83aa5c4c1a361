"""Suite: which part of a recording to hear.

Every base voice is recorded (by espeak-ng, with texts and settings that training never saw) in ways that people record,
and enrolled with every window. The clone is right when it speaks at the pitch of its speaker; they differ by 50 Hz.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.judge import SAMPLE_RATE, Ear, Errors, Wave, rate, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.voice import Teacher, Trial, median_pitch_hz, speak, wave_file
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


def measure(tts: SparkTTSONNX, teacher: Teacher, ear: Ear, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for every way of recording and every window, over the base voices."""
    rng, encoder = np.random.default_rng(0), SpeakerEncoder()
    found: dict[tuple[str, str], list[tuple[float, float, list[Errors]]]] = {}
    for speaker in voices.BASE:
        files = [teacher.recording(number, speaker)[0] for number in range(_PROMPTS)]
        clean = [soundfile.read(file, dtype="float32")[0] for file in files]
        for way, waves in recordings(clean, rng).items():
            for window in WINDOWS:
                voice = tts.enroll([wave_file(wave) for wave in waves], options=EnrollOptions(window=window)).voice
                spoken = speak(tts, texts, 1, voice=voice)
                off = abs(median_pitch_hz(spoken) / speaker.pitch - 1)
                errors = [word_errors(s.text, ear(s.wave)) for s in spoken]
                likeness = encoder.likeness([s.wave for s in spoken], clean)
                found.setdefault((way, window), []).append((off, likeness, errors))
    for (way, window), rows in found.items():
        yield {
            "recording": way,
            "window": window,
            "right_speaker": sum(off < _NEAR for off, _, _ in rows),
            "speakers": len(rows),
            "likeness": round(float(np.mean([likeness for _, likeness, _ in rows])), 3),
            "word_error_rate": round(rate([e for _, _, errors in rows for e in errors]), 3),
        }


def run(trial: Trial) -> dict[str, Any]:
    """Every window."""
    texts = trial.texts[:_TEXTS]
    with tempfile.TemporaryDirectory() as folder, trial.open("int8") as tts:
        return {"texts": len(texts), "rows": list(measure(tts, Teacher(Path(folder)), trial.ear, texts))}

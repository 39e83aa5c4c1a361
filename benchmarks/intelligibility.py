"""Suite: can a trained voice be understood?

Forty sentences that training never saw, as said by a clone of each base voice, with and without the prompt's
transcript, and by created voices. Next to them espeak-ng, which training heard, and its sound through the codec and
back: what the language model could reach at best.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.judge import Ear, interval, median_pitch, rate, word_errors
from benchmarks.likeness import SpeakerEncoder
from benchmarks.voice import Spoken, Trial, median_pitch_hz, median_seconds, speak, wave_file
from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.runtime.voices.style import LEVELS
from training import voices

log = logging.getLogger(__name__)
_CONTROLS = 10
"""Sentences that are damaged on purpose."""
_FEW = 5
"""Sentences at each level of pitch and speed."""
_MOSTLY_WRONG = 0.5
"""Share of wrong words from which on an answer should have been rejected."""


def figures(spoken: Sequence[Spoken], ear: Ear) -> dict[str, Any]:
    """How well some sentences are understood, and what the guards made of them."""
    heard = [ear(s.wave) for s in spoken]
    errors = [word_errors(s.text, text) for s, text in zip(spoken, heard, strict=True)]
    bad = [e.wrong > _MOSTLY_WRONG * e.words for e in errors]
    rejected = [s.stop_reason != "end" for s in spoken]
    low, high = interval(errors)
    return {
        "sentences": len(spoken),
        "word_error_rate": round(rate(errors), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "right": sum(not e.wrong for e in errors),
        "rejected": sum(rejected),
        "bad_and_rejected": sum(b and r for b, r in zip(bad, rejected, strict=True)),
        "bad_and_accepted": sum(b and not r for b, r in zip(bad, rejected, strict=True)),
        "seconds": round(median_seconds(spoken), 3),
        "pitch_hz": round(median_pitch_hz(spoken), 1),
        "heard": heard,
    }


def controls(trial: Trial) -> Iterator[dict[str, Any]]:
    """The teacher, unharmed and with planted faults."""
    teacher, few = trial.teacher, trial.texts[:_CONTROLS]
    backwards = [Spoken(s.text, s.wave[::-1].copy()) for s in teacher.say(few)]
    yield _row(trial, "espeak-ng", teacher.say(trial.texts))
    yield _row(trial, "espeak-ng, backwards", backwards)
    yield _row(trial, "espeak-ng, a word cut out", teacher.say_without_a_word(few))


def codec(tts: SparkTTSONNX, trial: Trial) -> dict[str, Any]:
    """The teacher's sound through the codec and back."""
    through = []
    for spoken in trial.teacher.say(trial.texts):
        voice = tts.enroll([wave_file(spoken.wave)], spoken.text).voice
        assert voice.semantic_ids is not None, "a transcript was given"
        through.append(Spoken(spoken.text, tts._engine.vocoder.decode(voice.semantic_ids, voice.global_ids)))
    return _row(trial, "espeak-ng through the codec", through)


def clones(tts: SparkTTSONNX, trial: Trial) -> Iterator[dict[str, Any]]:
    """Each base voice, with and without the transcript of its prompt."""
    encoder = SpeakerEncoder()
    for number, speaker in enumerate(voices.BASE):
        prompt, transcript = trial.teacher.recording(number, speaker)
        normal = median_seconds(trial.teacher.say(trial.texts, [speaker]))
        for known in (None, transcript):
            voice = tts.enroll([wave_file(prompt)], known).voice
            spoken = speak(tts, trial.texts, 1, voice=voice)
            row = _row(trial, f"{speaker.name}, {'with' if known else 'no'} transcript", spoken)
            yield row | {
                "likeness": round(encoder.likeness([s.wave for s in spoken], [prompt]), 3),
                "duration_ratio": round(row["seconds"] / normal, 2),
                "pitch_ratio": round(row["pitch_hz"] / median_pitch(prompt), 2),
            }


def created(tts: SparkTTSONNX, trial: Trial) -> Iterator[dict[str, Any]]:
    """Created voices: the middle one, and how they follow the levels of pitch and of speed."""
    few = trial.texts[:_FEW]
    for gender in voices.PITCHES:
        middle = {"gender": gender, "pitch": "moderate", "speed": "moderate"}
        pitches = [speak(tts, few, 1, **middle | {"pitch": level}) for level in LEVELS]
        speeds = [speak(tts, few, 1, **middle | {"speed": level}) for level in LEVELS]
        yield _row(trial, f"created, {gender}", speak(tts, trial.texts, 1, **middle)) | {
            "pitch_by_level": [round(median_pitch_hz(some), 1) for some in pitches],
            "seconds_by_level": [round(median_seconds(some), 2) for some in speeds],
        }


def _row(trial: Trial, name: str, spoken: Sequence[Spoken]) -> dict[str, Any]:
    row = {"voice": name, **figures(spoken, trial.ear)}
    log.info("%s: %.3f of the words wrong", name, row["word_error_rate"])
    return row


def faults(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Planted faults that the judge did not notice."""
    found = {row["voice"]: row["word_error_rate"] for row in rows}
    planted = [name for name in found if name.startswith("espeak-ng, ")]
    return [f"the judge heard no fault in {name}" for name in planted if not found[name] > found["espeak-ng"]]


def run(trial: Trial) -> dict[str, Any]:
    """Every voice, in float32."""
    with trial.open("fp32") as tts:
        rows = [*controls(trial), codec(tts, trial), *clones(tts, trial), *created(tts, trial)]
    return {"precision": "fp32", "rows": rows}

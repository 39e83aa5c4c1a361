"""Which part of a recording the speaker encoder should hear: `python -m benchmarks.reference_windows --model DIR`.

Every base voice is recorded (by espeak-ng, with texts and settings that training never saw) in ways that people record:
clean, with a long silence first, noisy at the beginning, clipped at the beginning, and as three recordings. Each is
enrolled with every window; the voice is right when it speaks at the pitch of its speaker (the base voices differ by
50 Hz).
"""

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.machine import describe
from benchmarks.recognizer import SAMPLE_RATE, Wave, median_pitch
from benchmarks.report import RESULTS, windows
from benchmarks.voice import Teacher, listed, speak
from sparktts_onnx import EnrollOptions, SparkTTSONNX, Voice
from training import voices

WINDOWS = ("first", "best", "all")


def recordings(clean: list[Wave], rng: np.random.Generator) -> dict[str, list[Wave]]:
    """What people hand in, from three clean recordings of one speaker."""
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


def measure(model: Path, texts: int) -> Iterator[dict[str, Any]]:
    """A row for every way of recording and every window, over the base voices."""
    about = listed()
    rng = np.random.default_rng(0)
    pitches: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, SparkTTSONNX(model) as tts:
        teacher = Teacher(Path(folder))
        for speaker in voices.BASE:
            clean = [
                soundfile.read(teacher.recording(i, speaker)[0], dtype="float32")[0]
                for i in range(len(about["prompts"]))
            ]
            for way, waves in recordings(clean, rng).items():
                for window in WINDOWS:
                    voice = _enrolled(tts, waves, window)
                    spoken = speak(tts, about["sentences"][:texts], 1, voice=voice)
                    heard = float(np.median([median_pitch(s.wave) for s in spoken]))
                    pitches.setdefault((way, window), []).append(abs(heard / speaker.pitch - 1))
    for (way, window), errors in pitches.items():
        yield {
            "recording": way,
            "window": window,
            "pitch_error": round(float(np.mean(errors)), 3),
            "right_speaker": sum(error < 0.15 for error in errors),
            "speakers": len(errors),
        }


def _enrolled(tts: SparkTTSONNX, waves: list[Wave], window: str) -> Voice:
    files = []
    for wave in waves:
        file = io.BytesIO()
        soundfile.write(file, wave, SAMPLE_RATE, format="WAV")
        file.seek(0)
        files.append(file)
    return tts.enroll(files, options=EnrollOptions(window=window)).voice


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure which reference window gives the right speaker.")
    parser.add_argument("--model", type=Path, required=True, help="bundle of the small voice")
    parser.add_argument("--texts", type=int, default=2, help="sentences spoken with each voice (default: 2)")
    given = parser.parse_args()
    rows = list(measure(given.model, given.texts))
    report = {"rows": rows, "machine": describe()}
    (RESULTS / "reference_windows.json").write_text(json.dumps(report, indent=1) + "\n")
    print(windows(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

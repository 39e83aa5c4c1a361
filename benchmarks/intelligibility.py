"""Can the small voice be understood? On texts and prompts that its training never saw.

    python -m benchmarks.intelligibility --model pretrained_models/Spark-TTS-mini/onnx

Says the sentences of `training/evaluation.json` as a clone of each base voice, with and without the
prompt's transcript, and as created voices, and lets a recognizer judge. espeak-ng saying the same is the
measure, the same sound backwards the control. Writes JSON, and a table for the model card.
"""

import argparse
import datetime
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.recognizer import SAMPLE_RATE, ClosedSet, Dictation, median_pitch, plain, word_errors
from benchmarks.voice import Spoken, Teacher, evaluation_texts, speak
from sparktts_onnx import EnrollOptions, SparkTTSONNX
from training import voices

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parent.parent
LEVELS = ("very_low", "low", "moderate", "high", "very_high")


@dataclass(frozen=True)
class Figures:
    """How well one voice said the sentences."""

    sentences: int
    """How many there were."""
    recognized: int
    """How many a recognizer that knows the sentences took for themselves."""
    reversed_recognized: int
    """The same of the sound backwards: the control."""
    word_error_rate: float
    """Of a recognizer for any English."""
    seconds: float
    """Length of the median sentence."""
    pitch_hz: float
    """Median over the sentences of their median pitch."""
    ended: float
    """Share of the sentences at whose end the model stopped by itself."""


class Judge:
    """Recognizers, set up once."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._closed, self._open = ClosedSet(sentences), Dictation()

    def figures(self, spoken: Sequence[Spoken]) -> Figures:
        """Judge one voice."""
        errors = [word_errors(s.text, self._open.recognize(s.wave)) for s in spoken]
        return Figures(
            sentences=len(spoken),
            recognized=sum(self._closed.recognize(s.wave) == plain(s.text) for s in spoken),
            reversed_recognized=sum(self._closed.recognize(s.wave[::-1].copy()) == plain(s.text) for s in spoken),
            word_error_rate=round(sum(e for e, _ in errors) / sum(n for _, n in errors), 3),
            seconds=round(float(np.median([len(s.wave) / SAMPLE_RATE for s in spoken])), 3),
            pitch_hz=round(float(np.median([median_pitch(s.wave) for s in spoken])), 1),
            ended=round(sum(s.stop_reason == "end" for s in spoken) / len(spoken), 3),
        )


def clones(
    tts: SparkTTSONNX, judge: Judge, teacher: Teacher, texts: Sequence[str], seed: int
) -> Iterator[dict[str, Any]]:
    """Each base voice, with and without the transcript of its prompt."""
    for number, speaker in enumerate(voices.BASE):
        reference = judge.figures(teacher.say(texts, speaker))
        path, transcript = teacher.recording(number, speaker)
        prompt_pitch = median_pitch(soundfile.read(path, dtype="float32")[0])
        for known in (None, transcript):
            voice = tts.enroll([path], known, options=EnrollOptions(trim=True)).voice
            figures = judge.figures(speak(tts, texts, seed, voice=voice))
            row = {"voice": speaker.name, "gender": speaker.gender, "transcript": known is not None}
            yield row | {
                **asdict(figures),
                "reference": asdict(reference),
                "word_error_ratio": round(figures.word_error_rate / max(reference.word_error_rate, 0.01), 2),
                "duration_ratio": round(figures.seconds / reference.seconds, 2),
                "pitch_ratio": round(figures.pitch_hz / prompt_pitch, 2),
            }
            log.info("%s transcript=%s %s", speaker.name, known is not None, figures)


def created(tts: SparkTTSONNX, judge: Judge, texts: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """Created voices over the levels of pitch and of speed, and how well the middle one is understood."""
    for gender in voices.PITCHES:
        few = texts[:5]
        by_pitch = [_said(tts, few, seed, gender=gender, pitch=level, speed="moderate") for level in LEVELS]
        by_speed = [_said(tts, few, seed, gender=gender, pitch="moderate", speed=level) for level in LEVELS]
        pitches = [round(float(np.median([median_pitch(s.wave) for s in said])), 1) for said in by_pitch]
        seconds = [round(float(np.mean([len(s.wave) / SAMPLE_RATE for s in said])), 2) for said in by_speed]
        middle = judge.figures(speak(tts, texts, seed, gender=gender, pitch="moderate", speed="moderate"))
        log.info("created %s %s %s %s", gender, pitches, seconds, middle)
        yield {"gender": gender, "pitch_hz": pitches, "seconds": seconds, "moderate": asdict(middle)} | {
            "pitch_rises": all(a < b for a, b in pairwise(pitches)),
            "gets_faster": all(a > b for a, b in pairwise(seconds)),
        }


def _said(tts: SparkTTSONNX, texts: Sequence[str], seed: int, **style: str) -> list[Spoken]:
    return speak(tts, texts, seed, **style)


def table(report: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "| voice | recognized | backwards | word errors (espeak-ng) | ratio | duration | pitch | stops |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["clones"]:
        name = f"{row['voice']}, {row['gender']}" + (", with transcript" if row["transcript"] else "")
        errors = f"{row['word_error_rate']:.2f} ({row['reference']['word_error_rate']:.2f})"
        cells = [f"{row['recognized']}/{row['sentences']}", f"{row['reversed_recognized']}/{row['sentences']}", errors]
        cells += [f"{row[key]:.2f}" for key in ("word_error_ratio", "duration_ratio", "pitch_ratio")]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['ended']:.0%} |")
    lines += ["", "| created | recognized | pitch by level, Hz | seconds by speed level |", "|---|---|---|---|"]
    for row in report["created"]:
        middle = f"{row['moderate']['recognized']}/{row['moderate']['sentences']}"
        pitch, seconds = (" ".join(f"{v:g}" for v in row[key]) for key in ("pitch_hz", "seconds"))
        lines.append(f"| {row['gender']} | {middle} | {pitch} | {seconds} |")
    return "\n".join(lines) + "\n"


def measure(model: Path, seed: int) -> dict[str, Any]:
    """Everything, as one report."""
    texts = evaluation_texts()
    judge = Judge(texts)
    with tempfile.TemporaryDirectory() as folder, SparkTTSONNX(model) as tts:
        teacher = Teacher(Path(folder))
        cloned = list(clones(tts, judge, teacher, texts, seed=seed))
        made = list(created(tts, judge, texts, seed))
    return {"date": datetime.date.today().isoformat(), "seed": seed, "clones": cloned, "created": made}


def _machine() -> dict[str, Any]:
    import importlib.metadata
    import os
    import platform

    names = ("sparktts-onnx", "onnxruntime", "numpy", "pocketsphinx")
    versions = {name: importlib.metadata.version(name) for name in names}
    return {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()} | versions


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure how well the small voice can be understood.")
    parser.add_argument("--model", type=Path, required=True, help="bundle, or checkpoint folder that holds one")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "intelligibility.json")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    report = measure(given.model, given.seed) | {"machine": _machine()}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(report, indent=1) + "\n")
    sys.stdout.write(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.speech CHECKPOINT --whisper WHISPER`: what Whisper hears of a trained voice.

Suites: precision (what smaller weights cost), intelligibility (whether the voice can be understood), streaming (what a
look-ahead costs and gives), windows (which part of a recording to hear) and words (whether all are said, and when).
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import intelligibility, precision, reference_windows, words
from benchmarks.judge import whisper
from benchmarks.machine import describe
from benchmarks.material import convert
from benchmarks.report import RESULTS, SPEECH_TABLES, precision_faults
from benchmarks.voice import PRECISIONS, UNSEEN_TEXTS, Trial

SUITES: Mapping[str, Callable[[Trial], dict[str, Any]]] = {
    "precision": precision.run,
    "intelligibility": intelligibility.run,
    "streaming": precision.streaming,
    "windows": reference_windows.run,
    "words": words.run,
}


def faults(suite: str, report: Mapping[str, Any]) -> list[str]:
    """What makes the command fail: a precision outside its bounds, a planted fault that was not heard."""
    if suite == "precision":
        return [f"{name}: {fault}" for name, found in precision_faults(report).items() for fault in found]
    return intelligibility.faults(report["rows"]) if suite == "intelligibility" else []


def main() -> int:
    """Run the suites; returns 1 where one has a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speech", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint", type=Path, help="a trained checkpoint")
    add("--whisper", help="folder with Whisper in CTranslate2's format, or a model's name on the hub, such as base")
    add("--bundles", type=Path, default=Path("build/benchmarks/voice"), help="made where they are absent")
    add("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    add("--texts", type=int, default=len(UNSEEN_TEXTS), help="sentences by each voice (default: all 40)")
    add("--threads", type=int, default=2)
    add("--output", type=Path, default=RESULTS, help="folder for a file of results a suite")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("benchmarks").setLevel(logging.INFO)
    ear = whisper(given.whisper, threads=given.threads)
    for name in PRECISIONS:
        convert(given.checkpoint, given.bundles / name, name)
    trial = Trial(given.checkpoint, given.bundles, ear, UNSEEN_TEXTS[: given.texts], given.threads)
    found = []
    for suite in given.suites:
        report = {**SUITES[suite](trial), "threads": given.threads, "machine": describe()}
        (given.output / f"{suite}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"\n{SPEECH_TABLES[suite](report)}")
        found += faults(suite, report)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.guards BUNDLE`: how often a guard fires on good speech of a trained voice, as JSON.

Every sentence is spoken by several kept voices with several seeds. A first attempt that a guard rejects is counted,
and its sentence, voice and seed are told, so that a person can listen to it.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.evaluation import evaluation_texts, kept_voice
from sparktts_onnx import SparkTTSONNX, SpeechInfo, Voice

RESULTS = Path(__file__).resolve().parent / "results" / "guards.json"
GENDERS = ("female", "male")
LARGEST_SHARE = 1 / 200
_log = logging.getLogger(__name__)


def items(voices: Mapping[str, Voice], seeds: int) -> Iterator[dict[str, Any]]:
    """What is spoken; a guard that fires ends the only attempt."""
    for seed in range(seeds):
        for voice in voices.values():
            for number, text in enumerate(evaluation_texts()):
                yield {"text": text, "voice": voice, "seed": 1000 * seed + number, "retries": 0}


def fired(item: Mapping[str, Any], info: SpeechInfo) -> dict[str, Any] | None:
    """What is to be told of an item that a guard rejected."""
    if info.stop_reason == "end":
        return None
    told = {"text": item["text"], "voice": item["voice"].name, "seed": item["seed"]}
    return {**told, "reason": info.stop_reason, "tokens": info.tokens, "seconds": round(info.duration_seconds, 2)}


def measure(bundle: Path, seeds: int, threads: int) -> dict[str, Any]:
    """Speak everything and count."""
    with SparkTTSONNX(bundle, device="cpu", threads=threads) as tts:
        voices = {gender: kept_voice(tts, gender=gender).renamed(gender) for gender in GENDERS}
        asked = list(items(voices, seeds))
        found: list[dict[str, Any]] = []
        for result in tts.iter_batch(asked):
            _, info = result.get()
            if (told := fired(asked[result.index], info)) is not None:
                _log.info("%s", told)
                found.append(told)
    share = len(found) / len(asked)
    return {"spoken": len(asked), "fired": len(found), "share": share, "allowed": LARGEST_SHARE, "rejected": found}


def main() -> int:
    """Measure and write the results; returns 1 where guards fire too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="bundle of a trained voice")
    parser.add_argument("--seeds", type=int, default=6, help="times that every sentence is spoken by each voice")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    _log.setLevel(logging.INFO)
    report = measure(given.bundle, given.seeds, given.threads)
    given.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{report['fired']} of {report['spoken']} rejected ({report['share']:.2%}, allowed {report['allowed']:.2%})")
    return 0 if report["share"] <= report["allowed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())

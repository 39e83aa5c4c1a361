"""`python -m benchmarks.pages`: `docs/precision.md`, `docs/streaming.md`, `docs/voices.md`, from files of results."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import markdown, number
from benchmarks.settings import DEFAULT_PRECISION

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"

Report = Mapping[str, Any]

FLOORS: Mapping[str, tuple[float, bool]] = {
    "kl": (0.1, False),
    "argmax_agreement": (0.8, True),
    "wave_snr_db": (30.0, True),
    "log_mel_db": (0.5, False),
}
"""Bound of a measure, and whether it is the least; a precision outside one is not offered."""
_BESIDE_FLOAT32: Mapping[str, float] = {"word_error_rate": 0.05, "speaker_similarity": -0.03}
"""How far from float32's own figure a measure of what a precision speaks by itself may be; negative: below it."""


def faults(row: Report, reference: Report) -> list[str]:
    """The floors that a precision fails."""
    found = [
        f"{measure} is {number(row[measure])}, {'at least' if least else 'at most'} {bound:g} is allowed"
        for measure, (bound, least) in FLOORS.items()
        if not (row[measure] >= bound if least else row[measure] <= bound)
    ]
    for measure, room in _BESIDE_FLOAT32.items():
        excess = (row[measure] - reference[measure]) / room
        if not excess <= 1:
            found.append(f"{measure} is {number(row[measure])}, float32's {number(reference[measure])}")
    return found


def precision_page(report: Report) -> str:
    """The page about precisions."""
    rows = report["precisions"]
    head = ["", *rows]
    measures = {
        "logits: deviation over spread, mean": "logit_error",
        "logits: deviation over spread, worst position": "logit_error_worst",
        "KL divergence from float32, nats, mean": "kl",
        "KL divergence from float32, nats, worst position": "kl_worst",
        "likeliest id the same": "argmax_agreement",
        "wave of the same ids: SNR, dB, worst sentence": "wave_snr_db",
        "wave of the same ids: log-mel distance, dB, worst sentence": "log_mel_db",
        "sentences recognized (closed set)": "recognized",
        "word error rate (open dictation)": "word_error_rate",
        "speaker vector, cosine to another rendition by float32": "speaker_similarity",
    }
    body = [[what, *(number(row[key]) for row in rows.values())] for what, key in measures.items()]
    body.append(["bundle, MB", *(f"{row['bundle_bytes'] / 1e6:.1f}" for row in rows.values())])
    body.append(["fails", *("; ".join(faults(row, rows["fp32"])) or "nothing" for row in rows.values())])
    original = report["codec_in_bfloat16"]
    positions = int(next(iter(rows.values()))["positions"])
    floors = ", ".join(f"{key} {'≥' if least else '≤'} {bound:g}" for key, (bound, least) in FLOORS.items())
    return "\n\n".join(
        (
            "# Precision: what smaller weights cost the voice",
            "Written by `python -m benchmarks.pages` from `benchmarks/results/precision.json`, which "
            "`python -m benchmarks.precision` measured. Do not edit.",
            f"Measured on this project's own trained voice ({report['checkpoint']}), on texts that no training "
            "stage has seen. The logits of every precision are compared with those of float32 at "
            f"{positions} positions of {report['texts']} sequences that float32 sampled; the waves are of the same "
            "ids; for the last rows every precision speaks the whole set of sentences by itself, three times with "
            "other seeds, so those differ by the dice as well.",
            markdown(head, body),
            f"A precision outside one of these bounds would not be offered: {floors}; word error rate and speaker "
            f"vector within {' and '.join(f'{room:+g}' for room in _BESIDE_FLOAT32.values())} of float32's own.",
            f"Convert with `--precision {DEFAULT_PRECISION}` for a CPU, where speed counts: it is inside every bound "
            "above, and [benchmarks.md](benchmarks.md) tells what it gains. Without the option the bundle is float32, "
            "which equals the original. In all but fp32 the larger graphs of the codec keep their weights as float16 "
            "in the file and compute in float32; in int8 and int4 the wave generator computes in 8-bit integers, but "
            "for its last block. For comparison: PyTorch's codec in bfloat16 comes to "
            f"{number(original['wave_snr_db'])} dB, and {number(original['log_mel_db'])} dB of log-mel distance, with "
            "the same ids. Every conversion measures "
            "what its own checkpoint loses and prints it. A model as small as this one loses more to rounding than the "
            "published one, whose products are six times as wide.",
            "",
        )
    )


def streaming_page(report: Report, guards: Report | None) -> str:
    """The page about streams."""
    head = ["look-ahead, ids", "SNR, dB", "worst, dB", "log-mel distance, dB", "largest difference"]
    head += ["ids before the first sound", "first sound, s"]
    keys = ["snr_db", "worst_snr_db", "log_mel_db", "largest_difference", "ids_before_sound", "first_sound_seconds"]
    body = [[look, *(number(row[key]) for key in keys)] for look, row in report["look_ahead"].items()]
    parts = [
        "# Streaming: what look-ahead costs and gives",
        "Written by `python -m benchmarks.pages` from `benchmarks/results/streaming.json`, which "
        "`python -m benchmarks.streaming` measured. Do not edit.",
        f"The same ids of {report['texts']} sentences of the project's own trained voice become sound in one piece and "
        "chunk by chunk; the table compares the two (full scale is 1; medians over the sentences). A chunk is computed "
        "with all the sound before it as context and with as many ids after it as the look-ahead says; the next chunk "
        "is cross-faded in; 200 dB stands for the same bits. The bundle is int8: its wave generator rounds to 8 bits, "
        "so a little that is missing around an id makes a difference of that size. The published model's codec "
        "reaches 66 ids to each side, that of the small voice fewer.",
        markdown(head, body),
        f"First sound with {report['threads']} threads on {report['machine']['cpu']}, {report['machine']['cores']} "
        "cores, with a kept voice, the model loaded. For the full-size model see [benchmarks.md](benchmarks.md).",
    ]
    if guards is not None:
        parts += [
            "## Guards on good speech",
            "A stream holds an attempt back until its first sound can be made. A guard that rejects it before then "
            "costs nothing but time; afterwards what was heard stays, and `info` and a warning tell why the segment "
            "ended. A long silence is told in the same way, since it has been heard.",
            f"Of {guards['spoken']} sentences that the trained voice spoke, guards rejected {guards['fired']} "
            f"({guards['share']:.2%}; {guards['allowed']:.2%} are allowed). Measured by `python -m benchmarks.guards`.",
        ]
    return "\n\n".join([*parts, ""])


def voices_page(report: Report) -> str:
    """The page about reference windows."""
    windows = list(dict.fromkeys(row["window"] for row in report["rows"]))
    body = []
    for way in dict.fromkeys(row["recording"] for row in report["rows"]):
        cells = {row["window"]: row for row in report["rows"] if row["recording"] == way}
        body.append([way, *(_heard(cells[window]) for window in windows)])
    return "\n\n".join(
        (
            "# Voices: which part of a recording to hear",
            "Written by `python -m benchmarks.pages` from `benchmarks/results/reference_windows.json`, which "
            "`python -m benchmarks.reference_windows` measured. Do not edit.",
            "The original hears a speaker in the first seconds of a recording (`first`, what `process_prompt` does). "
            "`best`, the default of `spark-tts-onnx voices enroll` and of the server, takes the stretch "
            "of that length with the most speech and the least noise and clipping; `all` gives the speaker encoder "
            "everything, joined.",
            f"Each of {report['rows'][0]['speakers']} base voices of the project's own trained voice was recorded, "
            "with texts and settings that training never saw, in ways that people record. The table tells how many of "
            "the voices then speak at the pitch of their speaker (within 15 %), and how far off they are on average.",
            markdown(["recording", *windows], body),
            f"Right over all recordings: {_right(report, windows)}.",
            "",
        )
    )


def _right(report: Report, windows: list[str]) -> str:
    counts = {w: sum(row["right_speaker"] for row in report["rows"] if row["window"] == w) for w in windows}
    of = sum(row["speakers"] for row in report["rows"]) // len(windows)
    return ", ".join(f"`{window}` {count} of {of}" for window, count in counts.items())


def _heard(cell: Report) -> str:
    return f"{cell['right_speaker']} of {cell['speakers']}, {cell['pitch_error']:.0%} off"


def pages() -> dict[Path, str]:
    """Every page whose results there are."""
    found: dict[Path, str] = {}
    if (precision := _read("precision.json")) is not None:
        found[DOCS / "precision.md"] = precision_page(precision)
    if (streaming := _read("streaming.json")) is not None:
        found[DOCS / "streaming.md"] = streaming_page(streaming, _read("guards.json"))
    if (windows := _read("reference_windows.json")) is not None:
        found[DOCS / "voices.md"] = voices_page(windows)
    return found


def _read(name: str) -> Report | None:
    path = RESULTS / name
    if not path.is_file():
        return None
    report: Report = json.loads(path.read_text(encoding="utf-8"))
    return report


def main() -> int:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.report`: fill in the figures of every page from the files of results.

A page marks the place of a table with `<!-- figures: NAME -->` and `<!-- end of figures -->`; what stands between the
marks is replaced, the rest is written by hand.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.harness import find, ratio

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGES = ("README.md", "docs/*.md", "pretrained_models/*/README.md")
_MARKED = re.compile(r"(<!-- figures: (.+?) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A row of the table of speeds: one metric of one case, for every contender."""

    what: str
    suite: str
    case: str
    """The beginning of its name."""
    metric: str
    way: str = ""
    """What follows the contender's name: `, streamed`."""
    less_is_better: bool = False

    def value(self, report: Report, contender: str) -> float | str | None:
        """The median; a sentence where the output was wrong."""
        cases = dict.fromkeys(r["case"] for r in report["results"] if r["suite"] == self.suite)
        case = next((name for name in cases if name.startswith(self.case)), "")
        found = find(report["results"], self.suite, case, contender + self.way)
        if found is None:
            return None
        return f"WRONG: {found['fault']}" if found["fault"] else found["medians"].get(self.metric)


_LM, _E2E, _BATCH = "language model", "end to end", "texts together"
BASE = "PyTorch float32"
CONTENDERS = (BASE, "PyTorch bfloat16", *(f"ours {p}" for p in ("fp32", "fp16", "int8", "int4")))
PEERS = ("llama.cpp Q8_0, cut head", "llama.cpp Q4_0, cut head")
FIGURES = (
    Figure("reading a prompt of 300 tokens, tokens/s", _LM, "300", "prefill"),
    Figure("writing after 60 tokens, tokens/s", _LM, "60", "decode"),
    Figure("writing after 300 tokens, tokens/s", _LM, "300", "decode"),
    Figure("… in a plain loop, without the scheduler", _LM, "8 answers", "decode", ", plain loop"),
    Figure("… through the scheduler, 1 answer", _LM, "8 answers", "decode", ", 1 at once"),
    Figure("… 8 answers at once", _LM, "8 answers", "decode", ", 8 at once"),
    Figure("codec, 1 s of sound, times real time", "codec", "1 s", "real_time"),
    Figure("codec, 10 s of sound, times real time", "codec", "10 s", "real_time"),
    Figure("enrollment, 6 s, with transcript, s", "enrollment", "6 s", "seconds", less_is_better=True),
    Figure("enrollment, 6 s, without, s", "enrollment", "6 s", "seconds", ", no transcript", less_is_better=True),
    Figure("a sentence to a file, times real time", _E2E, "middle", "real_time"),
    Figure("first sound of its stream, s", _E2E, "middle", "first_audio_seconds", ", streamed", less_is_better=True),
    Figure("four sentences to a file, times real time", _E2E, "long", "real_time"),
    Figure("many texts one by one, times real time", _BATCH, "", "real_time", ", one by one"),
    Figure("many texts together, times real time", _BATCH, "", "real_time", ", together"),
    Figure("process start to first sound, s", "process", "short", "first_audio_seconds", less_is_better=True),
    Figure("… with packed weights, s", "process", "short", "first_audio_seconds", ", packed", less_is_better=True),
    Figure("peak resident memory, a sentence, MB", "process", "short", "resident_mb", less_is_better=True),
    Figure("peak resident memory, four sentences, MB", "process", "long", "resident_mb", less_is_better=True),
)


def speed(report: Report) -> str:
    """Every figure of a run, in brackets how many times better than PyTorch in float32; then what it was run on."""
    columns = [name for name in (*CONTENDERS, *PEERS) if any(r["contender"] == name for r in report["results"])]
    body = []
    for figure in FIGURES:
        base = replace(figure, way="").value(report, BASE)
        cells = [_compared(figure.value(report, name), base, figure) for name in columns]
        if any(cells):
            body.append([figure.what, *cells])
    for key, what in (("bundle_bytes", "bundle, MB"), ("speaking_bytes", "of it for speaking with kept voices, MB")):
        sizes = [report["disk"].get(name.split()[-1], {}).get(key) for name in columns]
        body.append([what, *("" if size is None else f"{size / 1e6:.0f}" for size in sizes)])
    return f"{markdown(['', *columns], body)}\n\n{conditions(report)}"


def _compared(value: float | str | None, base: float | str | None, figure: Figure) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(base, float | int) or base == value:
        return number(value)
    gain = ratio(base, value) if figure.less_is_better else ratio(value, base)
    return f"{number(value)} ({times(gain)})"


def conditions(report: Report) -> str:
    """When and on what a run was made."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    extras = machine["gpu"] or ", ".join(machine["flags"])
    load = " / ".join(f"{value:g}" for value in report["load_average"]["before"])
    return (
        f"One run of {report['minutes']:g} minutes on {report['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:g} GB, {extras}; {machine['system']}, Python {machine['python']}, {versions}. Every "
        f"side computed with {report['threads']} threads; medians of up to {report['rounds']} interleaved rounds; load "
        f"average before the run {load}. {report['note']}".rstrip()
    )


_8, _4, _WRITE, _READ = "ours int8", "ours int4", "writing after 300", "reading"
_ONE, _EIGHT, _PLAIN, _CODEC = "… through", "… 8 answers", "… in a plain", "codec, 10 s"
GAINS = (
    ("8-bit weights and activations, writing", (_WRITE, _8), (_WRITE, "ours fp32")),
    ("4-bit weights over 8-bit ones, writing", (_WRITE, _4), (_WRITE, _8)),
    ("4-bit weights over 8-bit ones, reading a prompt", (_READ, _4), (_READ, _8)),
    ("eight answers in one step, int8", (_EIGHT, _8), (_ONE, _8)),
    ("eight answers in one step, int4", (_EIGHT, _4), (_ONE, _4)),
    ("the scheduler over a plain loop, int8", (_ONE, _8), (_PLAIN, _8)),
    ("the scheduler over a plain loop, int4", (_ONE, _4), (_PLAIN, _4)),
    ("int8 over llama.cpp Q8_0, writing", (_WRITE, _8), (_WRITE, PEERS[0])),
    ("int4 over llama.cpp Q4_0, writing", (_WRITE, _4), (_WRITE, PEERS[1])),
    ("codec in 8-bit integers over PyTorch", (_CODEC, _8), (_CODEC, BASE)),
    ("packed weights, process start to first sound", ("… with packed", _8), ("process start", _8)),
    ("many texts together over one by one, int8", ("many texts together", _8), ("many texts one", _8)),
)
"""What each choice gives: a figure of one contender over a figure of another."""


def gains(reports: Mapping[str, Report]) -> str:
    """What each choice gives, on every machine."""
    body = []
    for what, *pair in GAINS:
        cells = []
        for report in reports.values():
            figures = [next(f for f in FIGURES if f.what.startswith(start)) for start, _ in pair]
            ours, other = (figure.value(report, name) for figure, (_, name) in zip(figures, pair, strict=True))
            if isinstance(ours, str) or isinstance(other, str):
                cells.append("")  # a wrong output has no rate
            else:
                cells.append(times(ratio(other, ours) if figures[0].less_is_better else ratio(ours, other)))
        body.append([what, *cells])
    return markdown(["", *reports], body)


_PRECISION = {
    "logits: deviation over spread, mean": "logit_error",
    "KL divergence from float32, nats, mean": "kl",
    "likeliest token the same": "argmax_agreement",
    "wave of the same tokens: SNR, dB, worst sentence": "wave_snr_db",
    "wave of the same tokens: log-mel distance, dB, worst sentence": "log_mel_db",
    "word error rate": "word_error_rate",
    "speaker vector, cosine to another rendition by float32": "speaker_similarity",
}


def precision(report: Report) -> str:
    """What each precision costs the voice."""
    rows = report["precisions"]
    body = [[what, *(number(row[key]) for row in rows.values())] for what, key in _PRECISION.items()]
    body.append(["bundle, MB", *(f"{row['bundle_bytes'] / 1e6:.1f}" for row in rows.values())])
    return markdown(["", *rows], body)


def streaming(report: Report) -> str:
    """What each look-ahead costs and gives."""
    head = ["look-ahead, ids", "SNR, dB", "worst, dB", "log-mel distance, dB", "largest difference"]
    head += ["ids before the first sound", "first sound, s"]
    keys = ["snr_db", "worst_snr_db", "log_mel_db", "largest_difference", "ids_before_sound", "first_sound_seconds"]
    body = [[look, *(number(row[key]) for key in keys)] for look, row in report["look_ahead"].items()]
    machine = report["machine"]
    return (
        f"{markdown(head, body)}\n\nMedians over {report['texts']} sentences; {report['threads']} threads on "
        f"{machine['cpu']}, {machine['cores']} cores, onnxruntime {machine['versions']['onnxruntime']}."
    )


def windows(report: Report) -> str:
    """Which window gives the right speaker, by how the recording was made."""
    names = list(dict.fromkeys(row["window"] for row in report["rows"]))
    body = []
    for way in dict.fromkeys(row["recording"] for row in report["rows"]):
        cells = [row for row in report["rows"] if row["recording"] == way]
        shown = (f"{c['right_speaker']} of {c['speakers']}, {c['pitch_error']:.0%} off" for c in cells)
        body.append([way, *shown])
    return markdown(["recording", *names], body)


def load(levels: Sequence[Report]) -> str:
    """A server under load; times as median / 95 %."""
    head = ["clients", "answers", "wrong", "refused", "failed", "first sound, s", "whole answer, s"]
    head += ["seconds of speech a second", "memory, MB"]
    body = []
    for level in levels:
        times_ = (f"{level[f'{what}_median']:.2f} / {level[f'{what}_95']:.2f}" for what in ("first", "whole"))
        counts = (str(level[key]) for key in ("clients", "answers", "wrong", "refused"))
        speech = f"{level['audio_seconds'] / level['wall_seconds']:.1f}"
        body.append([*counts, str(len(level["failures"])), *times_, speech, f"{level['memory_bytes'] / 1e6:.0f}"])
    return markdown(head, body)


def sharing(report: Report) -> str:
    """What one of two processes with the published model holds, and what another one would add."""
    body = []
    for way in ("", ", packed"):
        found = find(report["results"], "shared memory", "two processes at once", f"ours int8{way}")
        if found is not None:
            resident, share = (found["medians"][key] for key in ("resident_mb", "share_mb"))
            # Of a page that both hold, each counts half.
            body.append([f"int8{way}", number(resident), number(2 * share - resident)])
    return markdown(["", "memory of a process, MB", "a further process adds, MB"], body)


def markdown(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """A Markdown table; columns after the first are numbers as a rule."""
    lines = [list(head)]
    lines.append(["---"] + ["---:"] * (len(lines[0]) - 1))
    lines += [[cell.replace("|", "\\|") for cell in row] for row in body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def number(value: float | None) -> str:
    """Three digits, or all before the point."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    """A ratio."""
    return "" if value is None else f"{value:.2f}×"


MACHINES = {"AMD EPYC with AVX-512": "cpu", "without AVX-512": "cpu-avx2"}
TABLES: Mapping[str, Callable[[], str]] = {
    "speed cpu": lambda: speed(read("cpu")),
    "speed cpu-avx2": lambda: speed(read("cpu-avx2")),
    "speed cuda": lambda: speed(read("cuda")),
    "gains": lambda: gains({what: read(name) for what, name in MACHINES.items()}),
    "precision": lambda: precision(read("precision")),
    "streaming": lambda: streaming(read("streaming")),
    "windows": lambda: windows(read("reference_windows")),
    "load": lambda: load(read("load")),
    "sharing": lambda: sharing(read("cpu")),
}
"""Every table by its name on a page."""


def read(name: str) -> Any:
    """A file of results."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def filled(page: str) -> str:
    """A page with its tables as the results are now."""

    def table(match: re.Match[str]) -> str:
        before, name, after = match.groups()
        if name not in TABLES:
            raise SystemExit(f"a page asks for the figures {name!r}; there are {', '.join(TABLES)}")
        return f"{before}\n{TABLES[name]()}\n\n{after}"

    return _MARKED.sub(table, page)


def pages() -> dict[Path, str]:
    """Every page that has figures, as it should be."""
    paths = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return {path: filled(text) for path, text in texts.items() if _MARKED.search(text)}


def main() -> int:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

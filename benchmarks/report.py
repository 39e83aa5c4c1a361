"""`python -m benchmarks.report`: fill in the figures of every page from the files of results.

A page marks the place of a table with `<!-- figures: NAME -->` and `<!-- end of figures -->`; what stands between the
marks is replaced, the rest is written by hand.
"""

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

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
        named = (r for r in report["results"] if (r["suite"], r["contender"]) == (self.suite, contender + self.way))
        found = next((r for r in named if r["case"].startswith(self.case)), None)
        if found is None:
            return None
        values = found["values"].get(self.metric)
        return f"WRONG: {found['fault']}" if found["fault"] else values and statistics.median(values)


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
    Figure("… written word by word, s", _E2E, "middle", "first_audio_seconds", ", in pieces", less_is_better=True),
    Figure("four sentences to a file, times real time", _E2E, "long", "real_time"),
    Figure("many texts one by one, times real time", _BATCH, "", "real_time", ", one by one"),
    Figure("many texts together, times real time", _BATCH, "", "real_time", ", together"),
    Figure("process start to first sound, s", "process", "short", "first_audio_seconds", less_is_better=True),
    Figure("… with packed weights, s", "process", "short", "first_audio_seconds", ", packed", less_is_better=True),
    Figure("peak resident memory, a sentence, MB", "process", "short", "resident_mb", less_is_better=True),
    Figure("… of it not shared with others, MB", "process", "short", "anonymous_mb", less_is_better=True),
    Figure("… with packed weights, MB", "process", "short", "anonymous_mb", ", packed", less_is_better=True),
    Figure("peak resident memory, four sentences, MB", "process", "long", "resident_mb", less_is_better=True),
)


SUMMARY = ("a sentence to a file", "four sentences", "first sound", "process start", "peak resident memory, a sentence")


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


def summary(report: Report) -> str:
    """The few figures that tell most."""
    columns = (BASE, "ours int8", "ours int4")
    rows = ([f.what, *(_compared(f.value(report, n), None, f) for n in columns)] for f in map(_figure, SUMMARY))
    return markdown(["", *columns], rows)


def _compared(value: float | str | None, base: float | str | None, figure: Figure) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    gain = "" if base == value else _gain(value, base, figure)
    return f"{number(value)} ({gain})" if gain else number(value)


def _gain(value: float | str | None, other: float | str | None, figure: Figure) -> str:
    """How many times better a value is than another; what is wrong or not known has no rate."""
    if not isinstance(value, float) or not isinstance(other, float):
        return ""
    return f"{other / value if figure.less_is_better else value / other:.2f}×"


def conditions(report: Report) -> str:
    """When and on what a run was made."""
    extras = report["machine"]["gpu"] or ", ".join(report["machine"]["flags"])
    load = " / ".join(f"{value:g}" for value in report["load_average"])
    return (
        f"One run of {report['minutes']:g} minutes on {_tools(report)}, {extras}. Every side computed with "
        f"{report['threads']} threads; medians of up to {report['rounds']} interleaved rounds; load average before the "
        f"run {load}. {report['note']}".rstrip()
    )


def _tools(report: Report) -> str:
    """The day, the machine and the versions."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    return (
        f"{machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB, "
        f"{machine['system']}, Python {machine['python']}, {versions}"
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
    ("packed weights, process start to first sound", ("… with packed weights, s", _8), ("process start", _8)),
    ("many texts together over one by one, int8", ("many texts together", _8), ("many texts one", _8)),
)
"""What each choice gives: a figure of one contender over a figure of another."""


def gains(reports: Mapping[str, Report]) -> str:
    """What each choice gives, on every machine."""
    body = []
    for what, (start, name), (other_start, other) in GAINS:
        one, two = _figure(start), _figure(other_start)
        values = ((one.value(report, name), two.value(report, other)) for report in reports.values())
        body.append([what, *(_gain(*pair, one) for pair in values)])
    return markdown(["", *reports], body)


def _figure(start: str) -> Figure:
    """The first figure whose row begins so."""
    return next(figure for figure in FIGURES if figure.what.startswith(start))


_PRECISION = {
    "logits: deviation over spread, mean": "logit_error",
    "KL divergence from float32, nats, mean": "kl",
    "likeliest token the same": "argmax_agreement",
    "wave of the same tokens: SNR, dB, worst sentence": "wave_snr_db",
    "likeness to another rendition by float32": "likeness",
}
_BOUNDS: Mapping[str, tuple[float, bool]] = {
    "kl": (0.1, False),
    "argmax_agreement": (0.8, True),
    "wave_snr_db": (30.0, True),
    "likeness": (0.9, True),
}
"""Bound of a measure, and whether it is the least; a precision outside one is not offered."""
MORE_WORDS = {"int8": 0.02, "int4": 0.05}
"""How many more of the words than float32 a precision may get wrong."""


def precision(report: Report) -> str:
    """What each precision costs the voice."""
    rows = report["precisions"]
    body = [[what, *(number(row.get(key)) for row in rows.values())] for what, key in _PRECISION.items()]
    wrong = (f"{row['word_error_rate']:.1%}" if "word_error_rate" in row else "" for row in rows.values())
    body.append(["words wrong", *wrong])
    body.append(["… more than float32 (95 %)", *(_more(row) for row in rows.values())])
    body.append(["… by its codec alone, from float32's tokens", *(_more(row, "codec_") for row in rows.values())])
    body.append(["bundle, MB", *(f"{row['bundle_bytes'] / 1e6:.1f}" for row in rows.values())])
    body.append(["outside its bounds", *("; ".join(found) or "no" for found in precision_faults(report).values())])
    sentences = max(row.get("sentences", 0) for row in rows.values())
    original = number(report["codec_in_bfloat16"]["wave_snr_db"])
    about = f"{report['checkpoint']}, {sentences} sentences heard each, on {_tools(report)}"
    compared = f"PyTorch's codec in bfloat16 comes to {original} dB with the same tokens"
    return f"{markdown(['', *rows], body)}\n\n{about}. {compared}."


def precision_faults(report: Report) -> dict[str, list[str]]:
    """The bounds that each precision is outside of."""
    found: dict[str, list[str]] = {}
    for name, row in report["precisions"].items():
        found[name] = [
            f"{key} {number(row[key])}"
            for key, (bound, least) in _BOUNDS.items()
            if key in row and not (row[key] >= bound if least else row[key] <= bound)
        ]
        if name in MORE_WORDS and "more" in row and not row["more"] <= MORE_WORDS[name]:
            found[name].append(f"words wrong {row['more']:+.1%}")
    return found


def _more(row: Report, of: str = "") -> str:
    if f"{of}more" not in row:
        return ""
    return f"{row[f'{of}more']:+.1%} ({row[f'{of}low']:+.1%} to {row[f'{of}high']:+.1%})"


def intelligibility(report: Report) -> str:
    """How well a trained voice is understood, and how created voices follow their levels."""
    head = ["voice", "words wrong (95 %)", "sentences right", "likeness", "duration", "pitch"]
    body, levels = [], []
    for row in report["rows"]:
        share = f"{row['word_error_rate']:.0%} ({row['low']:.0%} to {row['high']:.0%})"
        extras = (f"{row[key]:.2f}" if key in row else "" for key in ("likeness", "duration_ratio", "pitch_ratio"))
        body.append([row["voice"], share, f"{row['right']} of {row['sentences']}", *extras])
        if "pitch_by_level" in row:
            followed = (row["pitch_by_level"], row["seconds_by_level"])
            levels.append([row["voice"], *(" ".join(f"{value:g}" for value in values) for values in followed)])
    created = markdown(["", "pitch by level, Hz", "seconds by level of speed"], levels)
    return f"{markdown(head, body)}\n\n{created}\n\nMeasured in {report['precision']} on {_tools(report)}."


def guards(report: Report) -> str:
    """What the guards rejected, and what they should have."""
    made = [row for row in report["rows"] if not row["voice"].startswith("espeak-ng")]
    head = ["answers", "rejected", "rejected, most words wrong", "accepted, most words wrong"]
    keys = ("sentences", "rejected", "bad_and_rejected", "bad_and_accepted")
    return markdown(head, [[str(sum(row[key] for row in made)) for key in keys]])


def streaming(report: Report) -> str:
    """What each look-ahead costs and gives."""
    head = ["look-ahead, tokens", "of the first chunk", "SNR, dB, worst", "first chunk, median", "worst"]
    head += ["words wrong more than in one piece", "tokens before the first sound"]
    body = []
    for row in report["rows"]:
        quality = (number(row[key]) for key in ("wave_snr_db", "first_snr_db_median", "first_snr_db_worst"))
        aheads = str(row["look_ahead"]), str(row["first_look_ahead"])
        body.append([*aheads, *quality, _more(row), str(row["ids_before_sound"])])
    return f"{markdown(head, body)}\n\n{report['texts']} sentences; {report['threads']} threads on {_tools(report)}."


def windows(report: Report) -> str:
    """Which window gives the right speaker, by how the recording was made."""
    ways: dict[str, dict[str, str]] = {}
    for row in report["rows"]:
        right, heard = f"{row['right_speaker']} of {row['speakers']}", f"{row['word_error_rate']:.1%}"
        ways.setdefault(row["recording"], {})[row["window"]] = f"{right}, {row['likeness']:.2f}, {heard}"
    head = ["recording", *dict.fromkeys(row["window"] for row in report["rows"])]
    table = markdown(head, ([way, *cells.values()] for way, cells in ways.items()))
    return f"{table}\n\n{report['texts']} sentences each, on {_tools(report)}."


def words(report: Report) -> str:
    """How well the model's attention tells where words are, and whether they are all there."""
    starts, said, own, guard = (report[key] for key in ("starts", "renditions", "answers", "guard"))
    off, on = guard["off"], guard["on"]
    rows = {
        "word starts, against espeak-ng's own events": starts["events"],
        "word starts, against forced alignment": starts["forced"],
        "letters spread evenly, against the same": starts["evenly"],
        **{f"found: {kind}": f"{found} of {count}" for kind, (found, count) in report["planted"].items()},
        "false alarms, all words being said": f"{len(said['faults'])} of {said['spoken']}",
        "answers of the model that are flagged": f"{sum(own['faults'].values())} of {own['spoken']}",
        "answers that the check replaced by another attempt": f"{guard['replaced']} of {guard['answers']}",
        "wrong words of them, without the check → with it": f"{off['wrong']} → {on['wrong']} of {on['words']}",
        "two words or more wrong of them": f"{off['two_wrong']} → {on['two_wrong']}",
        "every word right of them": f"{off['right']} → {on['right']}",
        "two words in a row too many or too few, of all": f"{off['gross']} → {on['gross']} of {guard['answers']}",
        "the same of those that the check replaced": f"{off['gross_replaced']} → {on['gross_replaced']}",
        "the same by mistake, espeak-ng having said all words": f"{said['gross']} of {said['spoken']}",
        "cost of following one answer": f"{report['microseconds_a_token']} µs a token",
    }
    return f"{markdown(['', ''], rows.items())}\n\n{report['threads']} threads on {_tools(report)}."


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


SPEECH_TABLES: Mapping[str, Callable[[Report], str]] = {
    table.__name__: table for table in (precision, intelligibility, streaming, windows, words)
}
"""Of the suites of speech, each with a suite and a file of results of its name."""


TABLES: Mapping[str, Callable[[], str]] = {
    "summary": lambda: summary(read("cpu")),
    "speed cpu": lambda: speed(read("cpu")),
    "speed cpu-avx2": lambda: speed(read("cpu-avx2")),
    "speed cuda": lambda: speed(read("cuda")),
    "gains": lambda: gains({"AMD EPYC with AVX-512": read("cpu"), "without AVX-512": read("cpu-avx2")}),
    **{name: partial(lambda name: SPEECH_TABLES[name](read(name)), name) for name in SPEECH_TABLES},
    "guards": lambda: guards(read("intelligibility")),
    "load": lambda: load(read("load")),
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
        try:
            return f"{before}\n{TABLES[name]()}\n\n{after}"
        except FileNotFoundError as error:
            return f"{before}\nNot measured yet: there is no `{Path(error.filename).name}`.\n\n{after}"

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

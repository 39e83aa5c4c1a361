"""`python -m benchmarks.report`: tables, and the pages of benchmarks with their plots, from result files."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import ratio
from benchmarks.plot import plot
from benchmarks.settings import PEERS, READ_SIZES_MIB, read_rate_name
from benchmarks.targets import CUDA_TARGETS, TARGETS, Facts, Target

ROOT = Path(__file__).resolve().parent.parent
RESULTS, DOCUMENTS = ROOT / "benchmarks" / "results", ROOT / "docs"
CPU_PAGES = {"cpu": "benchmarks", "cpu-avx2": "benchmarks-avx2"}
"""The page of each file of results."""

Report = Mapping[str, Any]
_METRICS = {
    "prefill": ("prompt, ids/s", True),
    "decode": ("answer, ids/s", True),
    "first_id_ms": ("first id, ms", False),
    "real_time": ("times real time", True),
    "seconds": ("seconds", False),
    "first_id_seconds": ("first id, s", False),
    "first_audio_seconds": ("first sound, s", False),
    "audio_seconds": ("sound, s", True),
    "resident_mb": ("resident, MB", False),
    "anonymous_mb": ("not from files, MB", False),
    "share_mb": ("shared pages divided, MB", False),
}
"""How a metric is called, and whether more is better."""
_LEADING = {
    "language model": "decode",
    "codec": "real_time",
    "enrollment": "seconds",
    "end to end": "seconds",
    "texts together": "real_time",
    "process": "first_audio_seconds",
}
"""The metric that ratios are formed of."""


def table(report: Report) -> str:
    """Every case as a Markdown table."""
    cases = list(dict.fromkeys((r["suite"], r["case"]) for r in report["results"]))
    return "\n\n".join(_case(report, suite, case) for suite, case in cases)


def document(report: Report, name: str) -> str:
    """The whole page of `benchmarks/results/<name>.json`."""
    return "\n\n".join(
        (
            *_HEADS[name],
            _conditions(report),
            "The weights are synthetic, of the published model's sizes: they are as fast as trained ones, and the "
            "benchmark says how many ids are written.",
            f"![Decoding, codec and text to file]({CPU_PAGES[name]}.svg)",
            "## What was aimed for",
            _targets(
                report, TARGETS, [precision for precision in PEERS if precision in report["settings"]["precisions"]]
            ),
            "## The machine's limits, measured in the same run",
            _rates(report["rates"]),
            "A limit in the tables below is the least time that the work can take at these rates: for decoding, "
            "reading every weight and the attention cache once a step; for the codec and enrollment, the operations "
            "of their products and convolutions at the rate of the matrix product of the same type.",
            "## Bytes",
            _disk(report),
            "## Every measurement",
            table(report),
            "",
        )
    )


_HEADS = {
    "cpu": (
        "# Benchmarks",
        "Written by `python -m benchmarks.report` from `benchmarks/results/cpu.json`; measured by `make bench` "
        "(see [benchmarks/README.md](../benchmarks/README.md)). Do not edit. The same on a processor of several years "
        "ago: [benchmarks-avx2.md](benchmarks-avx2.md).",
    ),
    "cpu-avx2": (
        "# Benchmarks on a processor of several years ago",
        "Written by `python -m benchmarks.report` from `benchmarks/results/cpu-avx2.json`; measured by "
        "`python -m benchmarks --output benchmarks/results/cpu-avx2.json` (see "
        "[benchmarks/README.md](../benchmarks/README.md)). Do not edit. The processor has neither AVX-512 nor "
        "instructions for products of bytes (VNNI), as laptops and servers had none for long: the same files run "
        "there, and ONNX Runtime is asked for its exact integer products.",
    ),
}


def cuda_document(report: Report) -> str:
    """The page about NVIDIA's accelerators."""
    return "\n\n".join(
        (
            "# On an NVIDIA GPU",
            "Written by `python -m benchmarks.report` from `benchmarks/results/cuda.json`; measured by "
            "`python -m benchmarks --device cuda --precisions fp16 --suites language-model codec end-to-end "
            "texts-together` on a machine with `pip install 'sparktts-onnx[cuda]'`. Do not edit.",
            _conditions(report),
            "Convert with `--precision fp16`: the language model computes in float16 there, and a step's kernels are "
            "recorded once and then started together. The language model of another bundle stays on the processor, "
            "which is said in a warning. PyTorch runs eagerly, as the original does. Attention is not cuDNN's, which "
            "rounds otherwise every time: the same request with the same seed gives the same answer, alone and among "
            "seven others, and the benchmark checks it before it counts a time.",
            "## What was aimed for",
            _targets(report, CUDA_TARGETS, report["settings"]["precisions"]),
            "The codec's windows are short and all of one length, because ONNX Runtime plans every convolution anew "
            "when a length changes (about a tenth of a second for all of them, timed by hand). It still makes sound "
            "faster than the language model writes ids for it. [performance.md](performance.md) tells where the time "
            "goes.",
            "## Every measurement",
            table(report),
            "",
        )
    )


def _conditions(report: Report) -> str:
    machine, load = report["machine"], report["load_average"]
    flags = f", {', '.join(machine['flags'])}" if not machine.get("gpu") else f", {machine['gpu']}"
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    return (
        f"One run of {report['minutes']:g} minutes on {report['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:g} GB{flags}; {machine['system']}, "
        f"Python {machine['python']}, {versions}. Every side computed with {report['threads']} threads; medians of "
        f"{report['rounds']} interleaved rounds unless a row says otherwise. Load average before the run "
        f"{_numbers(load['before'])}, after it {_numbers(load['after'])}. {left_out(report)}{report['note']}".rstrip()
    )


def left_out(report: Report) -> str:
    """Say which format of the original was not measured, if one was not."""
    if any("bfloat16" in result["contender"] for result in report["results"]):
        return ""
    return "PyTorch in bfloat16 is left out: without instructions for it, it is fifty times slower and more. "


def _case(report: Report, suite: str, case: str) -> str:
    rows = [r for r in report["results"] if (r["suite"], r["case"]) == (suite, case)]
    metrics = [m for m in _METRICS if any(m in r["medians"] for r in rows)]
    leading = _LEADING.get(suite)
    limited = any(leading in r.get("limits", {}) for r in rows)
    head = [
        "",
        *(_METRICS[m][0] for m in metrics),
        *(["against PyTorch float32"] if leading else []),
        *(["of the limit"] if limited else []),
    ]
    head += ["runs", "output checked"]
    body = [_row(row, rows, metrics, (leading, limited)) for row in rows]
    return f"### {suite}: {case}\n\n{markdown(head, body)}"


def _row(row: Report, rows: Sequence[Report], metrics: Sequence[str], about: tuple[str | None, bool]) -> list[str]:
    leading, limited = about
    cells = [row["contender"], *(number(row["medians"].get(metric)) for metric in metrics)]
    if leading:
        base = next((r for r in rows if r["contender"] == "PyTorch float32"), None)
        cells.append(times(_gain(row, base, leading)))
    if limited and leading:
        share = _gain(row, {"medians": row.get("limits", {})}, leading)
        cells.append("" if share is None else f"{share:.0%}")
    runs = max((len(values) for values in row["values"].values()), default=0)
    return [*cells, str(runs), f"WRONG: {row['fault']}" if row["fault"] else row["check"]]


def _gain(row: Report, base: Report | None, metric: str) -> float | None:
    """How many times better than `base`, whichever direction is better."""
    if base is None:
        return None
    pair = row["medians"].get(metric), base["medians"].get(metric)
    return ratio(*pair) if _METRICS[metric][1] else ratio(*reversed(pair))


def _targets(report: Report, targets: Sequence[Target], precisions: Sequence[str]) -> str:
    facts = [Facts(report, precision) for precision in precisions]
    body = [
        [target.what, *_bounds(target), *(_verdict(target, target.measured(fact)) for fact in facts)]
        for target in targets
    ]
    return markdown(["", "to reach", "better still", *precisions], body)


def _bounds(target: Target) -> list[str]:
    sign = "≤" if target.at_most else "≥"
    return ["" if bound is None else f"{sign} {bound:g}{_unit(target)}" for bound in (target.reach, target.aim)]


def _verdict(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    reached = target.met(value, target.reach)
    return f"{value:.2f}{_unit(target)}" if reached else f"**{value:.2f}{_unit(target)}, missed**"


def _unit(target: Target) -> str:
    return target.unit if target.unit in ("", "×") else f" {target.unit}"


def _rates(rates: Mapping[str, float]) -> str:
    names = {
        **{read_rate_name(size): (f"memory read, {size} MiB again and again", "GB/s") for size in READ_SIZES_MIB},
        "onnxruntime_float32_gflop_s": ("matrix product, ONNX Runtime float32", "GFLOP/s"),
        "torch_float32_gflop_s": ("matrix product, PyTorch float32", "GFLOP/s"),
        "torch_bfloat16_gflop_s": ("matrix product, PyTorch bfloat16", "GFLOP/s"),
    }
    return markdown(
        ["", "", ""], [[what, number(rates[key]), unit] for key, (what, unit) in names.items() if key in rates]
    )


def _disk(report: Report) -> str:
    disk = report["disk"]
    body = [["the checkpoint", _megabytes(disk["checkpoint_bytes"]), ""]]
    for precision in report["settings"]["precisions"]:
        sizes = disk[precision]
        body.append([f"bundle, {precision}", _megabytes(sizes["bundle_bytes"]), _megabytes(sizes["speaking_bytes"])])
    read = [[name, _megabytes(size)] for name, size in report["token_bytes"].items()]
    reading = markdown(["read for every id by", "MB"], read)
    return f"{markdown(['on disk', 'MB', 'of it for speaking with kept voices, MB'], body)}\n\n{reading}"


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


def _megabytes(size: float | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f}"


def _numbers(values: Sequence[float]) -> str:
    return " / ".join(f"{value:g}" for value in values)


def pages() -> dict[Path, str]:
    """What the committed results give, by file."""
    written = {DOCUMENTS / "cuda.md": cuda_document(_read("cuda"))}
    for name, page in CPU_PAGES.items():
        report = _read(name)
        written |= {DOCUMENTS / f"{page}.md": document(report, name), DOCUMENTS / f"{page}.svg": plot(report)}
    return written


def _read(name: str) -> Report:
    report: Report = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def main() -> int:
    """Write the pages and the plot."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

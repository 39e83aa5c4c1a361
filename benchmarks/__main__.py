"""`python -m benchmarks`: measure everything in one run and write the results as JSON."""

import argparse
import gc
import importlib.util
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks import codec, end_to_end, language_model, machine, material, processes
from benchmarks.harness import Case, Result, faults, measure
from benchmarks.report import RESULTS, speed
from benchmarks.settings import Settings

SUITES: Mapping[str, Callable[[Settings], Iterator[Case]]] = {
    "language-model": language_model.run,
    "answers-together": language_model.together,
    "codec": codec.decoding,
    "end-to-end": end_to_end.run,
    "texts-together": end_to_end.together,
    "processes": processes.run,
    "enrollment": codec.enrollment,
}

ON_CUDA = {"language-model", "answers-together", "codec", "end-to-end", "texts-together"}
"""Suites whose both sides can run on an accelerator."""


def main() -> int:
    """Run the suites; returns 1 where a contender's output was wrong."""
    parser = _parser()
    given = parser.parse_args()
    if given.device == "cuda" and (others := set(given.suites) - ON_CUDA):
        parser.error(f"{', '.join(sorted(others))}: measured on the processor only; with --device cuda, name --suites")
    if given.device == "cpu" and importlib.util.find_spec("llama_cpp") is None:
        parser.error("the peer is not installed: CMAKE_ARGS=-DGGML_NATIVE=ON pip install llama-cpp-python gguf")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("sparktts_onnx").setLevel(logging.WARNING)
    torch.set_num_threads(given.threads)
    settings = Settings(
        checkpoint=given.checkpoint,
        bundles=given.bundles,
        device=given.device,
        threads=given.threads,
        original=Settings.original if given.device == "cuda" or machine.computes_bfloat16() else ("float32",),
        precisions=tuple(given.precisions.split(",")),
        new_ids=given.new_ids,
    )
    material.prepare(settings)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    began, results = time.monotonic(), list[Result]()
    report = {"note": given.note, "rounds": given.rounds, **_conditions(settings)}
    for name in given.suites:
        results += [r for case in SUITES[name](settings) for r in measure(case, given.rounds, given.allowance)]
        gc.collect()  # the models of a suite are gone before the next one
        minutes = round((time.monotonic() - began) / 60, 1)
        report |= {"results": [asdict(result) for result in results], "minutes": minutes}
        # After every suite, so that a run that is stopped has something to show.
        given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(speed(report))
    for fault in faults(results):
        print(f"wrong output: {fault}", file=sys.stderr)
    return 1 if faults(results) else 0


def _conditions(settings: Settings) -> dict[str, Any]:
    """What does not depend on the results."""
    return {
        "threads": settings.threads,
        "machine": machine.describe(),
        "load_average": os.getloadavg(),
        "disk": {precision: material.disk_use(settings.bundle(precision)) for precision in settings.precisions},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("build/benchmarks/checkpoint"), help="made where it is absent")
    add("--bundles", type=Path, default=Path("build/benchmarks/bundles"), help="made where they are absent")
    add("--output", type=Path, default=RESULTS / "cpu.json")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="with cuda: --precisions fp16, and no peer")
    add("--precisions", default="fp32,int8,int4")
    add("--threads", type=int, default=2)
    add("--rounds", type=int, default=5, help="runs of every contender; medians are reported")
    add("--new-ids", type=int, default=Settings.new_ids, help="ids that the language model writes after each prompt")
    add("--allowance", type=float, default=10.0, help="seconds after which a contender sits out a case's other rounds")
    add("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    add("--note", default="", help="a sentence about this machine or run for the page")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

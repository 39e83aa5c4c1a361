"""How long a conversion with verification takes, and how much memory: `python -m benchmarks.conversion`."""

import argparse
import datetime
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from sparktts_onnx.export.graphs.storage import PRECISIONS

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "conversion.json"


def measure(checkpoint: Path, precision: str) -> dict[str, Any]:
    """Convert and verify in a process of its own: seconds, its peak of resident memory, bytes of the bundle."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        script = ROOT / "convert_to_onnx.py"
        command: list[str | Path] = [sys.executable, script, "--model_dir", checkpoint, "--output_dir", bundle]
        began = time.monotonic()
        subprocess.run([*command, "--precision", precision], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        size = sum(path.stat().st_size for path in bundle.iterdir())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # kilobytes on Linux
    return {"precision": precision, "seconds": round(seconds, 1), "peak_bytes": peak, "bundle_bytes": size}


def main() -> int:
    """Command line: one precision a run, since the peak is that of the largest process so far."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversion", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("build/benchmarks/checkpoint"))
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    row = measure(given.checkpoint, given.precision)
    report = {"date": datetime.date.today().isoformat(), "machine": machine.describe(), **row}
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    memory, size = row["peak_bytes"] / 1e9, row["bundle_bytes"] / 1e9
    print(f"{row['seconds']:.0f} s, {memory:.1f} GB of memory, a bundle of {size:.2f} GB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

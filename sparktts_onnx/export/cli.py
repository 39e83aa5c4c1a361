"""`convert_to_onnx.py`: a Spark-TTS checkpoint to a verified bundle of ONNX graphs."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparktts_onnx.export.conversion import ConversionOptions

DEFAULT_MODEL_DIR = Path("pretrained_models/Spark-TTS-0.5B")
PRECISIONS = ("fp32", "fp16", "int8", "int4")
FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 written and verified, 1 failed, 2 bad usage."""
    options = build_parser().parse_args(arguments)
    story = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("sparktts_onnx")
    logger.addHandler(story)
    logger.setLevel(logging.INFO)
    before = signal.signal(signal.SIGTERM, _interrupt)
    # Neither library may reach for the network: everything lies in the checkpoint folder.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        return _convert(options)
    except KeyboardInterrupt:
        print("interrupted; nothing was changed", file=sys.stderr)
        return INTERRUPTED
    finally:
        logger.removeHandler(story)
        signal.signal(signal.SIGTERM, before)


def build_parser() -> argparse.ArgumentParser:
    """The options; every name can be spelled with dashes or underscores."""
    parser = argparse.ArgumentParser(
        prog="convert_to_onnx.py",
        description="Convert a Spark-TTS checkpoint to a verified bundle of ONNX graphs.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        *_spellings("--model_dir"),
        type=Path,
        default=DEFAULT_MODEL_DIR,
        help="checkpoint folder (default: %(default)s)",
    )
    add(*_spellings("--output_dir"), type=Path, help="where the bundle goes (default: MODEL_DIR/onnx)")
    add(*_spellings("--dynamic_axes"), action="store_true", default=True, help="batch and time may vary (the default)")
    add(
        *_spellings("--no-dynamic_axes", "--no_dynamic_axes"),
        dest="dynamic_axes",
        action="store_false",
        help="write fixed shapes of --frames, for accelerators that need them; the runtime then works in windows",
    )
    add("--frames", type=int, default=200, help="tokens of every time axis of fixed shapes (default: %(default)s)")
    add(*_spellings("--opset_version"), type=int, default=17, help="version of the standard operators (default: 17)")
    add(*_spellings("--skip_verification"), action="store_true", help="do not compare the graphs with the model")
    add(*_spellings("--cpu_only"), action="store_true", help="check on the CPU even where CUDA or MPS is present")
    add(
        "--precision", choices=PRECISIONS, help="fp32 equals the original; int8 and int4 for CPUs, fp16 for NVIDIA GPUs"
    )
    add("--graphs", help="comma-separated names of the graphs to write (default: all)")
    add(
        "--head",
        choices=("speech", "full"),
        default="speech",
        help="rows of the language model's head (default: speech)",
    )
    return parser


def _spellings(*names: str) -> list[str]:
    return list(dict.fromkeys(spelling for name in names for spelling in (name, "--" + name[2:].replace("_", "-"))))


def _convert(given: argparse.Namespace) -> int:
    # After the arguments are parsed, so that --help does not wait for PyTorch.
    from sparktts_onnx.errors import MissingDependencyError, OptionError, SparkTTSError

    started = time.monotonic()
    try:
        from sparktts_onnx.export.conversion import convert
        from sparktts_onnx.export.verify.graphs import table
    except ImportError as error:
        missing = MissingDependencyError("the conversion", needs=str(error.name), extra="convert,cpu")
        print(f"error: {missing}", file=sys.stderr)
        return FAILED
    try:
        options = conversion_options(given)
        manifest = convert(options, report=lambda checks: print(table(checks)) if checks else None)
    except OptionError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISUSED
    except (SparkTTSError, OSError, MemoryError) as error:
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr)
        return FAILED
    print(f"license of the weights: {manifest.licence}", file=sys.stderr)
    verified = "verified" if options.verify else "not verified"
    print(f"{verified}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(options.output_dir)
    return 0


def conversion_options(given: argparse.Namespace) -> ConversionOptions:
    """The parsed arguments as options."""
    from sparktts_onnx.errors import OptionError
    from sparktts_onnx.export.conversion import ALL_GRAPHS, DEFAULT_PRECISION, ConversionOptions

    if not given.model_dir.is_dir():
        raise OptionError(f"there is no checkpoint folder {given.model_dir}; name one with --model_dir")
    graphs = tuple(name.strip() for name in given.graphs.split(",")) if given.graphs else ALL_GRAPHS
    return ConversionOptions(
        model_dir=given.model_dir,
        output_dir=given.output_dir or given.model_dir / "onnx",
        dynamic=given.dynamic_axes,
        frames=given.frames,
        opset=given.opset_version,
        verify=not given.skip_verification,
        cpu_only=given.cpu_only,
        precision=given.precision or DEFAULT_PRECISION,
        head=given.head,
        graphs=graphs,
    )


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""`spark-tts-onnx convert`, and `convert_to_onnx.py`: a Spark-TTS checkpoint to a verified bundle of ONNX graphs."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparktts_onnx.errors import MissingDependencyError, OptionError
from sparktts_onnx.export.graphs.storage import PRECISIONS
from sparktts_onnx.export.options import ALL_GRAPHS, ConversionOptions

DEFAULT_MODEL_DIR = Path("pretrained_models/Spark-TTS-0.5B")

DESCRIPTION = """Convert a Spark-TTS checkpoint to a verified bundle of ONNX graphs.

  spark-tts-onnx convert --model-dir Spark-TTS-0.5B --precision int8
  spark-tts-onnx convert --model-dir Spark-TTS-0.5B --lora my-adapter              merged into its language model
  spark-tts-onnx convert --model-dir Spark-TTS-0.5B --language-model my-finetune   in place of its language model"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--model-dir", type=Path, default=DEFAULT_MODEL_DIR, help="checkpoint folder (default: %(default)s)")
    add(
        "--language-model",
        type=Path,
        metavar="DIR",
        help="a finetuned language model, as transformers or unsloth saved it; the codec stays that of the checkpoint",
    )
    add("--lora", type=Path, metavar="DIR", help="a LoRA adapter, as PEFT saved it; needs the extra lora")
    add("--output-dir", type=Path, help="where the bundle goes (default: onnx/ in the finetune, else in MODEL_DIR)")
    add("--dynamic-axes", action="store_true", default=True, help="batch and time may vary (the default)")
    add(
        "--no-dynamic-axes",
        dest="dynamic_axes",
        action="store_false",
        help="write fixed shapes of --frames, for accelerators that need them; the runtime then works in windows",
    )
    add("--frames", type=int, default=200, help="tokens of every time axis of fixed shapes (default: %(default)s)")
    add("--opset-version", type=int, default=17, help="version of the standard operators (default: %(default)s)")
    add("--skip-verification", action="store_true", help="do not compare the graphs with the model")
    add("--cpu-only", action="store_true", help="check on the CPU even where CUDA or MPS is present")
    add(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="fp32 equals the original; int8 and int4 for CPUs, fp16 for NVIDIA GPUs (default: %(default)s)",
    )
    add("--graphs", help="comma-separated names of the graphs to write (default: all)")
    add(
        "--head",
        choices=("speech", "full"),
        default="speech",
        help="rows of the language model's head (default: %(default)s)",
    )
    add(
        "--no-alignment",
        dest="alignment",
        action="store_false",
        help="do not look for the attention heads that tell when each word is spoken",
    )


def run(given: argparse.Namespace) -> int:
    """Convert."""
    started = time.monotonic()
    options = conversion_options(given)
    # Neither library may reach for the network: everything lies in the checkpoint folder.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from sparktts_onnx.export.conversion import convert
        from sparktts_onnx.export.verify.graphs import table
    except ImportError as error:
        raise MissingDependencyError("the conversion", needs=str(error.name), extra="convert,cpu") from error
    with _story():
        manifest = convert(options, report=lambda checks: print(table(checks)) if checks else None)
    print(f"license of the weights: {manifest.licence}", file=sys.stderr)
    verified = "verified" if options.verify else "not verified"
    print(f"{verified}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(options.output_dir)
    return 0


def conversion_options(given: argparse.Namespace) -> ConversionOptions:
    """The parsed arguments as options."""
    if not given.model_dir.is_dir():
        raise OptionError(f"there is no checkpoint folder {given.model_dir}; name one with --model_dir")
    for option, folder in (("--language-model", given.language_model), ("--lora", given.lora)):
        if folder is not None and not folder.is_dir():
            raise OptionError(f"there is no folder {folder}; {option} takes one that a training run has saved")
    return ConversionOptions(
        model_dir=given.model_dir,
        output_dir=given.output_dir or (given.lora or given.language_model or given.model_dir) / "onnx",
        language_model=given.language_model,
        lora=given.lora,
        dynamic=given.dynamic_axes,
        frames=given.frames,
        opset=given.opset_version,
        verify=not given.skip_verification,
        cpu_only=given.cpu_only,
        precision=given.precision,
        head=given.head,
        graphs=tuple(name.strip() for name in given.graphs.split(",")) if given.graphs else ALL_GRAPHS,
        alignment=given.alignment,
    )


@contextmanager
def _story() -> Iterator[None]:
    """What the conversion logs goes to stderr, a line a graph."""
    logger, handler = logging.getLogger("sparktts_onnx"), logging.StreamHandler(sys.stderr)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before

"""`spark-tts-onnx convert`, and `convert_to_onnx.py`: a Spark-TTS checkpoint to a verified bundle of ONNX graphs."""

import argparse
import logging
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sparktts_onnx.bundle.contract import PRECISIONS, Precision
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.errors import MissingDependencyError, OptionError, SparkTTSError
from sparktts_onnx.export.options import ALL_GRAPHS, ConversionOptions
from sparktts_onnx.hub.bundles import open_bundle
from sparktts_onnx.hub.download import assets_folder, local_folder
from sparktts_onnx.hub.names import hub_model, kept_model

DEFAULT_MODEL = Path("pretrained_models/Spark-TTS-0.5B")
DESCRIPTION = """Convert a Spark-TTS checkpoint to a verified bundle of ONNX graphs.

  spark-tts-onnx convert Spark-TTS-0.5B --precision int8
  spark-tts-onnx convert SparkAudio/Spark-TTS-0.5B --precision int8,int4         fetched from the hub
  spark-tts-onnx convert Spark-TTS-0.5B --lora my-adapter                        merged into its language model
  spark-tts-onnx convert Spark-TTS-0.5B --language-model my-finetune             in place of its language model

MODEL, --language-model and --lora take a folder or org/name[@revision] on the hub. The bundle goes to onnx/ in the
folder of the finetune or the checkpoint; of one on the hub into the cache, where its id finds it. Several precisions
have a folder each."""
CHECKPOINT_FILES = ("README.md", "config.yaml", "BiCodec/*", "LLM/*", "wav2vec2-large-xlsr-53/*.json")
WAV2VEC2_FILES = "wav2vec2-large-xlsr-53/*"
FINETUNE_FILES = ("README.md", "*.json", "*.txt", "*.safetensors", "*.bin", "LLM/*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("checkpoint", nargs="?", metavar="MODEL", help=f"checkpoint (default: {DEFAULT_MODEL})")
    add("--model", "--model-dir", metavar="MODEL", help="the same")
    add(
        "--language-model",
        metavar="MODEL",
        help="a finetuned language model, as transformers or unsloth saved it; the codec stays that of the checkpoint",
    )
    add("--lora", metavar="MODEL", help="a LoRA adapter, as PEFT saved it; needs the extra lora")
    add("--output-dir", type=Path, metavar="DIR", help="where the bundle goes")
    add("--dynamic-axes", action="store_true", default=True, help="batch and time may vary (the default)")
    add(
        "--no-dynamic-axes",
        dest="dynamic_axes",
        action="store_false",
        help="write fixed shapes of --frames, for accelerators that need them; the runtime then works in windows",
    )
    add("--frames", type=int, help="tokens of every time axis of fixed shapes (default: 200)")
    add("--opset-version", type=int, default=17, help="version of the standard operators (default: %(default)s)")
    add("--skip-verification", action="store_true", help="do not compare the graphs with the model")
    add("--cpu-only", action="store_true", help="check on the CPU even where CUDA or MPS is present")
    add(
        "--precision",
        type=_precisions,
        default=("fp32",),
        metavar="P[,P…]",
        help="fp32 equals the original; int8 and int4 for CPUs, fp16 for NVIDIA GPUs (default: fp32)",
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
    started = time.monotonic()
    jobs = conversion_options(given, fetch=False)
    if not any(hub_model(name) for name, _ in _parts(given)):  # Neither library may reach for the network.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from sparktts_onnx.export.conversion import convert
        from sparktts_onnx.export.verify.graphs import table
    except ImportError as error:
        raise MissingDependencyError("the conversion", needs=str(error.name), extra="convert,cpu") from error
    jobs = conversion_options(given)
    before = {job.output_dir: precision for job in jobs if (precision := _precision_of(job.output_dir))}
    with _story():
        for job in jobs:
            manifest = convert(job, report=lambda checks: print(table(checks)) if checks else None)
            print(job.output_dir, flush=True)
            if (gone := before.get(job.output_dir, job.precision)) != job.precision:
                both = f"--precision {gone},{job.precision}"
                print(f"the bundle in {gone} that was there is gone; to have both: {both}", file=sys.stderr)
    print(f"license of the weights: {manifest.licence}", file=sys.stderr)
    verified = "verified" if jobs[0].verify else "not verified"
    print(f"{verified}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    model = shlex.quote(str(_speaks_with(given, [job.output_dir for job in jobs])))
    print(f'next: spark-tts-onnx --model {model} --text "Hello."', file=sys.stderr)
    return 0


def _speaks_with(given: argparse.Namespace, written: Sequence[Path]) -> str | Path:
    """What `--model` takes for a new bundle: the name that was converted, if that leads to one."""
    name = given.output_dir or _parts(given)[-1][0]
    if hub_model(name) is not None:
        return name
    with suppress(SparkTTSError):  # parts of a model alone
        leads_to = open_bundle(name).folder
        if leads_to.resolve() not in (folder.resolve() for folder in written):  # to one that was made before
            return written[0]
    # a folder of the hub's cache, by its path
    return written[0] if given.output_dir is None and kept_model(Path(name)) is not None else name


def _precision_of(folder: Path) -> str | None:
    """The precision of the bundle in a folder; None where there is none."""
    try:
        return read_manifest(folder, whole=False).precision
    except (SparkTTSError, OSError, ValueError):
        return None


def conversion_options(given: argparse.Namespace, *, fetch: bool = True) -> list[ConversionOptions]:
    """The parsed arguments as options, a conversion for each precision.

    Without `fetch` the options are only checked, and what is on the hub has no folder yet.

    Raises:
        OptionError, BundleError: options that cannot be; a name that means nothing.
        HubError: what is on the hub cannot be had.
    """
    parts = _parts(given)
    folders = [local_folder(name, patterns) if fetch else _checked(name) for name, patterns in parts]
    pinned, finetunes = kept_model(folders[-1]), iter(folders[1:])
    cached = assets_folder(pinned) if pinned else None
    base = given.output_dir or cached or folders[-1] / "onnx"
    apart = len(given.precision) > 1 or base == cached or any((base / name).is_dir() for name in PRECISIONS)
    options = ConversionOptions(
        model_dir=folders[0],
        output_dir=base,
        language_model=next(finetunes) if given.language_model else None,
        lora=next(finetunes) if given.lora else None,
        dynamic=given.dynamic_axes,
        frames=_frames(given),
        opset=given.opset_version,
        verify=not given.skip_verification,
        cpu_only=given.cpu_only,
        head=given.head,
        graphs=_graphs(given),
        alignment=given.alignment,
    )
    return [
        replace(options, precision=precision, output_dir=base / precision if apart else base)
        for precision in given.precision
    ]


def _frames(given: argparse.Namespace) -> int:
    if given.frames is None:
        return ConversionOptions.frames
    if given.dynamic_axes:
        raise OptionError("--frames does nothing without --no-dynamic-axes; give that too, or leave it out")
    return int(given.frames)


def _parts(given: argparse.Namespace) -> list[tuple[str | Path, tuple[str, ...]]]:
    """Names of the checkpoint and of the finetunes, each with the files that are needed of it."""
    if given.checkpoint and given.model:
        raise OptionError(f"MODEL is given twice, as {given.checkpoint} and as {given.model}; give it once")
    weights = (WAV2VEC2_FILES,) if "wav2vec2" in _graphs(given) else ()
    finetunes = [name for name in (given.language_model, given.lora) if name]
    checkpoint = given.checkpoint or given.model or DEFAULT_MODEL
    return [(checkpoint, (*CHECKPOINT_FILES, *weights)), *((name, FINETUNE_FILES) for name in finetunes)]


def _graphs(given: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.graphs.split(",")) if given.graphs else ALL_GRAPHS


def _checked(name: str | Path) -> Path:
    """A name as a path, once it is known to mean something."""
    hub_model(name)
    return Path(name)


def _precisions(text: str) -> tuple[Precision, ...]:
    named = [name.strip() for name in text.split(",")]
    found = tuple(precision for precision in PRECISIONS if precision in named)
    if len(found) != len(named):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of {', '.join(PRECISIONS)}, each once, with commas between several"
        )
    return found


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

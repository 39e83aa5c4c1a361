"""Options that several commands share, and what is made of them."""

import argparse
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sparktts_onnx import FORMATS, Lexicon, SparkTTSONNX, SpeechOptions
from sparktts_onnx.bundle.contract import PRECISIONS
from sparktts_onnx.errors import OptionError

if TYPE_CHECKING:
    from sparktts_onnx.scale.cluster import ModelSettings, Replicas

DEVICES = ("auto", "cpu", "cuda", "directml", "coreml", "openvino")
FORMATS_HELP = f"{', '.join(FORMATS)} (default: wav); aac and m4a need the extra aac"
VOICES_DIR = Path("voices")
_LEVELS_HELP = "very_low, low, moderate, high, very_high, or 0 to 1 in steps of 0.25"
_Options = argparse.ArgumentParser | argparse._ArgumentGroup


def with_dashes(arguments: Sequence[str]) -> list[str]:
    """`--model_dir X` as `--model-dir X`: both spellings of every option work."""
    return [re.sub("^--[^=]*", lambda name: name[0].replace("_", "-"), argument) for argument in arguments]


def add_bundle(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Which bundle, for `open_model` where nothing is computed; the group of the options."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        "--model-dir",
        required=True,
        metavar="MODEL",
        help="a bundle, a folder with one under onnx/, or the id of a model on the hub: org/name[@revision]",
    )
    group.add_argument(
        "--precision", choices=PRECISIONS, help="which bundle, where there are several (default: as --device needs)"
    )
    return group


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which bundle, and how it runs, for `open_model`."""
    group = add_bundle(parser)
    group.add_argument("--device", default="auto", metavar="NAME", help=f"{', '.join(DEVICES)} (default: auto)")
    group.add_argument("--threads", type=int, metavar="N", help="threads to compute with (default: all cores)")
    group.add_argument(
        "--packed-weights",
        metavar="DIR",
        help="keep the weights here as this processor wants them: processes start sooner and share them",
    )


def open_model(options: argparse.Namespace, *, slots: int = SparkTTSONNX.DEFAULT_SLOTS) -> SparkTTSONNX:
    """The model that the options name, run as they say, with `slots` answers at once."""
    names = ("precision", "device", "threads", "packed_weights")
    how = {name: value for name, value in vars(options).items() if name in names}
    return SparkTTSONNX.from_pretrained(options.model, slots=slots, **how)


def add_voices(parser: _Options) -> None:
    """Where kept voices lie."""
    parser.add_argument(
        "--voices-dir", type=Path, default=VOICES_DIR, metavar="DIR", help="folder of kept voices (default: voices)"
    )


def add_style(parser: _Options) -> None:
    """What a created voice is like."""
    parser.add_argument("--gender", metavar="G", help="female or male")
    parser.add_argument("--pitch", metavar="LEVEL", help=_LEVELS_HELP)
    parser.add_argument("--speed", metavar="LEVEL", help=_LEVELS_HELP)


def add_stream(parser: _Options) -> None:
    """How to hear speech while it is made, for `hear`."""
    parser.add_argument(
        "--stream",
        nargs="?",
        const="play",
        choices=("play", "pcm"),
        help="play while it is made; `--stream pcm` writes raw 16-bit samples to stdout instead",
    )


def add_speech(parser: argparse.ArgumentParser) -> None:
    """How to speak: everything in `SpeechOptions` but the voice itself."""
    add_style(parser.add_argument_group("style (of a created voice; pitch and speed also with a voice)"))
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same speech")
    sampling.add_argument("--temperature", type=float, metavar="T", help="0 always takes the likeliest (default: 0.8)")
    sampling.add_argument("--top-k", type=int, metavar="K", help="only the K likeliest tokens (default: 50)")
    sampling.add_argument("--top-p", type=float, metavar="P", help="only the likeliest up to this sum (default: 0.95)")
    sampling.add_argument("--max-new-tokens", type=int, metavar="N", help="limit for one segment (default: 3000)")
    sampling.add_argument("--retries", type=int, metavar="N", help="further tries for a bad segment (default: 4)")
    text = parser.add_argument_group("text")
    text.add_argument("--no-normalize", action="store_true", help="speak numbers, dates and the like as written")
    text.add_argument("--lexicon", metavar="FILE", help="JSON or CSV of words and how to speak them")
    text.add_argument("--segment-seconds", type=float, metavar="S", help="longest planned segment (default: 12)")
    text.add_argument(
        "--tempo", type=float, metavar="F", help="1.25 is a quarter faster at the same pitch (default: 1)"
    )


def speech_options(options: argparse.Namespace) -> SpeechOptions:
    """`SpeechOptions` from parsed arguments; what was not given keeps its default."""
    names = SpeechOptions.__annotations__.keys() - {"voice", "ssml", "lexicon"}
    given = {name: value for name, value in vars(options).items() if name in names and value is not None}
    if options.no_normalize:
        given["normalize"] = False
    if options.lexicon is not None:
        given["lexicon"] = Lexicon.load(options.lexicon)
    return cast(SpeechOptions, given)


def see_used(options: argparse.Namespace, names: Sequence[str], *, needs: str) -> None:
    """Refuse options, by name, that do nothing without another one, which was not given."""
    if given := ["--" + name.replace("_", "-") for name in names if getattr(options, name) is not None]:
        do, them = ("do", "them") if len(given) > 1 else ("does", "it")
        raise OptionError(f"{' and '.join(given)} {do} nothing without {needs}; give that too, or leave {them} out")


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Whether to work on a cluster, and with how many workers."""
    group = parser.add_argument_group("more than one machine")
    group.add_argument(
        "--ray", action="store_true", help="work on the cluster that RAY_ADDRESS names, else on one made here"
    )
    group.add_argument("--workers", metavar="N|MIN:MAX", help="with --ray: how many hold the model (default: 1:4)")
    group.add_argument(
        "--gpus-per-worker", type=float, metavar="G", help="with --ray: may be a part (default: 1 with --device cuda)"
    )


def cluster_settings(options: argparse.Namespace, *, slots: int) -> "tuple[ModelSettings, Replicas]":
    """The model as workers open it, each with `slots` answers at once, and how many of them there are.

    Raises:
        OptionError, MissingDependencyError: a bad option; no Ray.
        BundleError: there is no bundle.
    """
    from sparktts_onnx.scale.cluster import ModelSettings, Replicas, default_threads

    given = options.gpus_per_worker
    gpus = float(options.device == "cuda") if given is None else given
    threads = options.threads or default_threads()
    packed = None if options.packed_weights is None else Path(options.packed_weights).absolute()
    model = ModelSettings(options.model, options.device, threads, gpus, slots, packed, options.precision)
    with model.open() as tts:  # says at once what is wrong with it; no graph is loaded
        same = tts.bundle.model_id or Path(options.model).absolute()
        return dataclasses.replace(model, model=same), Replicas.parse(options.workers or "1:4")

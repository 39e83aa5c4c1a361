"""Options of the commands that can work on a Ray cluster."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparktts_onnx.scale.cluster import ModelSettings, Replicas


def add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to work on a cluster, and with how many workers."""
    group = parser.add_argument_group("more than one machine")
    group.add_argument(
        "--ray", action="store_true", help="work on the cluster that RAY_ADDRESS names, else on one made here"
    )
    group.add_argument(
        "--workers", default="1:4", metavar="N|MIN:MAX", help="with --ray: how many hold the model (default: 1:4)"
    )
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
        return dataclasses.replace(model, model=same), Replicas.parse(options.workers)

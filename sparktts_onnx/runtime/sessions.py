"""The graphs of a bundle as ONNX Runtime sessions, each loaded when it is first used."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparktts_onnx.bundle.contract import SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import Manifest, check_file
from sparktts_onnx.errors import BundleError
from sparktts_onnx.runtime.checking import whole_number
from sparktts_onnx.runtime.onnx_runtime import ort
from sparktts_onnx.runtime.providers import choose_providers
from sparktts_onnx.runtime.tuning import tune

MAX_THREADS = 1024

_log = logging.getLogger(__name__)


class Sessions:
    """Sessions by graph name; safe to share between threads."""

    def __init__(self, folder: Path, manifest: Manifest, *, device: str = "auto", threads: int | None = None) -> None:
        """Choose the providers; nothing is loaded yet.

        Args:
            threads: threads that one graph computes with; by default the cores this process may use.

        Raises:
            OptionError, ProviderError: see `choose_providers`; threads below 1.
        """
        if threads is not None:
            whole_number("threads", threads, 1, MAX_THREADS)
        self._folder = folder
        self._manifest = manifest
        self._threads = threads or available_cores()
        self._providers = choose_providers(device, ort.get_available_providers())
        self._loaded: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        """The session of a graph.

        Raises:
            BundleError: the bundle has no such graph, or its files were altered or do not load.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def run(self, name: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
        """Run a component graph; outputs in the order of the contract.

        One at a time: a graph computes with all threads already, and side by side they only take each other's cache.
        """
        session = self[name]
        with self._computing:
            outputs: list[np.ndarray[Any, Any]] = session.run(None, dict(inputs))
        return outputs

    def input_shape(self, name: str) -> list[Any]:
        """Declared shape of a graph's first input: names of dynamic axes, sizes of fixed ones."""
        return list(self[name].get_inputs()[0].shape)

    def providers(self) -> dict[str, str]:
        """The provider that runs each graph loaded so far."""
        with self._lock:
            return {name: session.get_providers()[0] for name, session in self._loaded.items()}

    def close(self) -> None:
        """Let go of every session; one that is used again is loaded again."""
        with self._lock:
            self._loaded.clear()

    def _load(self, name: str) -> Any:
        if name not in self._manifest.graphs:
            raise BundleError(
                f"the bundle {self._folder} has no graph {name}; it has {', '.join(self._manifest.graphs)}: "
                "convert the checkpoint with all graphs"
            )
        files = self._manifest.graphs[name].files
        for entry in files:
            check_file(self._folder, entry)
        _log.info("loading %s", name)
        try:
            return ort.InferenceSession(
                str(self._folder / files[0].name), self._options(name), providers=self._providers
            )
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            raise BundleError(f"the graph {self._folder / files[0].name} does not load: {error}") from error

    def _options(self, name: str) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        tune(options)
        # The arena keeps the largest run's buffers for ever. That suits graphs that run in windows or by the token;
        # a recording can have any length, and would stay paid for.
        options.enable_cpu_mem_arena = name in SPEAKING_GRAPHS
        return options


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

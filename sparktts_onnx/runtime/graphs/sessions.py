"""The graphs of a bundle as ONNX Runtime sessions, each loaded when it is first used."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import Manifest, check_file, check_presence
from sparktts_onnx.errors import BundleError, GenerationError
from sparktts_onnx.runtime.graphs.external_data import external_files
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.graphs.packed_weights import packed_graph
from sparktts_onnx.runtime.graphs.providers import CPU, CUDA, choose_providers, provider_options
from sparktts_onnx.runtime.graphs.tuning import give_back_freed_memory, tune
from sparktts_onnx.runtime.values import whole_number
from sparktts_onnx.threads import starting_threads

MAX_THREADS = 1024
WINDOWED_GRAPH = "decoder"
"""The graph that runs on a window a core: one window on all cores leaves them waiting for each other."""

_Result = TypeVar("_Result")
Arrays = Mapping[str, np.ndarray[Any, Any]]

_log = logging.getLogger(__name__)


class Sessions:
    """Sessions by graph name; safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        device: str = "auto",
        threads: int | None = None,
        packed_weights: Path | None = None,
        fetch: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        """Choose the providers; nothing is loaded yet.

        `fetch` sees that the files of the graphs with these names are in the folder, before they are loaded; for the
        other options see `SparkTTSONNX`.
        """
        if threads is not None:
            whole_number("threads", threads, 1, MAX_THREADS)
        self._fetch = fetch
        self._folder = folder
        self._manifest = manifest
        self._threads = threads or available_cores()
        self._providers = choose_providers(device, ort.get_available_providers())
        self.on_cpu = self._providers_of(WINDOWED_GRAPH)[0] == CPU
        """Whether the processor makes the sound; else an accelerator, which wants few and large pieces of work."""
        self._packed_weights = packed_weights if self._providers[0] == CPU else None
        self.lanes = self._threads if self.on_cpu else 1
        """Windows of `WINDOWED_GRAPH` that are computed side by side."""
        self._pool: ThreadPoolExecutor | None = None
        self._loaded: dict[str, Any] = {}
        self._unchecked: dict[str, list[Future[None]]] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._closings = 0
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        """The session of a graph.

        Raises:
            BundleError: the bundle has no such graph, or its files were altered or do not load.
        """
        return self._session(name, wait=True)

    @contextmanager
    def loading(self, names: Sequence[str]) -> Iterator[None]:
        """Load graphs side by side while the `with` block runs: loading one takes one core only.

        Their weights may still be being compared with the manifest at the end: `check` before anything leaves.
        """
        with ThreadPoolExecutor(len(names), thread_name_prefix="spark-tts-loading") as pool:
            futures = [_submitted(pool, partial(self._session, name, wait=False)) for name in names]
            try:
                yield
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            for future in futures:
                future.result()

    def check(self) -> None:
        """Wait until the weights of all graphs are compared with the manifest; graphs with others are let go of."""
        for name, checks in list(self._unchecked.items()):
            try:
                for check in checks:
                    check.result()
            except BundleError:
                self._loaded.pop(name, None)
                raise
            self._unchecked.pop(name, None)

    def _session(self, name: str, *, wait: bool) -> Any:
        """A graph's session, loaded where it is not yet; `wait`: until its weights are compared."""
        with self._lock:
            loading, closings = self._loading.setdefault(name, threading.Lock()), self._closings
        with loading:
            session = self._loaded.get(name)
            if session is None:
                session, checks = self._load(name)
                if wait:
                    for check in checks:
                        check.result()
                with self._lock:
                    if self._closings == closings:
                        self._loaded[name] = session
                        self._unchecked[name] = checks
        return session

    def run(self, name: str, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
        """Run a component graph; outputs in the order of the contract.

        One at a time: a graph computes with all threads already, and side by side they only take each other's cache.
        """
        session = self[name]
        with self._computing:
            return _run(session, name, inputs)

    def run_each(self, inputs: Iterable[Arrays]) -> Iterator[list[np.ndarray[Any, Any]]]:
        """Run `WINDOWED_GRAPH` on one window after the other, `lanes` of them at a time; outputs in their order.

        Windows are taken from `inputs` shortly before they are computed.
        """
        if self.lanes == 1:
            for window in inputs:
                yield self.run(WINDOWED_GRAPH, window)
            return
        waiting: deque[Future[list[np.ndarray[Any, Any]]]] = deque()
        try:
            for window in inputs:
                waiting.append(self._submit(window))
                if len(waiting) > self.lanes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _submit(self, window: Arrays) -> Future[list[np.ndarray[Any, Any]]]:
        session = self[WINDOWED_GRAPH]
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.lanes, thread_name_prefix="spark-tts-vocoder")
            return _submitted(self._pool, partial(_run, session, WINDOWED_GRAPH, window))

    def options(self, name: str) -> frozenset[str]:
        """Inputs that a graph takes and can do without."""
        return frozenset(entry.name for entry in self[name].get_overridable_initializers())

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
            self._closings += 1
            self._loaded.clear()
            self._unchecked.clear()
            if self._pool is not None:
                self._pool.shutdown(wait=False)
                self._pool = None

    def _load(self, name: str) -> tuple[Any, list[Future[None]]]:
        """A graph's session, and the comparisons of its weights, which began first."""
        if name not in self._manifest.graphs:
            raise BundleError(
                f"the bundle {self._folder} has no graph {name}; it has {', '.join(self._manifest.graphs)}: "
                "convert the checkpoint with all graphs"
            )
        if self._fetch is not None:
            self._fetch((name,))
        path, checks = self._checked_graph(name)
        _log.info("loading %s", name)
        providers = self._providers_of(name)
        if providers != self._providers:
            _log.warning(
                "%s of %s is made for processors and runs on the CPU; for an accelerator convert with --precision fp16",
                name,
                self._folder,
            )
        settings = [provider_options(provider, name) for provider in providers]
        try:
            session = ort.InferenceSession(
                str(path), self._options(name), providers=providers, provider_options=settings
            )
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            for check in checks:
                check.result()
            raise BundleError(f"the graph {path} does not load: {error}") from error
        give_back_freed_memory()
        return session, checks

    def _checked_graph(self, name: str) -> tuple[Path, list[Future[None]]]:
        """The file to load, which was compared, and the comparisons of its weights, which take as long as loading."""
        entry = self._manifest.graphs[name]
        graph, *weights = entry.files
        check_file(self._folder, graph)
        for file in weights:
            check_presence(self._folder, file)
        path = self._folder / graph.name
        self._check_external(path, {file.name for file in weights})
        checks: list[Callable[[], None]] = [partial(check_file, self._folder, file) for file in weights]
        if self._packed_weights is not None and name in SPEAKING_GRAPHS:
            path, checks = packed_graph(self._folder, entry, self._packed_weights, options=lambda: self._options(name))
        pool = ThreadPoolExecutor(1, thread_name_prefix="spark-tts-checking")
        futures = [_submitted(pool, check) for check in checks]
        pool.shutdown(wait=False)
        return path, futures

    def _check_external(self, path: Path, named: set[str]) -> None:
        """Refuse weights from files that nobody has checked."""
        try:
            unnamed = sorted(external_files(path) - named)
        except (OSError, ValueError) as error:
            raise BundleError(f"the graph {path} does not load: {error}") from error
        if unnamed:
            raise BundleError(
                f"the graph {path} reads its weights from {unnamed[0]!r}, which the manifest does not name; "
                "convert the checkpoint again"
            )

    def _providers_of(self, name: str) -> list[str]:
        """A graph made for the processor stays there whole: one that is split copies everything back and forth.

        That is a decoder in integers, and next to CUDA, whose attention computes in float16 only, a language model in
        float32.
        """
        if name == LANGUAGE_MODEL:
            computes = self._manifest.language_model.cache_dtype
            for_processors = CUDA in self._providers and computes != "float16"
        else:
            computes = self._manifest.graphs[name].precision if name in self._manifest.graphs else ""
            for_processors = computes == "int8"
        return [CPU] if for_processors else self._providers

    def _options(self, name: str) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1 if name == WINDOWED_GRAPH and self.lanes > 1 else self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        tune(options)
        # The arena keeps the largest run's buffers for ever. That suits graphs that run in windows or by the token;
        # a recording can have any length, and would stay paid for.
        options.enable_cpu_mem_arena = name in SPEAKING_GRAPHS
        return options


def _submitted(pool: ThreadPoolExecutor, work: Callable[[], _Result]) -> Future[_Result]:
    """Work that a thread of the pool does."""
    with starting_threads():
        return pool.submit(work)


def _run(session: Any, name: str, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
    try:
        outputs: list[np.ndarray[Any, Any]] = session.run(None, dict(inputs))
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise GenerationError(f"the graph {name} failed: {error}") from error
    if not all(np.isfinite(each).all() for each in outputs):
        raise GenerationError(f"the graph {name} gives what is not a number; the bundle or the computation is damaged")
    return outputs


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

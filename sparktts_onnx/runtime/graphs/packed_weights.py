"""Graphs with their weights laid out for this machine, in a file that processes map and share.

ONNX Runtime rearranges the weights of products for the processor when it loads a graph, into memory of the process's
own. Saved once in that arrangement, they are mapped from the file instead: the next process starts sooner, and all
processes on the machine have one copy between them.

A record next to them, written last, has the length and SHA-256 of each file. It is compared at every load, so that what
a crash or a bad disk made of the files is packed again, not spoken. The bundle's own weights are compared when they are
packed: later nobody reads them.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sparktts_onnx.bundle.manifest import FileEntry, GraphEntry, check_file, check_presence, describe_file
from sparktts_onnx.errors import BundleError, OutputError
from sparktts_onnx.runtime.graphs.onnx_runtime import ort

_SMALLEST_MAPPED = 1024
"""Bytes below which a weight stays in the `.onnx` file."""
_RECORD = "packed.json"
_STALE_SECONDS = 24 * 60 * 60
"""Age at which a folder that somebody packs in is a dead process's: packing takes minutes at most."""

_log = logging.getLogger(__name__)


def packed_graph(
    bundle: Path, entry: GraphEntry, cache: Path, *, options: Callable[[], Any]
) -> tuple[Path, list[Callable[[], None]]]:
    """The graph's file in `cache`, made if it is not there or incomplete, and the checks of what lies there.

    The packed file is good for this kind of processor only.

    Args:
        bundle: folder of the graph's own files.
        entry: those files.
        cache: a folder of the user's; about the graph's size once more, or twice.
        options: makes the session options that the graph will be used with.

    Raises:
        OutputError: the cache cannot be written.
        BundleError: the bundle's files were altered. The checks raise it where the packed ones were.
    """
    name = Path(entry.files[0].name)
    place = cache / f"{name.stem}-{_key(entry)}"
    _clear_leftovers(cache, name.stem)
    if _recorded(place) is None:
        if place.exists():
            _log.warning("%s is not as it was packed, or has no record of it; packing it again", place)
        else:
            _log.info("packing %s into %s", name, place)
        for file in entry.files:
            check_file(bundle, file)
        _pack(bundle / name, place, options())
    return place / name, [partial(_check, place, file) for file in _recorded(place) or ()]


def _pack(graph: Path, place: Path, options: Any) -> None:
    """Write the packed graph next to its place, then rename: a process that is killed leaves nothing half done."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{place.name}-", dir=place.parent, ignore_cleanup_errors=True
        ) as working:
            packed = Path(working, "packed")
            packed.mkdir()
            _save(graph, packed / graph.name, options)
            _write_record(packed)
            if _recorded(place) is None:
                if place.exists():
                    place.rename(Path(working, "replaced"))  # who has it mapped keeps it
                packed.rename(place)
    except OSError as error:
        # Two processes may pack at a time; the second uses the first one's.
        if _recorded(place) is None:
            raise OutputError(f"cannot keep packed weights in {place}: {error}") from error
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise OutputError(f"cannot pack {graph} into {place}: {error}") from error


def _write_record(folder: Path) -> None:
    files = [dataclasses.asdict(describe_file(path)) for path in sorted(folder.iterdir())]
    (folder / _RECORD).write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")


def _recorded(place: Path) -> list[FileEntry] | None:
    """The files of a folder by its record, where they are all there with their lengths."""
    try:
        files = [FileEntry(**file) for file in json.loads((place / _RECORD).read_text(encoding="utf-8"))]
        for file in files:
            check_presence(place, file)
    except (OSError, ValueError, TypeError, BundleError):
        return None
    return files


def _check(place: Path, file: FileEntry) -> None:
    """Compare a file with its record; without a record the folder is packed again at the next load."""
    try:
        check_file(place, file)
    except BundleError as error:
        (place / _RECORD).unlink(missing_ok=True)
        raise BundleError(f"{place / file.name} is not as it was packed; it is packed again next time") from error


def _clear_leftovers(cache: Path, graph: str) -> None:
    """Remove what killed processes left of packing a graph, for whatever processor."""
    for folder in cache.glob(f".{graph}-{'[0-9a-f]' * 16}-*"):
        with contextlib.suppress(OSError):  # another process removes it too
            if time.time() - folder.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _save(graph: Path, target: Path, options: Any) -> None:
    options.optimized_model_filepath = str(target)
    settings = {
        "session.optimized_model_external_initializers_file_name": f"{target.name}.data",
        "session.optimized_model_external_initializers_min_size_in_bytes": str(_SMALLEST_MAPPED),
        "session.save_external_prepacked_constant_initializers": "1",
    }
    for key, value in settings.items():
        options.add_session_config_entry(key, value)
    # Severity 4: it warns that the result is for this processor, which is the point.
    options.log_severity_level = 4
    ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _key(entry: GraphEntry) -> str:
    """What the packed weights depend on: the graph, ONNX Runtime, and the processor with its instructions."""
    parts = [file.sha256 for file in entry.files]
    parts += [ort.__version__, platform.system(), platform.machine(), platform.processor(), *_processor_features()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _processor_features() -> list[str]:
    """Model and instruction sets as Linux reports them; elsewhere `platform.processor`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    return sorted({line for line in lines if line.startswith(wanted)})

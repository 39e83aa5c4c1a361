"""Graphs with their weights laid out for this machine, in a file that processes map and share.

ONNX Runtime rearranges the weights of products for the processor when it loads a graph, into memory of the process's
own. Saved once in that arrangement, they are mapped from the file instead: the next process starts sooner, and all
processes on the machine have one copy between them.
"""

import hashlib
import logging
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparktts_onnx.bundle.manifest import GraphEntry
from sparktts_onnx.errors import OutputError
from sparktts_onnx.runtime.onnx_runtime import ort

_SMALLEST_MAPPED = 1024
"""Bytes below which a weight stays in the `.onnx` file."""

_log = logging.getLogger(__name__)


def packed_graph(bundle: Path, entry: GraphEntry, cache: Path, *, options: Callable[[], Any]) -> Path:
    """The graph's file in `cache`, made if it is not there. The packed file is good for this kind of processor only.

    Args:
        bundle: folder of the graph's own files.
        entry: those files.
        cache: a folder of the user's; about the graph's size once more, or twice.
        options: makes the session options that the graph will be used with.

    Raises:
        OutputError: the cache cannot be written.
    """
    name = Path(entry.files[0].name)
    place = cache / f"{name.stem}-{_key(entry)}"
    if not place.is_dir():
        _log.info("packing %s into %s", name, place)
        _pack(bundle / name, place, options())
    return place / name


def _pack(graph: Path, place: Path, options: Any) -> None:
    """Write the packed graph beside its place, then rename: a process that is killed leaves nothing half done."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise OutputError(f"cannot keep packed weights in {place.parent}: {error}") from error
    try:
        _save(graph, working / graph.name, options)
        if not place.is_dir():
            working.rename(place)
    except OSError as error:
        # Two processes may pack at a time; whoever comes second uses the first one's.
        if not place.is_dir():
            raise OutputError(f"cannot keep packed weights in {place}: {error}") from error
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise OutputError(f"cannot pack {graph} into {place}: {error}") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


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
    """Model and instruction sets as Linux tells them; elsewhere `platform.processor` has to do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    wanted = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    return sorted({line for line in lines if line.startswith(wanted)})

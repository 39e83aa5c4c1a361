"""The machine: what it is, and whether it computes bfloat16."""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch

PACKAGES = ("sparktts-onnx", "torch", "transformers", "llama-cpp-python", "numpy", "faster-whisper")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_MATRIX = 256
_WORTH_MEASURING = 0.25


def describe() -> dict[str, Any]:
    """Processor, cores, memory and the versions of what is compared."""
    return {
        "cpu": _cpu("model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "flags": [flag for flag in _FLAGS if flag in _cpu("flags").split()],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {"onnxruntime": ort.__version__, **{name: _version(name) for name in PACKAGES}},
    }


def load_average() -> list[float]:
    """Running processes over the last 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def computes_bfloat16() -> bool:
    """Whether PyTorch multiplies bfloat16 matrices at a rate comparable to float32's.

    Without instructions for them it does so a number at a time, fifty times as slow and more.
    """
    float32, bfloat16 = (_product_seconds(dtype) for dtype in (torch.float32, torch.bfloat16))
    return _WORTH_MEASURING * bfloat16 < float32


def _product_seconds(dtype: torch.dtype) -> float:
    left, right = (torch.ones(_MATRIX, _MATRIX, dtype=dtype) for _ in range(2))
    return _best_seconds(lambda: left @ right, 3)


def _best_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Shortest of several runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # A build of one's own that was only put on the path.
        module = sys.modules.get(name.removesuffix("-python").replace("-", "_"))
        version: str | None = getattr(module, "__version__", None)
        return version


def _cpu(key: str) -> str:
    """A value of the first processor's description."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")

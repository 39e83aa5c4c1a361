"""The machine: what it is, and whether it computes bfloat16."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch

PACKAGES = ("sparktts-onnx", "torch", "transformers", "llama-cpp-python", "numpy", "faster-whisper")
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def describe() -> dict[str, Any]:
    """The day, processor, cores, memory and the versions of what is compared."""
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": _cpu("model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "flags": [flag for flag in _FLAGS if flag in _cpu("flags").split()],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {"onnxruntime": ort.__version__, **{name: _version(name) for name in PACKAGES}},
    }


def computes_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices: without instructions for it, PyTorch takes minutes."""
    return any(flag.endswith("bf16") for flag in describe()["flags"])


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu(key: str) -> str:
    """A value of the first processor's description."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")

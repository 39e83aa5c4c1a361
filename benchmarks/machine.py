"""The machine: what it is, and how fast it reads memory and multiplies matrices."""

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper

from benchmarks.settings import READ_SIZES_MIB, read_rate_name

PACKAGES = ("sparktts-onnx", "torch", "transformers", "llama-cpp-python", "numpy")
_MIB = 1 << 20
_MATRIX, _SMALL_MATRIX = 2048, 256
_WORTH_MEASURING = 0.25


def describe() -> dict[str, Any]:
    """Processor, cores, memory and the versions of what is compared."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(_memory_bytes() / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "flags": [
            flag
            for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
            if flag in _cpu_flags()
        ],
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
    float32, bfloat16 = (_torch_rate(dtype, 3, _SMALL_MATRIX) for dtype in (torch.float32, torch.bfloat16))
    return bfloat16 > _WORTH_MEASURING * float32


def rates(threads: int, original: Sequence[str], *, repeats: int = 5) -> dict[str, float]:
    """Best of several runs: memory read, and products of matrices in each library, in the formats of the original."""
    return {
        **{
            read_rate_name(size): max(_read_rate(threads, size, 2 * repeats), _torch_read_rate(size, 2 * repeats))
            for size in READ_SIZES_MIB
        },
        "onnxruntime_float32_gflop_s": _onnx_rate(threads, repeats),
        **{f"torch_{name}_gflop_s": _torch_rate(getattr(torch, name), repeats) for name in original},
    }


def best_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Shortest of several runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def _read_rate(threads: int, size_mib: int, repeats: int) -> float:
    """Each thread forms the dot product of its share with itself: one read of every byte."""
    data = np.ones(size_mib * _MIB // 4, np.float32)
    parts = np.array_split(data, threads)
    with ThreadPoolExecutor(threads) as pool:
        seconds = best_seconds(lambda: list(pool.map(lambda part: np.dot(part, part), parts)), repeats)
    return data.nbytes / seconds / 1e9


def _torch_read_rate(size_mib: int, repeats: int) -> float:
    """A matrix times a vector, as decoding does it."""
    matrix = torch.ones(size_mib * _MIB // 4 // 1024, 1024)
    vector = torch.ones(1024)
    return matrix.nbytes / best_seconds(lambda: torch.mv(matrix, vector), repeats) / 1e9


def _torch_rate(dtype: torch.dtype, repeats: int, size: int = _MATRIX) -> float:
    left, right = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    return _gflop_s(best_seconds(lambda: left @ right, repeats), size)


def _onnx_rate(threads: int, repeats: int) -> float:
    shape = [_MATRIX, _MATRIX]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", tensors[:2], tensors[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    matrix = np.ones(shape, np.float32)
    onnx.checker.check_model(model)
    return _gflop_s(best_seconds(lambda: session.run(None, {"a": matrix, "b": matrix}), repeats))


def _gflop_s(seconds: float, size: int = _MATRIX) -> float:
    return 2 * size**3 / seconds / 1e9


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # A build of one's own that was only put on the path.
        module = sys.modules.get(name.removesuffix("-python").replace("-", "_"))
        version: str | None = getattr(module, "__version__", None)
        return version


def _cpu_model() -> str:
    return next(
        (line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")), platform.processor()
    )


def _cpu_flags() -> set[str]:
    return next((set(line.split(":")[1].split()) for line in _cpu_lines() if line.startswith("flags")), set())


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0

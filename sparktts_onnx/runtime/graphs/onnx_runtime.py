"""ONNX Runtime, imported once and in one place.

ONNX Runtime 1.29 and later sends telemetry unless `ORT_DISABLE_TELEMETRY` is set before its first import, so
nothing else in this package imports it.
"""

import os

from sparktts_onnx.errors import MissingDependencyError

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime as ort
except ImportError as error:
    raise MissingDependencyError(
        "sparktts_onnx", needs="ONNX Runtime (extra cpu, cuda, directml or openvino)", extra="cpu"
    ) from error

__all__ = ["ort"]

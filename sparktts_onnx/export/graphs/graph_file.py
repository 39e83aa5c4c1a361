"""An ONNX file written node by node, its weights streamed to a file beside it that a runtime can map."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from sparktts_onnx.export.graphs.graph_store import EXTERNAL_BYTES, write_beside

MICROSOFT = "com.microsoft"
"""Operator domain of ONNX Runtime's fused operators."""
_logger = logging.getLogger(__name__)


class GraphFile:
    """Builds one graph; `with` it, then call `finish`. Weights go to disk at once and are not kept."""

    def __init__(self, path: Path, *, opset: int) -> None:
        self._path = path
        self.opset = opset
        self._data_path = path.with_name(path.name + ".data")
        self._data = self._data_path.open("wb")
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def __enter__(self) -> "GraphFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def weight(self, name: str, array: np.ndarray) -> str:
        """Store a tensor once, under its name, and return the name."""
        if name in self._initializers:
            raise ValueError(f"two weights are called {name}")
        if array.nbytes >= EXTERNAL_BYTES:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self._initializers[name] = TensorProto(name=name, data_type=kind, dims=array.shape)
            write_beside(self._data, self._data_path.name, self._initializers[name], array)
        else:
            self._initializers[name] = onnx.numpy_helper.from_array(array, name)
        return name

    def shared(self, name: str, array: np.ndarray) -> str:
        """Store a small constant that several nodes use; the first call writes it."""
        return name if name in self._initializers else self.weight(name, array)

    def op(
        self,
        kind: str,
        inputs: Sequence[str],
        name: str,
        *,
        outputs: int | Sequence[str] = 1,
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a node; its outputs are called after it. Returns the first output's name."""
        names = [name if i == 0 else f"{name}:{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
        self._nodes.append(helper.make_node(kind, list(inputs), list(names), name, domain=domain, **(attributes or {})))
        return names[0]

    def finish(
        self,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        *,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Write the `.onnx` file; the weights file is complete then."""
        graph = helper.make_graph(
            self._nodes, self._path.stem, list(inputs), list(outputs), list(self._initializers.values())
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="sparktts-onnx")
        model.ir_version = helper.find_min_ir_version_for([opsets[0]], ignore_unknown=True)
        helper.set_model_props(model, dict(properties or {}))
        self._data.close()
        onnx.save(model, self._path)
        _logger.debug("wrote %s: %d nodes, %d bytes of weights", self._path, len(self._nodes), self.data_bytes)

    @property
    def data_bytes(self) -> int:
        """Length of the weights file so far."""
        return self._data_path.stat().st_size if self._data.closed else self._data.tell()


def declare(name: str, dtype: str, axes: Sequence[str | int]) -> onnx.ValueInfoProto:
    """Declare an input or output; strings name dynamic axes."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(axes))

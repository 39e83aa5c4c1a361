"""ONNX files with their weights beside them, where a runtime can map them: one written node by node, or one traced."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sparktts_onnx.bundle.contract import Tensor
from sparktts_onnx.errors import ExportError

MICROSOFT = "com.microsoft"
"""Operator domain of ONNX Runtime's fused operators."""
EXTERNAL_BYTES = 1024
"""Weights of at least this many bytes go to the file beside the graph; shape inference sees smaller ones."""
_PAGE = 4096
"""Weights start at multiples of this, so that a runtime can map them."""


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
        if array.nbytes >= EXTERNAL_BYTES:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self._initializers[name] = TensorProto(name=name, data_type=kind, dims=array.shape)
            write_beside(self._data, self._data_path.name, self._initializers[name], array)
        else:
            self._initializers[name] = numpy_helper.from_array(array, name)
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
        outputs: Sequence[str] = (),
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Add a node, whose one output is called as it is where none are named. Returns the first output's name."""
        names = list(outputs) or [name]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name, domain=domain, **attributes))
        return names[0]

    def finish(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Write the `.onnx` file; the weights file is complete then."""
        ends = [declare(tensor) for tensor in inputs], [declare(tensor) for tensor in outputs]
        graph = helper.make_graph(self._nodes, self._path.stem, *ends, list(self._initializers.values()))
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="sparktts-onnx")
        model.ir_version = helper.find_min_ir_version_for([opsets[0]], ignore_unknown=True)
        self._data.close()
        onnx.save(model, self._path)


class GraphComparison(GraphFile):
    """Takes the calls that wrote a graph and writes nothing: `strangers` are weights that its file has otherwise."""

    def __init__(self, path: Path) -> None:
        model = onnx.load(path, load_external_data=False)
        self.opset = next(entry.version for entry in model.opset_import if entry.domain == "")
        self.strangers: list[str] = []
        self._folder = path.parent
        self._nodes = []
        self._initializers = {}
        self._stored = {entry.name: entry for entry in model.graph.initializer}

    def __exit__(self, *_: object) -> None:
        """There is no file to close."""

    def weight(self, name: str, array: np.ndarray) -> str:
        """Compare a tensor with the file's, bit for bit."""
        self._initializers[name] = stored = self._stored.get(name, TensorProto())
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        same = stored.data_type == kind and tuple(stored.dims) == array.shape
        if not (same and _bits(numpy_helper.to_array(stored, base_dir=str(self._folder))) == _bits(array)):
            self.strangers.append(name)
        return name

    def finish(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Nothing is written."""


def _bits(array: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array).data).digest()


def declare(tensor: Tensor) -> onnx.ValueInfoProto:
    """Declare an input or output."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return helper.make_tensor_value_info(tensor.name, kind, list(tensor.axes))


def tidy(model: onnx.ModelProto, name: str) -> None:
    """Name the graph and drop what nothing reads."""
    model.graph.name = name
    model.producer_name, model.producer_version = "sparktts-onnx", ""
    foreign = sorted({node.domain for node in model.graph.node if node.domain not in ("", "ai.onnx")})
    if foreign:
        raise ExportError(f"{name} uses operators of {foreign[0]}; only standard ones are portable")
    used = {given for node in model.graph.node for given in node.input}
    unused = [entry for entry in model.graph.initializer if entry.name not in used]
    for entry in unused:
        model.graph.initializer.remove(entry)
    for node in model.graph.node:
        node.ClearField("doc_string")


def save_graph(model: onnx.ModelProto, target: Path) -> list[Path]:
    """Write a graph and its weights; returns the files, the graph first."""
    data = target.with_name(target.name + ".data")
    with data.open("wb") as file:
        for entry in model.graph.initializer:
            array = numpy_helper.to_array(entry)
            if array.nbytes >= EXTERNAL_BYTES:
                write_beside(file, data.name, entry, array)
        empty = file.tell() == 0
    if empty:
        data.unlink()
    target.write_bytes(model.SerializeToString(deterministic=True))
    return [target] if empty else [target, data]


def write_beside(file: BinaryIO, location: str, entry: onnx.TensorProto, array: np.ndarray) -> None:
    """Append a weight to the file beside a graph, where it can be mapped, and let the graph's entry point there."""
    file.write(b"\0" * (-file.tell() % _PAGE))
    offset = file.tell()
    file.write(np.ascontiguousarray(array).data)
    for kind in ("raw_data", "float_data", "int64_data", "int32_data"):
        entry.ClearField(kind)
    entry.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": array.nbytes}.items():
        entry.external_data.add(key=key, value=str(value))


def store_half(model: onnx.ModelProto) -> None:
    """Keep large float32 weights as float16 in the file; a Cast gives them back, folded when the graph is loaded."""
    casts = []
    for entry in model.graph.initializer:
        array = numpy_helper.to_array(entry)
        if array.dtype == np.float32 and array.nbytes >= EXTERNAL_BYTES:
            name = entry.name
            entry.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantize_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights in 8 bits with a scale for each row: int8 [rows, inputs] and float32 [rows], symmetric."""
    scales = np.abs(weight).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales >= np.finfo(np.float32).tiny)
    return np.rint(weight * inverse[:, None]).astype(np.int8), scales

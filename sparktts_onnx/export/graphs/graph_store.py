"""ONNX files with their weights beside them, where a runtime can map them."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
from onnx import numpy_helper

from sparktts_onnx.errors import ExportError

EXTERNAL_BYTES = 1024
"""Weights of at least this many bytes go to the file beside the graph; shape inference sees smaller ones."""
_PAGE = 4096
"""Weights start at multiples of this, so that a runtime can map them."""


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
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    return np.rint(weight * inverse[:, None]).astype(np.int8), scales

"""A written graph as the manifest describes it, read from its file."""

from collections.abc import Sequence
from pathlib import Path

import onnx

from sparktts_onnx.bundle.manifest import GraphEntry, Tensor, describe_file
from sparktts_onnx.export.verify.graphs import Check, summary


def describe_graph(files: Sequence[Path], *, precision: str, checks: Sequence[Check]) -> GraphEntry:
    """The entry of a graph; `checks` are those that it passed, none where nothing was verified."""
    model = onnx.load(files[0], load_external_data=False)
    optional = {entry.name for entry in model.graph.initializer}
    return GraphEntry(
        files=tuple(describe_file(path) for path in files),
        opset=next(entry.version for entry in model.opset_import if entry.domain == ""),
        precision=precision,
        inputs=tuple(_tensor(entry) for entry in model.graph.input if entry.name not in optional),
        outputs=tuple(_tensor(entry) for entry in model.graph.output),
        options=tuple(_tensor(entry) for entry in model.graph.input if entry.name in optional),
        verification=summary(checks) if checks else None,
    )


def _tensor(entry: onnx.ValueInfoProto) -> Tensor:
    kind = entry.type.tensor_type
    axes = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    return Tensor(entry.name, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, axes)

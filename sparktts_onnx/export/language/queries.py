"""Queries of attention heads, read out of the language model's graph: what shows where in its text an answer is."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sparktts_onnx.bundle.contract import QUERIES, Tensor
from sparktts_onnx.bundle.manifest import AlignmentHead
from sparktts_onnx.export.graph_file import declare


def add_queries(path: Path, heads: Sequence[AlignmentHead], *, group: int) -> None:
    """Give a written graph the output `queries` [B, heads, Dh]: of the last new id, before rotation.

    Every other output stays as it is, bit for bit.

    Args:
        path: `language_model.onnx`; its weights file stays as it is.
        heads: of the checkpoint, in ascending order of their layers.
        group: query heads for each key head in the checkpoint; in the graph there may be more.
    """
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    dtype, width = _cache_kind(graph)
    _constant(graph, "queries.last", np.array(-1, np.int64))
    _constant(graph, "queries.shape", np.array([0, -1, width], np.int64))
    parts = []
    for layer, members in groupby(heads, key=lambda head: head.layer):
        attention = next(node for node in graph.node if node.name == f"layers.{layer}/attention")
        sizes = {entry.name: helper.get_attribute_value(entry) for entry in attention.attribute}
        stored_group = sizes["num_heads"] // sizes["kv_num_heads"]
        rows = [head.key_head * stored_group + head.head % group for head in members]
        parts.append(_queries_of_layer(graph, layer, attention.input[0], rows))
    graph.node.append(helper.make_node("Concat", parts, [QUERIES], QUERIES, axis=1))
    graph.output.append(declare(Tensor(QUERIES, dtype, ("B", len(heads), width))))
    onnx.save(model, path)


def expose_projections(path: Path, target: Path) -> list[str]:
    """Write a copy of a graph that gives every layer's fused projection, and return these outputs' names.

    Each is [B, S, (heads + 2 · key heads) · Dh], of all new ids; `target` lies beside the graph's weights.
    """
    model = onnx.load(path, load_external_data=False)
    dtype, _ = _cache_kind(model.graph)
    names = [node.input[0] for node in model.graph.node if node.op_type == "GroupQueryAttention"]
    tensors = [Tensor(name, dtype, ("B", "S", f"W{index}")) for index, name in enumerate(names)]
    model.graph.output.extend(map(declare, tensors))
    onnx.save(model, target)
    return names


def _queries_of_layer(graph: onnx.GraphProto, layer: int, qkv: str, rows: Sequence[int]) -> str:
    """Add what picks heads, by their places among all, of the last position: [B, len(rows), Dh]."""
    name = f"{QUERIES}.{layer}"
    chosen = _constant(graph, f"{name}.heads", np.array(rows, np.int64))
    graph.node.extend(
        [
            helper.make_node("Gather", [qkv, "queries.last"], [f"{name}/last"], f"{name}/last", axis=1),
            helper.make_node("Reshape", [f"{name}/last", "queries.shape"], [f"{name}/all"], f"{name}/all"),
            helper.make_node("Gather", [f"{name}/all", chosen], [name], name, axis=1),
        ]
    )
    return name


def _cache_kind(graph: onnx.GraphProto) -> tuple[str, int]:
    """The cache's dtype and the width of a head, Dh."""
    kind = next(entry for entry in graph.output if entry.name == "present.0.key").type.tensor_type
    return helper.tensor_dtype_to_np_dtype(kind.elem_type).name, kind.shape.dim[3].dim_value


def _constant(graph: onnx.GraphProto, name: str, array: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(array, name))
    return name

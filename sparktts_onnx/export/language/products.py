"""Products with the language model's weights in floating point; `quantize` has those in fewer bits."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from sparktts_onnx.export.graphs.graph_file import GraphFile


class Products:
    """How weights are stored and multiplied with: as they are, where a precision says nothing else."""

    dtype = "float32"
    """Of the activations, the norms and the attention cache."""
    query_groups: Sequence[int] = ()
    """Numbers of query heads for each key head that attention is fastest for; none if all are the same to it."""

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        """Add x [.., in] · weightᵀ + bias; `weight` is float32 [out, in]."""
        product = graph.op("MatMul", [x, graph.weight(f"{name}.weight", weight.T)], f"{name}/product")
        return product if bias is None else add_bias(graph, product, name, bias)

    def embed(self, graph: GraphFile, ids: str, name: str, *, table: np.ndarray) -> str:
        """Add the rows of `table` float32 [vocabulary, D] that `ids` name."""
        return gather(graph, graph.weight(f"{name}.weight", table), ids, f"{name}/rows")

    def head(self, graph: GraphFile, x: str, *, table: np.ndarray, first: int, stop: int, tied: bool) -> str:
        """Add x · table[first:stop]ᵀ in float32, for the sampler; `tied`: the table is the one that was embedded."""
        return self.linear(graph, x, "head", weight=table[first:stop], bias=None)


class HalfProducts(Products):
    """Weights and activations in float16: for accelerators. A processor computes it in float32, cast for cast.

    CUDA's fastest attention for a step, XQA, is there for some numbers of query heads only, and 7 is not one of them.
    """

    dtype = "float16"
    query_groups = (1, 2, 4, 5, 8, 16, 32)

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        half = None if bias is None else bias.astype(np.float16)
        return super().linear(graph, x, name, weight=weight.astype(np.float16), bias=half)

    def embed(self, graph: GraphFile, ids: str, name: str, *, table: np.ndarray) -> str:
        return super().embed(graph, ids, name, table=table.astype(np.float16))

    def head(self, graph: GraphFile, x: str, *, table: np.ndarray, first: int, stop: int, tied: bool) -> str:
        return to_float32(graph, super().head(graph, x, table=table, first=first, stop=stop, tied=tied))


def half_stored_product(graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
    """Add x · weightᵀ + bias in float32, the weight stored as float16; a provider folds the cast when it loads it."""
    stored = to_float32(graph, graph.weight(f"{name}.weight", weight.T.astype(np.float16)))
    product = graph.op("MatMul", [x, stored], f"{name}/product")
    return product if bias is None else add_bias(graph, product, name, bias)


def add_bias(graph: GraphFile, x: str, name: str, bias: np.ndarray) -> str:
    """Add a bias to a product."""
    return graph.op("Add", [x, graph.weight(f"{name}.bias", bias)], f"{name}/sum")


def gather(graph: GraphFile, table: str, ids: str, name: str) -> str:
    """Add the rows of a stored table that `ids` name."""
    return graph.op("Gather", [table, ids], name, attributes={"axis": 0})


def to_float32(graph: GraphFile, x: str) -> str:
    """Add a cast."""
    return graph.op("Cast", [x], f"{x}/float32", attributes={"to": TensorProto.FLOAT})

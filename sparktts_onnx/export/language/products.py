"""Products with the language model's weights: how each precision stores them and multiplies with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from sparktts_onnx.bundle.contract import Precision
from sparktts_onnx.export.graph_file import MICROSOFT, GraphFile, quantize_rows
from sparktts_onnx.export.language.quantize import block_of, quantize


class Products:
    """How weights are stored and multiplied with: as they are, where a precision says nothing else."""

    dtype = "float32"
    """Of the activations, the norms and the attention cache."""
    query_groups: Sequence[int] = ()
    """Numbers of query heads for each key head that attention is fastest for; none if all are the same to it."""

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        """Add x [.., in] · weightᵀ + bias; `weight` is float32 [out, in]."""
        product = graph.op("MatMul", [x, graph.weight(f"{name}.weight", weight.T)], f"{name}/product")
        return _biased(graph, product, name, bias)

    def embed(self, graph: GraphFile, ids: str, name: str, *, table: np.ndarray) -> str:
        """Add the rows of `table` float32 [vocabulary, D] that `ids` name."""
        return graph.op("Gather", [graph.weight(f"{name}.weight", table), ids], f"{name}/rows", axis=0)

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
        return _to_float32(graph, super().head(graph, x, table=table, first=first, stop=stop, tied=tied))


class RowProducts(Products):
    """Products in 8-bit integers: a scale for each row of activations, as they come, and for each column of weights.

    Integer sums are exact, so a row's result does not depend on how many rows are multiplied with it.
    """

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        stored, scales = quantize_rows(weight)
        columns = graph.weight(f"{name}.weight", stored.T), graph.weight(f"{name}.scales", scales)
        product = _integer_product(graph, x, name, *columns)
        return _biased(graph, product, name, bias)

    def embed(self, graph: GraphFile, ids: str, name: str, *, table: np.ndarray) -> str:
        """Add the rows of `table` that `ids` name; only those are read and converted."""
        stored, scales = quantize_rows(table)
        rows = graph.op("Gather", [graph.weight(f"{name}.weight", stored), ids], f"{name}/bytes", axis=0)
        column = graph.weight(f"{name}.scales", scales[:, None])
        row_scales = graph.op("Gather", [column, ids], f"{name}/row_scales", axis=0)
        return graph.op("Mul", [_to_float32(graph, rows), row_scales], f"{name}/rows")

    def head(self, graph: GraphFile, x: str, *, table: np.ndarray, first: int, stop: int, tied: bool) -> str:
        """Add x · table[first:stop]ᵀ; a tied head is a view of the embedding's rows, made at loading."""
        if not tied:
            return super().head(graph, x, table=table, first=first, stop=stop, tied=tied)
        bounds = [
            graph.shared(f"head.{key}", np.array([row], np.int64)) for key, row in (("first", first), ("stop", stop))
        ]
        rows = graph.op("Slice", ["embedding.weight", *bounds], "head/rows")
        columns = graph.op("Transpose", [rows], "head/columns", perm=[1, 0])
        scales = graph.op("Slice", ["embedding.scales", *bounds], "head/row_scales")
        flat = graph.op("Reshape", [scales, graph.shared("head.flat", np.array([-1], np.int64))], "head/scales")
        return _integer_product(graph, x, "head", columns, flat)


def _integer_product(graph: GraphFile, x: str, name: str, columns: str, scales: str) -> str:
    """Add x [.., in] · columns int8 [in, out] · scales [out]; x is stored in bytes on the way."""
    largest = _largest(graph, x, name)
    shares = graph.op("Div", [x, largest], f"{name}/shares")
    zero = graph.shared("row_products.zero", np.array(128, np.uint8))
    step = graph.shared("row_products.step", np.array(1 / 127, np.float32))
    stored = graph.op("QuantizeLinear", [shares, step, zero], f"{name}/bytes")
    inputs = [stored, columns, step, scales, zero]
    product = graph.op("MatMulIntegerToFloat", inputs, f"{name}/product", domain=MICROSOFT)
    return graph.op("Mul", [product, largest], f"{name}/scaled")


def _largest(graph: GraphFile, x: str, name: str) -> str:
    """The largest magnitude of each row of x: [.., 1], never 0."""
    magnitudes = graph.op("Abs", [x], f"{name}/magnitudes")
    if graph.opset >= 18:
        axes = graph.shared("row_products.axes", np.array([-1], np.int64))
        largest = graph.op("ReduceMax", [magnitudes, axes], f"{name}/largest", keepdims=1)
    else:
        largest = graph.op("ReduceMax", [magnitudes], f"{name}/largest", keepdims=1, axes=[-1])
    least = graph.shared("row_products.least", np.array(1e-20, np.float32))
    return graph.op("Max", [largest, least], f"{name}/divisor")


class BlockProducts(RowProducts):
    """Products with weights in blocks of 4 bits; the embedding and the head stay in 8 bits, in rows.

    On a trained voice that takes a third off the divergence that 4 bits cause, for 2 % of the bytes that a token reads.
    """

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        outputs, inputs = weight.shape
        block = block_of(inputs)
        if block is None:  # In float16; a provider folds the cast when it loads it.
            stored = _to_float32(graph, graph.weight(f"{name}.weight", weight.T.astype(np.float16)))
            return _biased(graph, graph.op("MatMul", [x, stored], f"{name}/product"), name, bias)
        packed, scales = quantize(weight, block)
        given = [x, graph.weight(f"{name}.weight", packed), graph.weight(f"{name}.scales", scales)]
        if bias is not None:
            given += ["", "", graph.weight(f"{name}.bias", bias)]
        # Level 4: activations in 8 bits, a scale for each of their blocks.
        sizes: dict[str, Any] = {"N": outputs, "K": inputs, "bits": 4, "block_size": block, "accuracy_level": 4}
        return graph.op("MatMulNBits", given, f"{name}/product", domain=MICROSOFT, **sizes)


PRODUCTS: Mapping[Precision, Products] = {
    "fp32": Products(),
    "fp16": HalfProducts(),
    "int8": RowProducts(),
    "int4": BlockProducts(),
}


def _biased(graph: GraphFile, product: str, name: str, bias: np.ndarray | None) -> str:
    """Add a bias to a product, where there is one."""
    return product if bias is None else graph.op("Add", [product, graph.weight(f"{name}.bias", bias)], f"{name}/sum")


def _to_float32(graph: GraphFile, x: str) -> str:
    """Add a cast."""
    return graph.op("Cast", [x], f"{x}/float32", to=TensorProto.FLOAT)

"""Weights of the language model in 4 or 8 bits: blocks along the input, a scale a block, symmetric around zero."""

from dataclasses import dataclass

import numpy as np

from sparktts_onnx.export.graphs.graph_file import MICROSOFT, GraphFile, quantize_rows
from sparktts_onnx.export.language.products import Products, add_bias, gather, half_stored_product, to_float32

SMALLEST_BLOCK = 16
"""That the operators know."""
_CHUNK_WEIGHTS = 1 << 20
"""Weights that are quantized together: the search's temporaries stay in the cache."""
_SHRINKS = {4: (1.0, 0.95, 0.9, 0.85, 0.8), 8: (1.0,)}
"""Scales that the search tries, as parts of the one that just holds the largest weight."""


@dataclass(frozen=True)
class BlockFormat:
    """How weights are stored."""

    bits: int
    """4 or 8."""
    block: int
    """Weights that share a scale."""

    @property
    def zero(self) -> int:
        """The stored value that means 0."""
        return 1 << (self.bits - 1)

    def blocks(self, inputs: int) -> int:
        """Blocks that a row of so many weights takes."""
        return -(-inputs // self.block)

    def fitted(self, inputs: int) -> "BlockFormat":
        """The same with the largest block, up to this one, that divides a row evenly; else with the smallest.

        Smaller blocks are finer, so nothing is lost but bytes.
        """
        block = self.block
        while block > SMALLEST_BLOCK and inputs % block:
            block //= 2
        return BlockFormat(self.bits, block)


def quantize(weight: np.ndarray, form: BlockFormat) -> tuple[np.ndarray, np.ndarray]:
    """Stored values and scales of float32 [rows, inputs]: uint8 [rows, blocks, bytes], float32 [rows, blocks]."""
    rows, inputs = weight.shape
    blocks = form.blocks(inputs)
    stored = np.empty((rows, blocks, form.block), np.uint8)
    scales = np.empty((rows, blocks), np.float32)
    step = max(1, _CHUNK_WEIGHTS // (blocks * form.block))
    for start in range(0, rows, step):
        part = np.pad(weight[start : start + step], ((0, 0), (0, blocks * form.block - inputs)))
        values, scale = _quantize_blocks(part.reshape(-1, form.block), form)
        stored[start : start + step] = values.reshape(-1, blocks, form.block)
        scales[start : start + step] = scale.reshape(-1, blocks)
    return pack(stored, form), scales


def pack(stored: np.ndarray, form: BlockFormat) -> np.ndarray:
    """Two 4-bit values a byte, the first in the low half; 8-bit values as they are."""
    if form.bits == 8:
        return stored
    packed: np.ndarray = stored[..., 0::2] | (stored[..., 1::2] << 4)
    return packed


def _quantize_blocks(weights: np.ndarray, form: BlockFormat) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, block] and float32 [n, 1] of float32 [n, block], of the least squared error that the search finds.

    The largest weight takes the most negative value, -2^(bits-1), so a scale carries its sign.
    """
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1)
    best_scale = np.zeros_like(largest)
    best_error = np.full_like(largest, np.inf)
    for shrink in _SHRINKS[form.bits]:
        scale = largest * np.float32(-shrink / form.zero)
        scale = _refit(weights, _round(weights, scale, form), scale)
        error = np.square(_round(weights, scale, form) * scale - weights).sum(axis=1, keepdims=True)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scale = np.where(better, scale, best_scale)
    return (_round(weights, best_scale, form) + form.zero).astype(np.uint8), best_scale


def _round(weights: np.ndarray, scale: np.ndarray, form: BlockFormat) -> np.ndarray:
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    rounded: np.ndarray = np.clip(np.rint(weights * inverse), -form.zero, form.zero - 1)
    return rounded


def _refit(weights: np.ndarray, rounded: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The scale of least squared error for given roundings."""
    square = np.square(rounded).sum(axis=1, keepdims=True)
    product = (rounded * weights).sum(axis=1, keepdims=True)
    refitted: np.ndarray = np.divide(product, square, out=scale.copy(), where=square > 0)
    return refitted


class RowProducts(Products):
    """Products in 8-bit integers: a scale for each row of activations, as they come, and for each column of weights.

    Integer sums are exact, so a row's result does not depend on how many rows are multiplied with it.
    """

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        stored, scales = quantize_rows(weight)
        columns = graph.weight(f"{name}.weight", stored.T), graph.weight(f"{name}.scales", scales)
        product = _integer_product(graph, x, name, *columns)
        return product if bias is None else add_bias(graph, product, name, bias)

    def embed(self, graph: GraphFile, ids: str, name: str, *, table: np.ndarray) -> str:
        """Add the rows of `table` that `ids` name; only those are read and converted."""
        stored, scales = quantize_rows(table)
        rows = gather(graph, graph.weight(f"{name}.weight", stored), ids, f"{name}/bytes")
        row_scales = gather(graph, graph.weight(f"{name}.scales", scales[:, None]), ids, f"{name}/row_scales")
        return graph.op("Mul", [to_float32(graph, rows), row_scales], f"{name}/rows")

    def head(self, graph: GraphFile, x: str, *, table: np.ndarray, first: int, stop: int, tied: bool) -> str:
        """Add x · table[first:stop]ᵀ; a tied head is a view of the embedding's rows, made at loading."""
        if not tied:
            return super().head(graph, x, table=table, first=first, stop=stop, tied=tied)
        bounds = [
            graph.shared(f"head.{key}", np.array([row], np.int64)) for key, row in (("first", first), ("stop", stop))
        ]
        rows = graph.op("Slice", ["embedding.weight", *bounds], "head/rows")
        columns = graph.op("Transpose", [rows], "head/columns", attributes={"perm": [1, 0]})
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
    attributes = {"keepdims": 1} if graph.opset >= 18 else {"keepdims": 1, "axes": [-1]}
    axes = [graph.shared("row_products.axes", np.array([-1], np.int64))] if graph.opset >= 18 else []
    largest = graph.op("ReduceMax", [magnitudes, *axes], f"{name}/largest", attributes=attributes)
    least = graph.shared("row_products.least", np.array(1e-20, np.float32))
    return graph.op("Max", [largest, least], f"{name}/divisor")


@dataclass(frozen=True)
class BlockProducts(RowProducts):
    """Products with weights in blocks; the embedding and the head stay in 8 bits, in rows."""

    form: BlockFormat
    accuracy_level: int = 4
    """4: activations in 8 bits, a scale for each of their blocks."""

    def linear(self, graph: GraphFile, x: str, name: str, *, weight: np.ndarray, bias: np.ndarray | None) -> str:
        form = self.form.fitted(weight.shape[1])
        if weight.shape[1] % form.block:  # The operator takes whole blocks only.
            return half_stored_product(graph, x, name, weight=weight, bias=bias)
        packed, scales = quantize(weight, form)
        inputs = [x, graph.weight(f"{name}.weight", packed), graph.weight(f"{name}.scales", scales)]
        if bias is not None:
            inputs += ["", "", graph.weight(f"{name}.bias", bias)]
        attributes = {
            "N": weight.shape[0],
            "K": weight.shape[1],
            "bits": form.bits,
            "block_size": form.block,
            "accuracy_level": self.accuracy_level,
        }
        return graph.op("MatMulNBits", inputs, f"{name}/product", domain=MICROSOFT, attributes=attributes)

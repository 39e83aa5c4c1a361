"""Blocks of 4 bits, rows of 8: what is stored stands for the weights, and the search for scales pays."""

from pathlib import Path

import numpy as np
import pytest

from sparktts_onnx.bundle.contract import Tensor
from sparktts_onnx.export.graph_file import GraphFile, quantize_rows
from sparktts_onnx.export.language import quantize
from sparktts_onnx.export.language.products import RowProducts
from sparktts_onnx.runtime.graphs.onnx_runtime import ort


def rows(outputs: int = 24, inputs: int = 192) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (outputs, inputs)).astype(np.float32)


def dequantize(packed: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The weights that stored values stand for: float32 [rows, inputs]."""
    stored = np.stack([packed & 15, packed >> 4], axis=-1).reshape(*packed.shape[:-1], -1)
    weights: np.ndarray = (stored.astype(np.float32) - 8) * scales[..., None]
    return weights.reshape(len(packed), -1)


def relative_error(weight: np.ndarray, block: int) -> float:
    restored = dequantize(*quantize.quantize(weight, block))
    return float(np.sqrt(np.mean((restored - weight) ** 2)) / weight.std())


def test_weights_come_back_within_their_bits_and_smaller_blocks_are_finer() -> None:
    assert 0 < relative_error(rows(), 16) < relative_error(rows(), 32) < 0.085 < relative_error(rows(), 64)


def test_searching_for_scales_beats_the_scale_that_holds_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = relative_error(rows(), 32)
    weight = rows().reshape(-1, 32)
    largest = np.take_along_axis(weight, np.abs(weight).argmax(1)[:, None], 1)
    scale = largest / -8
    plain = np.clip(np.rint(weight / scale), -8, 7) * scale
    assert searched < 0.97 * np.sqrt(np.mean((plain - weight) ** 2)) / weight.std()


def test_stored_shapes_are_the_operator_s() -> None:
    packed, scales = quantize.quantize(rows(), 32)
    assert packed.dtype == np.uint8 and packed.shape == (24, 6, 16)
    assert scales.dtype == np.float32 and scales.shape == (24, 6)


def test_zeros_and_the_extremes_are_exact() -> None:
    weight = np.zeros((3, 64), np.float32)
    weight[1, 5], weight[2, 40] = 3.0, -7.5
    assert np.array_equal(dequantize(*quantize.quantize(weight, 32)), weight)


def test_parts_of_a_large_matrix_are_like_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = quantize.quantize(rows(), 32)
    monkeypatch.setattr(quantize, "_CHUNK_WEIGHTS", 5 * 192)
    for one, other in zip(whole, quantize.quantize(rows(), 32), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(("inputs", "block"), [(896, 32), (4864, 32), (96, 32), (80, 16), (120, None)])
def test_the_block_fits_the_row(inputs: int, block: int | None) -> None:
    assert quantize.block_of(inputs) == block


@pytest.mark.parametrize("width", [64, 22])
def test_embedded_rows_are_those_of_the_table(tmp_path: Path, width: int) -> None:
    table = rows(40, width) * np.linspace(0.1, 3, 40, dtype=np.float32)[:, None]
    with GraphFile(tmp_path / "graph.onnx", opset=17) as graph:
        graph.op("Identity", [RowProducts().embed(graph, "ids", "table", table=table)], "out")
        ids, out = Tensor("ids", "int64", ("B", "S")), Tensor("out", "float32", ("B", "S", width))
        graph.finish([ids], [out])
    session = ort.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])
    chosen = np.random.default_rng(0).permutation(40).reshape(2, 20)
    (found,) = session.run(None, {"ids": chosen})
    error = np.abs(found - table[chosen])
    limit = np.abs(table).max(axis=1)[chosen] / 254 + 1e-6
    assert found.shape == (2, 20, width) and (error <= limit[..., None]).all() and error.max() > 0


def test_weights_next_to_nothing_become_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """Their reciprocals would be infinite."""
    for size in (1e-38, 1e-40, 1e-44):
        stored, scales = quantize_rows(rows() * np.float32(size))
        assert np.abs(stored * scales[:, None]).max() <= size
        assert np.abs(dequantize(*quantize.quantize(rows() * np.float32(size), 32))).max() <= size
    assert not recwarn.list

"""Limits follow from bytes, operations and measured rates."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks import machine
from benchmarks.limits import cache_bytes, compute_seconds, count_operations, decode_limit, weight_bytes
from sparktts_onnx.bundle.manifest import LanguageModelLayout

RATES = {
    "read_256_mib_gb_s": 60.0,
    "read_384_mib_gb_s": 36.0,
    "read_1024_mib_gb_s": 40.0,
    "onnxruntime_float32_gflop_s": 400.0,
    "torch_float32_gflop_s": 200.0,
    "torch_bfloat16_gflop_s": 800.0,
}


def test_decoding_reads_the_weights_once_for_all_rows() -> None:
    assert decode_limit(0.4e9, RATES) == pytest.approx(100)
    assert decode_limit(0.4e9, RATES, rows=8) == pytest.approx(800)


def test_a_reading_counts_for_no_more_bytes_than_it_has() -> None:
    assert decode_limit(0.2e9, RATES) == pytest.approx(60 / 0.2)
    assert decode_limit(0.3e9, RATES) == pytest.approx(40 / 0.3)
    assert decode_limit(2e9, RATES) == pytest.approx(40 / 2)


def test_operations_take_the_best_rate_of_their_type() -> None:
    assert compute_seconds(400e9, RATES) == pytest.approx(1)
    assert compute_seconds(400e9, RATES, half=True) == pytest.approx(0.5)


@pytest.mark.parametrize(("rate", "worth"), [(5.0, False), (24.0, False), (26.0, True), (180.0, True)])
def test_bfloat16_is_measured_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, rate: float, worth: bool
) -> None:
    measured = {torch.float32: 100.0, torch.bfloat16: rate}
    monkeypatch.setattr(machine, "_torch_rate", lambda dtype, *_: measured[dtype])
    assert machine.computes_bfloat16() is worth


def test_operations_of_a_product_and_a_convolution_are_counted() -> None:
    linear, conv = torch.nn.Linear(10, 20, bias=False), torch.nn.Conv1d(3, 5, 7, bias=False)
    assert count_operations(lambda: linear(torch.zeros(4, 10))) == 2 * 4 * 10 * 20
    assert count_operations(lambda: conv(torch.zeros(1, 3, 16))) == 2 * 3 * 5 * 7 * 10


def test_the_embedding_is_looked_up_not_read(tmp_path: Path) -> None:
    weights = {"embedding": np.zeros((100, 8), np.float32), "head": np.zeros((8, 20), np.float32)}
    nodes = [helper.make_node("Gather", ["embedding", "ids"], ["x"]), helper.make_node("MatMul", ["x", "head"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["S"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["S", 20])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    assert weight_bytes(tmp_path / "model.onnx") == 8 * 20 * 4


def test_the_cache_is_read_as_far_as_it_is_filled() -> None:
    layout = LanguageModelLayout(24, 2, 64, 8192, "float32", 0, 10, 10)
    assert cache_bytes(layout, 450) == 2 * 24 * 2 * 64 * 4 * 450

"""Graphs made node by node and graphs exported by torch keep their weights in the same way."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from sparktts_onnx.bundle.contract import Tensor
from sparktts_onnx.export.graph_file import GraphFile, declare, save_graph

OUTPUT = Tensor("out", "uint8", ("N",))


def built(path: Path, weight: np.ndarray) -> None:
    with GraphFile(path, opset=17) as graph:
        graph.op("Identity", [graph.weight("weight", weight)], "out")
        graph.finish([], [OUTPUT])


def exported(path: Path, weight: np.ndarray) -> None:
    node = onnx.helper.make_node("Identity", ["weight"], ["out"])
    weights = [onnx.numpy_helper.from_array(weight, "weight")]
    graph = onnx.helper.make_graph([node], "graph", [], [declare(OUTPUT)], weights)
    save_graph(onnx.helper.make_model(graph), path)


@pytest.mark.parametrize("write", [built, exported])
@pytest.mark.parametrize(("size", "beside"), [(1023, False), (1024, True), (1025, True)])
def test_weights_of_a_kilobyte_lie_beside_the_graph(
    tmp_path: Path, write: Callable[[Path, np.ndarray], None], size: int, beside: bool
) -> None:
    weight = np.arange(size).astype(np.uint8)
    write(tmp_path / "graph.onnx", weight)
    (entry,) = onnx.load(tmp_path / "graph.onnx", load_external_data=False).graph.initializer
    assert (entry.data_location == onnx.TensorProto.EXTERNAL) == beside
    (kept,) = onnx.load(tmp_path / "graph.onnx").graph.initializer
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(kept), weight)

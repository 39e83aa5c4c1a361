"""The form with few multiplications answers as the convolution it stands for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from sparktts_onnx.export import short_convolution
from sparktts_onnx.export.graph_store import store_half
from sparktts_onnx.export.short_convolution import POINTS, TILE, ShortConvolution, transforms


def convolution(channels_in: int, channels_out: int, *, kernel: int, dilation: int) -> nn.Conv2d:
    """With random weights, as many samples out as in."""
    torch.manual_seed(kernel)
    border = dilation * (kernel - 1) // 2
    made = nn.Conv2d(channels_in, channels_out, (1, kernel), padding=(0, border), dilation=(1, dilation))
    return made.requires_grad_(False)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The error's share of the signal, root mean square."""
    return float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt())


@pytest.mark.parametrize(("tile", "kernel"), [(2, 3), (4, 3), (2, 7), (3, 7), (4, 7), (6, 5)])
def test_the_transforms_are_a_correlation(tile: int, kernel: int) -> None:
    forms = transforms(tile, kernel)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(tile + kernel - 1), rng.standard_normal(kernel)
    found = forms.output.numpy() @ ((forms.kernel.numpy() @ w) * (forms.input.numpy() @ x))
    np.testing.assert_allclose(found, np.correlate(x, w, mode="valid"), atol=1e-11)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match=f"only {len(POINTS)} are known"):
        transforms(len(POINTS), 3)


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize("length", [1, 2, TILE, 9 * TILE - 1, 9 * TILE, 100])
def test_every_length_and_dilation_gives_the_convolution(dilation: int, length: int) -> None:
    source = convolution(12, 20, kernel=7, dilation=dilation)
    x = torch.randn(2, 12, 1, length)
    found = ShortConvolution(source)(x)
    assert found.shape == (2, 20, 1, length)
    torch.testing.assert_close(found, source(x), rtol=0, atol=2e-5)


def test_rounding_stays_far_below_that_of_float16_weights() -> None:
    source = convolution(256, 256, kernel=7, dilation=3)
    x = torch.randn(1, 256, 1, 400)
    exact = source.double()(x.double())
    halved = convolution(256, 256, kernel=7, dilation=3)
    halved.weight.copy_(halved.weight.half().float())
    found = relative(ShortConvolution(source.float())(x), exact)
    assert found < 8e-6
    assert found < relative(halved(x), exact) / 20


def test_a_wrong_point_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    source = convolution(8, 8, kernel=7, dilation=1)
    right = transforms(TILE, 7)
    right.input[3, 2] += 0.01
    monkeypatch.setattr(short_convolution, "transforms", lambda *_: right)
    x = torch.randn(1, 8, 1, 60)
    assert relative(ShortConvolution(source)(x), source(x)) > 1e-3


def test_as_a_graph_its_weight_is_as_published_and_is_transformed_once(tmp_path: Path) -> None:
    source = convolution(16, 16, kernel=7, dilation=3)
    source.weight.copy_(source.weight.half().float())
    path, folded = tmp_path / "short.onnx", tmp_path / "folded.onnx"
    torch.onnx.export(
        ShortConvolution(source),
        (torch.randn(1, 16, 1, 50),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "B", 3: "T"}, "y": {0: "B", 3: "T"}},
    )
    model = onnx.load(path)
    store_half(model)
    halves = [entry for entry in model.graph.initializer if entry.data_type == onnx.TensorProto.FLOAT16]
    assert [math.prod(entry.dims) for entry in halves] == [source.weight.numel()]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for length in (7, 50, 77):
        x = torch.randn(2, 16, 1, length)
        torch.testing.assert_close(
            torch.from_numpy(session.run(None, {"x": x.numpy()})[0]), source(x), rtol=0, atol=2e-5
        )
    kinds = [node.op_type for node in onnx.load(folded).graph.node]
    assert kinds.count("Conv") == 2 * (TILE + 6) + TILE and "MatMul" not in kinds and "Expand" not in kinds

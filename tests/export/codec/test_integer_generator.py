"""Convolutions in 8-bit integers: exact where bytes hold the numbers, near where they do not, and so as a graph."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sparktts_onnx.export.codec.generator_lowering import LoweredGenerator, PhasedConvolution, ScaleFolding
from sparktts_onnx.export.codec.integer_generator import (
    ActivationRange,
    IntegerConvolution,
    IntegerGenerator,
    IntegerPhasedConvolution,
    input_bounds,
)
from sparktts_onnx.export.codec.lowering import lowered
from sparktts_onnx.export.modules.config import GeneratorConfig
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.verify.graphs import open_session

STEP = 0.25
BOUNDS = ActivationRange(-100 * STEP, 155 * STEP)
"""Bytes hold every multiple of STEP between them."""


def held_by_bytes(module: nn.Conv1d | nn.ConvTranspose1d, output_axis: int) -> None:
    """Weights that are whole multiples of a scale for each output channel, 127 of them the largest."""
    shape = module.weight.shape
    values = torch.randint(-127, 128, shape).float()
    values.transpose(0, output_axis).flatten(1)[:, 0] = 127
    scales = 2.0 ** torch.randint(-9, -5, (shape[output_axis],))
    module.weight.data = values * scales.reshape([-1 if axis == output_axis else 1 for axis in range(3)])


def convolution(channels_in: int, channels_out: int, *, kernel: int, dilation: int) -> nn.Conv1d:
    border = dilation * (kernel - 1) // 2
    made = nn.Conv1d(channels_in, channels_out, kernel, padding=border, dilation=dilation).requires_grad_(False)
    held_by_bytes(made, 0)
    return made


def flat(source: nn.Conv1d) -> nn.Conv2d:
    """The same over a height of 1."""
    made = nn.Conv2d(
        source.in_channels,
        source.out_channels,
        (1, source.kernel_size[0]),
        padding=(0, int(source.padding[0])),
        dilation=(1, source.dilation[0]),
    ).requires_grad_(False)
    made.weight.data, made.bias = source.weight.data.unsqueeze(2), source.bias
    return made


def multiples(*shape: int) -> torch.Tensor:
    return torch.randint(-100, 156, shape) * STEP


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("dilation", [1, 3, 9])
@pytest.mark.parametrize("length", [1, 2, 30])
@pytest.mark.parametrize("kernel", [1, 7])
def test_what_bytes_hold_is_convolved_exactly(kernel: int, dilation: int, length: int) -> None:
    source = convolution(12, 20, kernel=kernel, dilation=dilation)
    x = multiples(2, 12, length)
    found = IntegerConvolution(flat(source), BOUNDS)(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(found, source(x), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("rate", "kernel"), [(8, 16), (5, 11), (2, 4), (3, 5)])
@pytest.mark.parametrize("length", [1, 17])
def test_phases_follow_each_other(rate: int, kernel: int, length: int) -> None:
    source = nn.ConvTranspose1d(6, 4, kernel, stride=rate, padding=(kernel - rate) // 2).requires_grad_(False)
    held_by_bytes(source, 1)
    ones = torch.ones(6, dtype=torch.float64)
    phased = PhasedConvolution(source, ScaleFolding(ones, ones, 0 * ones))
    x = multiples(2, 6, length)
    found = IntegerPhasedConvolution(phased, BOUNDS)(x.transpose(1, 2)).transpose(1, 2)
    # A scale for each phase of a channel: the weights of one are not all multiples of the same.
    expected = source(x)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_numbers_between_bytes_are_rounded_and_those_outside_cut_off() -> None:
    source = convolution(3, 3, kernel=1, dilation=1)
    source.weight.data, source.bias.data = torch.eye(3).unsqueeze(2), torch.zeros(3)
    form = IntegerConvolution(flat(source), BOUNDS)
    x = torch.tensor([[[0.6 * STEP, -1.4 * STEP, 0.0], [1e4, -1e4, 1.0]]])
    expected = torch.tensor([[[STEP, -STEP, 0.0], [BOUNDS.high, BOUNDS.low, 1.0]]])
    torch.testing.assert_close(form(x), expected, rtol=1e-6, atol=1e-6)


def test_silence_stays_silence() -> None:
    """0 is one of the numbers that bytes hold, whatever the bounds."""
    source = convolution(4, 4, kernel=7, dilation=3)
    source.bias.data.zero_()
    for bounds in (ActivationRange(-0.3, 17.9), ActivationRange(0.0, 0.0), ActivationRange(-5.0, 0.0)):
        assert float(IntegerConvolution(flat(source), bounds)(torch.zeros(1, 40, 4)).abs().max()) == 0


def generator() -> LoweredGenerator:
    config = GeneratorConfig(input_channel=16, channels=128, rates=(4, 3, 2), kernel_sizes=(8, 7, 4))
    form = lowered(nn.Sequential(WaveGenerator(config).eval().requires_grad_(False)))[0]
    assert isinstance(form, LoweredGenerator)
    return form


def test_bounds_are_those_of_what_arrives() -> None:
    form, features = generator(), [torch.randn(1, 16, 20), 3 * torch.randn(2, 16, 9)]
    found = input_bounds(form, features)
    assert found["first"] == ActivationRange(
        min(float(x.min()) for x in features), max(float(x.max()) for x in features)
    )
    names = {name for name, module in form.named_modules() if isinstance(module, nn.Conv2d)}
    assert found.keys() == names
    assert all(low <= 0 <= high for low, high in found.values())


def test_the_generator_stays_near_its_float_form() -> None:
    form = generator()
    features = [torch.randn(1, 16, 40) for _ in range(4)]
    integers = IntegerGenerator(form, features)
    x = torch.randn(2, 16, 50)
    expected, found = form(x), integers(x)
    assert found.shape == expected.shape
    assert 0 < float((found - expected).pow(2).mean().sqrt()) < 0.1 * float(expected.pow(2).mean().sqrt())


def test_a_row_and_a_window_are_computed_as_in_company() -> None:
    """ActivationRange are known beforehand and sums are exact; only the last block is in float32."""
    form = generator()
    integers = IntegerGenerator(form, [torch.randn(1, 16, 40)])
    x = torch.randn(2, 16, 80)
    whole, hop = integers(x), 24
    kept = whole[..., 30 * hop : 50 * hop]
    reach = form.contexts[0] + 3  # and the first convolution's
    exact = partial(torch.testing.assert_close, rtol=0, atol=1e-6)
    exact(integers(x[1:]), whole[1:])
    window = integers(x[:, :, 30 - reach : 50 + reach])
    exact(window[..., reach * hop : -reach * hop], kept)
    surplus = torch.tensor([reach + 2, reach + 5])
    exact(integers(x[:, :, 30 - surplus[0] : 50 + surplus[1]], surplus), kept)


def test_as_a_graph_it_is_made_of_standard_operators_and_bytes(tmp_path: Path) -> None:
    form = generator()
    integers = IntegerGenerator(form, [torch.randn(1, 16, 40)])
    path = tmp_path / "integers.onnx"
    torch.onnx.export(
        integers,
        (torch.randn(1, 16, 50),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["wav"],
        dynamic_axes={"x": {0: "B", 2: "T"}, "wav": {0: "B", 2: "N"}},
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} == {""}
    convolutions = sum(isinstance(module, IntegerConvolution) for module in integers.modules())
    assert sum(node.op_type == "MatMulInteger" for node in model.graph.node) == convolutions == 15
    session = open_session(path)
    for batch, length in ((1, 1), (2, 7), (1, 77)):
        x = torch.randn(batch, 16, length)
        found, expected = session.run(None, {"x": x.numpy()})[0], integers(x).numpy()
        assert found.shape == expected.shape
        # Sums between two bytes may go to either: most samples know nothing of it.
        assert np.median(np.abs(found - expected)) < 1e-6 * np.abs(expected).max()

"""The cheaper forms answer as the modules they stand for."""

from __future__ import annotations

import pytest
import torch

from sparktts_onnx.export.codec.generator_lowering import (
    CosineSnake,
    LoweredGenerator,
    PhasedConvolution,
    PlainSnake,
    ScaleFolding,
    StreamSnake,
    between_convolutions,
    on_stream,
)
from sparktts_onnx.export.codec.lowering import halved, lowered, replace_modules
from sparktts_onnx.export.modules.config import GeneratorConfig
from sparktts_onnx.export.modules.generator import Snake, WaveGenerator
from sparktts_onnx.export.modules.weight_norm import WeightNormed

CONFIG = GeneratorConfig(input_channel=6, channels=16, rates=(5, 4, 3), kernel_sizes=(11, 8, 9))


def generator(alpha: float) -> WaveGenerator:
    """A generator with random frequencies around alpha and audible output."""
    torch.manual_seed(0)
    made = WaveGenerator(CONFIG).eval().requires_grad_(False)
    for module in made.modules():
        if isinstance(module, Snake):
            module.alpha.copy_(alpha * (1 + 0.3 * torch.rand_like(module.alpha)))
    return made


@pytest.mark.parametrize("alpha", [1.0, 0.05, 3.0, 1e-3, 1e-12, 0.0, -0.7])
def test_the_generator_keeps_its_wave_at_any_frequency(alpha: float) -> None:
    reference = generator(alpha)
    plain = generator(alpha)
    replace_modules(plain, {WeightNormed: WeightNormed.folded})
    x = torch.randn(2, 6, 9)
    expected, found = reference(x), LoweredGenerator(plain)(x)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("surplus", [(0, 0), (20, 20), (3, 0), (0, 9), (13, 25), (30, 9), (39, 0), (0, 39)])
def test_surplus_is_dropped_early_without_a_change(surplus: tuple[int, int]) -> None:
    plain = generator(1.0)
    replace_modules(plain, {WeightNormed: WeightNormed.folded})
    form = LoweredGenerator(plain)
    x = torch.randn(1, 6, 40)
    whole, found = form(x), form(x, torch.tensor(surplus))
    hop = whole.shape[2] // 40
    torch.testing.assert_close(found, whole[..., surplus[0] * hop : (40 - surplus[1]) * hop], rtol=0, atol=1e-6)


def test_less_is_computed_of_what_is_surplus() -> None:
    plain = generator(1.0)
    replace_modules(plain, {WeightNormed: WeightNormed.folded})
    form, lengths = LoweredGenerator(plain), []
    for block in form.blocks:
        block.register_forward_pre_hook(lambda _, given: lengths.append(given[0].shape[-1]))
    form(torch.randn(1, 6, 60), torch.tensor([20, 20]))
    frames = [length // rate for length, rate in zip(lengths, (1, 5, 20), strict=True)]
    assert frames == [20 + 2 * context for context in form.contexts]
    assert form.contexts == sorted(form.contexts, reverse=True) and form.contexts[1] < form.contexts[0] / 2


@pytest.mark.parametrize(("rate", "kernel"), [(8, 16), (5, 11), (4, 8), (2, 4), (3, 3), (3, 4), (4, 5)])
def test_phases_are_a_transposed_convolution(rate: int, kernel: int) -> None:
    source = torch.nn.ConvTranspose1d(3, 2, kernel, stride=rate, padding=(kernel - rate) // 2).requires_grad_(False)
    x, one = torch.randn(2, 3, 7), torch.ones(3, dtype=torch.float64)
    found = PhasedConvolution(source, ScaleFolding(one, one, 0 * one))(x.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(found, source(x))


def test_each_snake_takes_the_cheapest_form_that_its_place_allows() -> None:
    snake = Snake(4)
    assert isinstance(on_stream(snake)[0], StreamSnake)
    assert isinstance(between_convolutions(snake)[0], CosineSnake)
    with torch.no_grad():
        snake.alpha[0, 2] = 1e-4
    assert isinstance(on_stream(snake)[0], PlainSnake)
    assert isinstance(between_convolutions(snake)[0], PlainSnake)


def test_the_adapter_stays_as_it_is() -> None:
    reference = generator(1.0)
    before = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    lowered(torch.nn.Sequential(reference))
    after = reference.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert isinstance(reference.model[0], WeightNormed)


def test_halving_rounds_large_weights_of_a_copy() -> None:
    linear = torch.nn.Linear(40, 40)
    rounded = halved(linear)
    assert torch.equal(rounded.weight, linear.weight.half().float())
    assert not torch.equal(rounded.weight, linear.weight)
    assert torch.equal(rounded.bias, linear.bias)

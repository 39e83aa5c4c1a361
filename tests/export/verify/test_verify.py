"""The ladder has to fail where a fault was planted, and to say which."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from torch import nn

from sparktts_onnx.bundle.contract import COMPONENTS
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec import generator_lowering
from sparktts_onnx.export.codec.examples import CHECKED, TRACED
from sparktts_onnx.export.codec.exporter import export_graph
from sparktts_onnx.export.codec.references import References
from sparktts_onnx.export.options import MIN_OPSET
from sparktts_onnx.export.verify.graphs import Check, overall_error, relative_error, table, verify_graph, wrong_tokens
from sparktts_onnx.export.verify.weights import verify_weights

Damage = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def adapters(tiny: Checkpoint) -> dict[str, nn.Module]:
    references = References(tiny)
    return {name: references.published(name) for name in COMPONENTS}


@pytest.fixture
def judged(
    tiny: Checkpoint, tiny_bundle: Path, adapters: dict[str, nn.Module], tmp_path: Path
) -> Callable[[str, Damage], list[Check]]:
    """Damage one graph of the bundle and send it up the ladder."""

    def judge(name: str, damage: Damage) -> list[Check]:
        model = onnx.load(tiny_bundle / f"{name}.onnx")
        damage(model)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        checks = verify_graph(COMPONENTS[name], adapters[name], path, checkpoint=tiny, sizes=CHECKED)
        return [verify_weights(name, adapters[name], path), *checks]

    return judge


def faults(checks: list[Check]) -> str:
    return "; ".join(check.fault for check in checks if check.fault)


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_undamaged_graph_passes(judged: Callable[[str, Damage], list[Check]], name: str) -> None:
    checks = judged(name, lambda model: None)
    assert faults(checks) == ""
    options = [" with " + option.name for option in COMPONENTS[name].options]
    sizes = [f"{size}{use}" for size in CHECKED for use in ("", *options)]
    assert [check.subject for check in checks] == ["weights", "declaration", *sizes]


def test_an_axis_declared_frozen_fails(judged: Callable[[str, Damage], list[Check]]) -> None:
    def freeze(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = TRACED.frames

    assert "axis 1 of features is 50" in faults(judged("encoder", freeze))


def test_an_axis_frozen_inside_fails(judged: Callable[[str, Damage], list[Check]]) -> None:
    """The declaration still says that time varies; only running at other sizes shows that it does not."""

    def freeze(model: onnx.ModelProto) -> None:
        output = model.graph.output[0].name
        producer = next(node for node in model.graph.node if output in node.output)
        producer.output[0] = "loose"
        for name, value in (("start", 0), ("stop", TRACED.frames), ("axis", 2)):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray([value], np.int64), name))
        model.graph.node.append(onnx.helper.make_node("Slice", ["loose", "start", "stop", "axis"], [output]))

    checks = judged("encoder", freeze)
    assert [check.passed for check in checks] == [True, True, True, True, False]
    assert "z has shape [2, 32, 50], expected [2, 32, 81]" in faults(checks)


def test_swapped_outputs_fail(judged: Callable[[str, Damage], list[Check]]) -> None:
    def swap(model: onnx.ModelProto) -> None:
        first, second = model.graph.output
        kept = onnx.ValueInfoProto.FromString(first.SerializeToString())
        first.CopyFrom(second)
        second.CopyFrom(kept)

    assert "outputs are ['x_vector', 'global_tokens']" in faults(judged("speaker_encoder", swap))


def test_swapped_inputs_fail(judged: Callable[[str, Damage], list[Check]]) -> None:
    def swap(model: onnx.ModelProto) -> None:
        kept = onnx.ValueInfoProto.FromString(model.graph.input[0].SerializeToString())
        model.graph.input[0].CopyFrom(model.graph.input[1])
        model.graph.input[1].CopyFrom(kept)

    assert "inputs are ['d_vector', 'z_q']" in faults(judged("prenet", swap))


def test_an_option_that_is_an_input_or_missing_fails(judged: Callable[[str, Damage], list[Check]]) -> None:
    def require(model: onnx.ModelProto) -> None:
        model.graph.initializer.remove(next(entry for entry in model.graph.initializer if entry.name == "surplus"))

    def freeze(model: onnx.ModelProto) -> None:
        model.graph.input.remove(next(entry for entry in model.graph.input if entry.name == "surplus"))

    assert "inputs are ['x', 'd_vector', 'surplus']" in faults(judged("decoder", require))
    assert "options are [], expected ['surplus']" in faults(judged("decoder", freeze))


def test_an_option_that_is_not_obeyed_fails(
    tiny: Checkpoint, adapters: dict[str, nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame too many is dropped inside: the wave has its length, and is right but at its edges."""
    contexts = generator_lowering.block_contexts
    monkeypatch.setattr(generator_lowering, "block_contexts", lambda *given: [c - (c == 2) for c in contexts(*given)])
    path = tmp_path / "decoder.onnx"
    spec, module = COMPONENTS["decoder"], adapters["decoder"]
    export_graph(spec, module, path, checkpoint=tiny, size=TRACED, opset=MIN_OPSET, half=False)
    checks = verify_graph(spec, module, path, checkpoint=tiny, sizes=[TRACED])
    assert [check.passed for check in checks] == [True, True, False]
    assert "wav deviates" in faults(checks)


@pytest.mark.parametrize("name", COMPONENTS)
def test_one_altered_weight_fails(judged: Callable[[str, Damage], list[Check]], name: str) -> None:
    """A single number of the largest weight, even one that only feeds a ReLU that is never positive."""

    def alter(model: onnx.ModelProto) -> None:
        entry = max(model.graph.initializer, key=lambda one: np.prod(one.dims))
        array = numpy_helper.to_array(entry).copy()
        array.reshape(-1)[array.size // 2] *= 1.5
        entry.CopyFrom(numpy_helper.from_array(array, entry.name))

    assert "1 weights are not the module's" in faults(judged(name, alter))


@pytest.mark.parametrize("name", ["wav2vec2", "encoder", "prenet", "postnet", "decoder", "speaker_detokenize"])
def test_one_altered_weight_shows_in_the_values(judged: Callable[[str, Damage], list[Check]], name: str) -> None:
    def alter(model: onnx.ModelProto) -> None:
        entry = max(model.graph.initializer, key=lambda one: np.prod(one.dims))
        array = numpy_helper.to_array(entry).copy()
        array.reshape(-1)[array.size // 2] += 3 * array.std()
        entry.CopyFrom(numpy_helper.from_array(array, entry.name))

    assert "deviates" in faults(judged(name, alter))


def test_altered_codes_fail(judged: Callable[[str, Damage], list[Check]]) -> None:
    def alter(model: onnx.ModelProto) -> None:
        entry = max(model.graph.initializer, key=lambda one: np.prod(one.dims))
        array = numpy_helper.to_array(entry)
        entry.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(-array), entry.name))

    assert "semantic_tokens differ" in faults(judged("quantizer_tokenize", alter))


def test_a_graph_that_is_no_graph_fails(tiny: Checkpoint, adapters: dict[str, nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    path.write_bytes(b"not a graph")
    checks = verify_graph(COMPONENTS["encoder"], adapters["encoder"], path, checkpoint=tiny, sizes=CHECKED)
    assert "cannot load" in faults(checks)


def test_missing_weights_fail(
    tiny: Checkpoint, tiny_bundle: Path, adapters: dict[str, nn.Module], tmp_path: Path
) -> None:
    shutil.copy(tiny_bundle / "encoder.onnx", tmp_path)
    checks = verify_graph(
        COMPONENTS["encoder"], adapters["encoder"], tmp_path / "encoder.onnx", checkpoint=tiny, sizes=CHECKED
    )
    assert not all(check.passed for check in checks)


def test_tokens_may_differ_only_where_the_choice_was_close() -> None:
    found, expected = np.asarray([1, 2, 3]), np.asarray([1, 5, 4])
    assert wrong_tokens(found, expected, np.asarray([0.5, 0.5, 1e-6])) == 1
    assert wrong_tokens(expected, expected, np.asarray([0.5, np.nan, 1e-6])) == 1


def test_errors_are_relative_and_nan_is_one() -> None:
    expected = np.asarray([0.0, 10.0])
    assert relative_error(np.asarray([1.0, 10.0]), expected) == pytest.approx(0.1)
    assert not relative_error(np.asarray([np.nan, 10.0]), expected) <= 1.0


def test_the_table_names_graph_size_error_and_verdict() -> None:
    text = table(
        [Check("encoder", "1 × 50", 2e-6, 1e-4), Check("prenet", "2 × 81", 0.5, 1e-4, "x deviates by 5.0e-01")]
    )
    assert text.splitlines()[1].split() == ["encoder", "1", "×", "50", "2.0e-06", "1.0e-04", "ok"]
    assert "x deviates" in text.splitlines()[2]


def test_of_half_the_values_the_other_half_may_deviate() -> None:
    rng = np.random.default_rng(0)
    expected = rng.standard_normal((2, 1, 400)).astype(np.float32)
    scale = np.abs(expected).max()
    for part, allowed in ((0.4, True), (0.6, False)):
        found = expected + scale * 0.5 * (rng.random(expected.shape) < part)
        assert relative_error(found, expected) == pytest.approx(0.5, rel=1e-5)
        assert (relative_error(found, expected, share=0.5) < 1e-6) == allowed
    broken = expected.copy()
    broken[0, 0, 200] = np.nan
    assert np.isnan(relative_error(broken, expected, share=0.5))


def test_the_overall_error_sees_every_value() -> None:
    expected = np.ones((1, 100), np.float32)
    assert overall_error(expected, expected) == 0
    assert overall_error(1.1 * expected, expected) == pytest.approx(0.1, rel=1e-4)
    for value in (np.inf, np.nan):
        broken = expected.copy()
        broken[0, 3] = value
        assert not overall_error(broken, expected) <= 1

"""The ladder of the language model has to fail where a fault was planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from torch import nn

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, Precision
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead, LanguageModelLayout
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import write_language_model
from sparktts_onnx.export.language.queries import add_queries
from sparktts_onnx.export.language.weights import read_reference
from sparktts_onnx.export.verify.graphs import Check
from sparktts_onnx.export.verify.language_model import PROMPT_LENGTHS, example_prompts, verify_language_model
from sparktts_onnx.export.verify.weights import verify_language_weights

Damage = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def reference(tiny: Checkpoint) -> nn.Module:
    return read_reference(tiny.language_model_folder)


@pytest.fixture
def layout(tiny: Checkpoint, tmp_path: Path) -> LanguageModelLayout:
    """Of a graph freshly written into the test's folder."""
    return write_language_model(tiny.language_model_folder, tmp_path)


def judged(tiny: Checkpoint, reference: nn.Module, folder: Path, layout: LanguageModelLayout) -> list[Check]:
    prompts = example_prompts(tiny.token_ids)
    return verify_language_model(folder, layout, reference, prompts=prompts, precision="fp32")


def damaged(folder: Path, damage: Damage) -> None:
    path = folder / f"{LANGUAGE_MODEL}.onnx"
    model = onnx.load(path)
    damage(model)
    path.unlink()
    onnx.save(model, path)


def faults(checks: list[Check]) -> str:
    return "; ".join(check.fault for check in checks if check.fault)


def test_the_written_graph_passes(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    checks = judged(tiny, reference, tmp_path, layout)
    assert faults(checks) == ""
    subjects = [check.subject for check in checks]
    assert subjects[0] == "declaration" and subjects[-1] == "2 rows"
    for length in PROMPT_LENGTHS:
        assert f"{length} ids" in subjects and f"greedy after {length}" in subjects


@pytest.mark.parametrize("precision", ["fp16", "int8", "int4"])
def test_smaller_precisions_pass_their_own_measures(
    tiny: Checkpoint, reference: nn.Module, tmp_path: Path, precision: Precision
) -> None:
    layout = write_language_model(tiny.language_model_folder, tmp_path, precision=precision)
    prompts = example_prompts(tiny.token_ids)
    checks = verify_language_model(tmp_path, layout, reference, prompts=prompts, precision=precision)
    assert faults(checks) == ""


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_an_id_that_is_always_the_likeliest_fails(
    tiny: Checkpoint, reference: nn.Module, tmp_path: Path, precision: Precision
) -> None:
    """One row of thousands hardly shows in the root mean square of all."""

    def favor(model: onnx.ModelProto) -> None:
        next(node for node in model.graph.node if "logits" in node.output).output[0] = "fair"
        favor = np.zeros(layout.head_rows, np.float32)
        favor[7] = 6.0
        model.graph.initializer.append(numpy_helper.from_array(favor, "favor"))
        model.graph.node.append(onnx.helper.make_node("Add", ["fair", "favor"], ["logits"]))

    layout = write_language_model(tiny.language_model_folder, tmp_path, precision=precision)
    damaged(tmp_path, favor)
    prompts = example_prompts(tiny.token_ids)
    checks = verify_language_model(tmp_path, layout, reference, prompts=prompts, precision=precision)
    greedy = [check for check in checks if check.subject.startswith("greedy")]
    assert len(greedy) == len(prompts) and not any(check.passed for check in greedy)
    if precision in ("int8", "int4"):
        assert all(check.passed for check in checks if check.subject.endswith("ids"))


def test_one_altered_weight_fails(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    def alter(model: onnx.ModelProto) -> None:
        entry = next(one for one in model.graph.initializer if "down" in one.name)
        array = numpy_helper.to_array(entry).copy()
        array.reshape(-1)[array.size // 2] += 1
        entry.CopyFrom(numpy_helper.from_array(array, entry.name))

    damaged(tmp_path, alter)
    assert "logits deviate" in faults(judged(tiny, reference, tmp_path, layout))


def test_a_head_of_other_rows_fails(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    shifted = dataclasses.replace(layout, head_first_id=layout.head_first_id - 1)
    assert "logits deviate" in faults(judged(tiny, reference, tmp_path, shifted))


def test_a_cache_of_another_geometry_fails(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(layout, kv_heads=layout.kv_heads + 1)
    assert "axis 1 of past_key_values.0.key is" in faults(judged(tiny, reference, tmp_path, wrong))
    wrong = dataclasses.replace(layout, layers=layout.layers - 1)
    assert "missing or too many" in faults(judged(tiny, reference, tmp_path, wrong))


def test_a_frozen_length_fails(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    def freeze(model: onnx.ModelProto) -> None:
        ids = next(entry for entry in model.graph.input if entry.name == "input_ids")
        ids.type.tensor_type.shape.dim[1].dim_value = 50

    damaged(tmp_path, freeze)
    assert "axis 1 of input_ids is 50, expected 'S'" in faults(judged(tiny, reference, tmp_path, layout))


def test_a_rotation_table_that_is_off_by_one_fails(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    def shift(model: onnx.ModelProto) -> None:
        for entry in model.graph.initializer:
            if "cos" in entry.name:
                array = numpy_helper.to_array(entry)
                entry.CopyFrom(numpy_helper.from_array(np.roll(array, 1, axis=0), entry.name))

    damaged(tmp_path, shift)
    assert "logits deviate" in faults(judged(tiny, reference, tmp_path, layout))


def test_queries_of_other_heads_than_named_fail(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    named = Alignment(heads=(AlignmentHead(0, 0, 0), AlignmentHead(1, 1, 0)))
    other = Alignment(heads=(AlignmentHead(0, 0, 0), AlignmentHead(1, 0, 0)))
    group = read_decoder_config(tiny.language_model_folder).group
    prompts = example_prompts(tiny.token_ids)[:2]

    def checked(alignment: Alignment | None) -> list[Check]:
        return verify_language_model(
            tmp_path, layout, reference, prompts=prompts, precision="fp32", alignment=alignment
        )

    assert "missing or too many" in faults(checked(named))
    add_queries(tmp_path / f"{LANGUAGE_MODEL}.onnx", named.heads, group=group)
    assert faults(checked(named)) == "" and checked(named)[-1].subject == "queries"
    assert "queries of the alignment heads deviate" in faults(checked(other))
    assert "missing or too many" in faults(checked(None))


def test_a_missing_weights_file_is_one_finding(
    tiny: Checkpoint, reference: nn.Module, layout: LanguageModelLayout, tmp_path: Path
) -> None:
    (tmp_path / f"{LANGUAGE_MODEL}.onnx.data").unlink()
    checks = judged(tiny, reference, tmp_path, layout)
    assert len(checks) == 1 and "ONNX Runtime cannot load it" in faults(checks)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_every_altered_weight_is_named(tiny: Checkpoint, tmp_path: Path, precision: Precision) -> None:
    """A single number of each, also where neither the logits nor the likeliest id would show it."""
    folder, path = tiny.language_model_folder, tmp_path / f"{LANGUAGE_MODEL}.onnx"
    layout = write_language_model(folder, tmp_path, precision=precision)
    add_queries(path, [AlignmentHead(1, 2, 1)], group=2)
    assert verify_language_weights(folder, path, layout, precision).passed
    model = onnx.load(path)
    names = [entry.name for entry in model.graph.initializer if not entry.name.startswith("queries.")]
    assert len(names) > 20
    for entry in model.graph.initializer:
        if entry.name in names:
            array = numpy_helper.to_array(entry).copy()
            array.reshape(-1)[-1] += 1
            kept = onnx.TensorProto.FromString(entry.SerializeToString())
            entry.CopyFrom(numpy_helper.from_array(array, entry.name))
            onnx.save(model, path)
            fault = verify_language_weights(folder, path, layout, precision).fault
            assert fault == f"1 weights are not the module's: {entry.name}"
            entry.CopyFrom(kept)


def test_weights_of_another_checkpoint_or_none_fail(tiny: Checkpoint, tmp_path: Path) -> None:
    folder, path = tiny.language_model_folder, tmp_path / f"{LANGUAGE_MODEL}.onnx"
    layout = write_language_model(folder, tmp_path, precision="int8")
    assert not verify_language_weights(folder, path, layout, "int4").passed
    path.with_name(path.name + ".data").unlink()
    assert "they cannot be read" in str(verify_language_weights(folder, path, layout, "int8").fault)

"""A converted bundle keeps to its format, and any host can use it, in the ways that docs/bundle.md gives."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime as ort
import pytest

from sparktts_onnx.bundle.contract import COMPONENTS
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.runtime.language.language_model import LanguageModel

PRECISIONS = ("fp32", "int8")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_manifest_is_valid(bundle: Callable[[str], Path], precision: str) -> None:
    schema = json.loads(resources.files("sparktts_onnx.bundle").joinpath("manifest.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads((bundle(precision) / "manifest.json").read_text("utf-8")), schema)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_axes_are_declared_as_documented(bundle: Callable[[str], Path], precision: str) -> None:
    manifest = read_manifest(bundle(precision))
    for name, spec in COMPONENTS.items():
        graph = manifest.graphs[name]
        for tensor, found in zip((*spec.inputs, *spec.outputs), (*graph.inputs, *graph.outputs), strict=True):
            letters = {letter for letter in tensor.axes if letter in set("BNTF")}
            assert {axis for axis in found.axes if isinstance(axis, str)} == letters, (name, tensor.name, found.axes)
        assert [option.name for option in graph.options] == [option.name for option in spec.options]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_cache_that_is_fed_back_from_nothing_equals_one_in_place(
    bundle: Callable[[str], Path], precision: str
) -> None:
    folder = bundle(precision)
    layout = read_manifest(folder).language_model
    session = opened(folder, "language_model")
    pieces = [list(range(1, 40)), list(range(40, 60)), [7], [9]]
    model = LanguageModel(session, layout, slots=2)
    in_place = [model.prefill(0, pieces[0]), *(model.extend(0, piece) for piece in pieces[1:])]
    empty = np.zeros((1, layout.kv_heads, 0, layout.head_dim), layout.cache_dtype)
    names = [f"{i}.{kind}" for i in range(layout.layers) for kind in ("key", "value")]
    cache, total = [empty] * len(names), 0
    for ids, expected in zip(pieces, in_place, strict=True):
        total += len(ids)
        feeds: dict[str, Any] = {
            "input_ids": np.array([ids], np.int64),
            "seqlens_k": np.array([total - 1], np.int32),
            "total_sequence_length": np.array(total, np.int32),
        }
        feeds |= {f"past_key_values.{name}": value for name, value in zip(names, cache, strict=True)}
        logits, *cache = session.run(["logits", *(f"present.{name}" for name in names)], feeds)
        assert cache[0].shape[2] == total
        assert np.array_equal(logits[0], expected)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 2e-5), ("int8", 0.0)])
def test_a_host_that_cannot_set_the_surplus_crops(
    bundle: Callable[[str], Path], precision: str, tolerance: float
) -> None:
    folder = bundle(precision)
    codec = read_manifest(folder).codec
    session = opened(folder, "decoder")
    rng = np.random.default_rng(1)
    width = session.get_inputs()[0].shape[1]
    x = rng.standard_normal((1, width, 60)).astype(np.float32)
    given = {"x": x, "d_vector": rng.standard_normal((1, codec.condition_dim)).astype(np.float32)}
    hop = codec.hop_length // codec.frames_per_token
    (whole,) = session.run(["wav"], given)
    (told,) = session.run(["wav"], given | {"surplus": np.array([20, 15], np.int64)})
    cropped = whole[..., 20 * hop : -15 * hop]
    assert cropped.shape == told.shape
    assert np.abs(cropped - told).max() <= tolerance


def opened(folder: Path, name: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])

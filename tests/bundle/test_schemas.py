"""The JSON Schemas in the package say the same as the software that reads the files."""

import copy
import dataclasses
import json
import typing
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import nano
import pytest

from sparktts_onnx.bundle import manifest as format_
from sparktts_onnx.bundle.contract import MANIFEST_NAME
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.bundle.values import Bounds, build

VOICES = Path(__file__).parents[2] / "pretrained_models" / "Spark-TTS-mini" / "voices"
PLACES = {
    "file": format_.FileEntry,
    "tensor": format_.Tensor,
    "graph": format_.GraphEntry,
    "codec": format_.CodecLayout,
    "alignment": format_.Alignment,
    "alignment_head": format_.AlignmentHead,
    "language_model": format_.LanguageModelLayout,
    "id_range": format_.IdRange,
    "token_ids": format_.TokenIds,
    "sampling": format_.SamplingDefaults,
}


def schema(name: str) -> Any:
    text = resources.files("sparktts_onnx.bundle").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return json.loads(text)


def faults(name: str, data: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema(name)).iter_errors(data)]


def nano_manifest(folder: Path = nano.BUNDLE) -> Any:
    return json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", [nano.BUNDLE, nano.FIXED_BUNDLE])
def test_manifests_are_valid(folder: Path) -> None:
    assert faults("manifest", nano_manifest(folder)) == []


def test_a_manifest_of_before_graphs_had_options_is_valid_and_read(bundle: Path) -> None:
    data = nano_manifest()
    del data["alignment"]
    for graph in data["graphs"].values():
        del graph["options"]
    (bundle / MANIFEST_NAME).write_text(json.dumps(data), encoding="utf-8")
    assert faults("manifest", data) == []
    assert all(graph.options == () for graph in read_manifest(bundle).graphs.values())


def test_the_decoder_declares_its_option() -> None:
    option = {"name": "surplus", "dtype": "int64", "axes": [2]}
    graphs = nano_manifest()["graphs"]
    assert graphs["decoder"]["options"] == [option]
    assert all(not graph["options"] for name, graph in graphs.items() if name != "decoder")
    assert nano_manifest(nano.FIXED_BUNDLE)["graphs"]["decoder"]["options"] == []


@pytest.mark.parametrize("place", PLACES)
def test_a_class_and_its_schema_have_the_same_keys(place: str) -> None:
    described = schema("manifest")["$defs"][place]
    fields = {field.name: field for field in dataclasses.fields(PLACES[place])}
    assert fields.keys() - described["properties"].keys() == set()
    may_be_missing = {
        name
        for name, field in fields.items()
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    }
    assert fields.keys() - set(described["required"]) == may_be_missing
    defaults = {name: entry["default"] for name, entry in described["properties"].items() if "default" in entry}
    assert all(fields[name].default == value for name, value in defaults.items())
    hints = typing.get_type_hints(PLACES[place])
    whole = {name for name, hint in hints.items() if hint is int}
    assert all(described["properties"][name].get("type") == "integer" for name in whole)


def bounds_of(hint: Any) -> Bounds | None:
    """The bounds of a number, which may also be null."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, bounds = typing.get_args(hint)[:2]
        return bounds if kind in (int, float) else None
    return next((found for each in typing.get_args(hint) if (found := bounds_of(each))), None)


@pytest.mark.parametrize("place", PLACES)
def test_a_class_and_its_schema_have_the_same_bounds(place: str) -> None:
    described = schema("manifest")["$defs"][place]["properties"]
    for name, hint in typing.get_type_hints(PLACES[place], include_extras=True).items():
        if bounds := bounds_of(hint):
            assert (described[name]["minimum"], described[name]["maximum"]) == (bounds.least, bounds.most), name


VALUES = (
    *(None, True, 0, 1, -1, 7, 300, 2**16 + 1, 2**24, 2**24 + 1, 2**63, 10**30, 0.5, -1.5),
    *("", "x", "..", "a/b", "0" * 64, "F" * 64, [], [0], ["a"], {}, {"a": 1}, [{}]),
)
"""But for whole numbers with a point, such as 1.0: no schema can tell them from those without, which are meant."""
BETWEEN_KEYS = ("beyond the vocabulary", "not a multiple of", "has no alignment head", "; expected 1 to")
"""What the software says of values that do not go together, which a schema cannot say."""


def whole_manifest() -> Any:
    """A manifest in which every key has a value; of the graphs, one of each kind."""
    data = nano_manifest()
    data["graphs"] = {name: data["graphs"][name] for name in ("decoder", "language_model")}
    heads = [{"layer": 0, "head": 1, "key_head": 0}]
    figures = dict.fromkeys(("lead_seconds", "median_error_seconds", "late_error_seconds", "contrast"), 0.5)
    data["alignment"] = {"heads": heads, "rope_theta": 1e6, "rope_dim": 16, **figures, "reason": None}
    return data


def changed(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Everything that differs from some data by one value: gone, too many, or another; each with its place."""
    for key in list(data) if isinstance(data, dict) else range(min(len(data), 2)):
        for value in VALUES:
            yield (*place, key, value), {**data, key: value} if isinstance(data, dict) else [value, *data[1:]]
        if isinstance(data, dict):
            yield (*place, key, "gone"), {other: value for other, value in data.items() if other != key}
            yield (*place, "extra"), {**data, "extra": 1}
        if isinstance(data[key], dict | list) and key != "verification":
            for where, inner in changed(data[key], (*place, key)):
                whole = copy.copy(data)
                whole[key] = inner
                yield where, whole


def test_the_software_and_the_schema_refuse_the_same_manifests() -> None:
    validator = jsonschema.Draft202012Validator(schema("manifest"))
    count = 0
    for where, data in changed(whole_manifest()):
        fault = ""
        try:
            if data.get("format_version") != 1:
                raise ValueError("another version")
            build(format_.Manifest, data, "manifest")
        except (TypeError, ValueError) as error:
            fault = str(error)
        between = any(text in fault for text in BETWEEN_KEYS)
        assert validator.is_valid(data) == (not fault or between), f"{where}: {fault}"
        count += 1
    assert count > 4000


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.update(extra=1),
        lambda data: data.update(format_version=2),
        lambda data: data.pop("format_version"),
        lambda data: data["codec"].update(extra=1),
        lambda data: data.pop("licence"),
        lambda data: data["codec"].pop("hop_length"),
        lambda data: data["token_ids"]["gender"].pop("first"),
        lambda data: data["codec"].update(hop_length="320"),
        lambda data: data["codec"].update(hop_length=True),
        lambda data: data["codec"].update(fixed_frames="40"),
        lambda data: data.update(graphs=[]),
        lambda data: data["graphs"]["encoder"].update(files=[]),
        lambda data: data["graphs"]["decoder"]["files"][0].update(name="../decoder.onnx"),
        lambda data: data["graphs"]["decoder"]["files"][0].update(name=".."),
        lambda data: data["sampling"].update(top_p="a"),
        lambda data: data["language_model"].update(cache_dtype="float64"),
        lambda data: data["language_model"].update(cache_dtype=""),
    ],
)
def test_what_the_runtime_refuses_the_schema_refuses(edit: Callable[[Any], Any], bundle: Path) -> None:
    data = nano_manifest()
    edit(data)
    (bundle / MANIFEST_NAME).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(format_.BundleError):
        read_manifest(bundle)
    assert faults("manifest", data)


@pytest.mark.parametrize("path", sorted(VOICES.glob("*.json")), ids=lambda path: path.stem)
def test_voice_files_are_valid(path: Path) -> None:
    assert faults("voice", json.loads(path.read_text(encoding="utf-8"))) == []


def test_every_key_of_a_voice_is_in_the_schema() -> None:
    from sparktts_onnx.runtime.voices.voice import Voice

    fields = {field.name for field in dataclasses.fields(Voice)}
    assert schema("voice")["properties"].keys() == fields | {"format"}


VOICE: dict[str, Any] = {"format": "sparktts-onnx voice 1", "codec": "abc", "global_ids": [1, 2]}


def test_the_software_and_the_schema_refuse_the_same_voices(tmp_path: Path) -> None:
    from sparktts_onnx.errors import VoiceError
    from sparktts_onnx.runtime.voices.voice import Voice

    style = {"gender": "male", "pitch": "low", "speed": "high"}
    known = {"semantic_ids": [3, 4], "transcript": "three"}
    texts = dict.fromkeys(("name", "origin", "consent"), "text")
    path, validator = tmp_path / "voice.json", jsonschema.Draft202012Validator(schema("voice"))
    for where, data in changed({**VOICE, **known, **texts, "style": style}):
        path.write_text(json.dumps(data), encoding="utf-8")
        try:
            Voice.load(path)
            fault = ""
        except VoiceError as error:
            fault = str(error)
        assert validator.is_valid(data) == (not fault), f"{where}: {fault}"


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"semantic_ids": [3], "transcript": "three"}, True),
        ({"semantic_ids": None, "transcript": None, "name": None, "consent": "yes"}, True),
        ({"style": {"gender": "male", "pitch": "low", "speed": "very_high"}}, True),
        ({"style": None}, True),
        ({"style": "male"}, False),
        ({"style": {"gender": "loud"}}, False),
        ({"style": {"volume": "low"}}, False),
        ({"semantic_ids": [3]}, False),
        ({"transcript": "three"}, False),
        ({"semantic_ids": [3], "transcript": None}, False),
        ({"format": "sparktts-onnx voice 2"}, False),
        ({"extra": 1}, False),
        ({"codec": None}, False),
        ({"global_ids": None}, False),
        ({"global_ids": [1.5]}, False),
        ({"name": 3}, False),
    ],
)
def test_a_voice_file_is_read_where_the_schema_allows_it(change: Any, valid: bool, tmp_path: Path) -> None:
    from sparktts_onnx.errors import VoiceError
    from sparktts_onnx.runtime.voices.voice import Voice

    path = tmp_path / "voice.json"
    path.write_text(json.dumps(VOICE | change), encoding="utf-8")
    assert (faults("voice", VOICE | change) == []) == valid
    if valid:
        assert faults("voice", json.loads(Voice.load(path).save(path).read_text(encoding="utf-8"))) == []
    else:
        with pytest.raises(VoiceError):
            Voice.load(path)

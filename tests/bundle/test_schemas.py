"""The JSON Schemas in the package say the same as the software that reads the files."""

import dataclasses
import json
import typing
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import nano
import pytest

from sparktts_onnx.bundle import manifest as format_
from sparktts_onnx.bundle.contract import MANIFEST_NAME
from sparktts_onnx.bundle.manifest import read_manifest

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

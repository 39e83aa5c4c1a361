"""Weights are read from files that the manifest names, and from no others."""

import dataclasses
import json
from pathlib import Path

import pytest

from sparktts_onnx.bundle.contract import MANIFEST_NAME
from sparktts_onnx.bundle.manifest import Manifest, describe_file, read_manifest
from sparktts_onnx.errors import BundleError
from sparktts_onnx.runtime.graphs.external_data import external_files
from sparktts_onnx.runtime.graphs.sessions import Sessions

GRAPH, INITIALIZER, NODE, ATTRIBUTE, TENSOR, EXTERNAL_DATA = 7, 5, 1, 5, 5, 13


def field(number: int, content: bytes) -> bytes:
    """A protobuf field with a length."""
    assert number < 16 and len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def nested(numbers: list[int], content: bytes) -> bytes:
    for number in reversed(numbers):
        content = field(number, content)
    return content


@pytest.mark.parametrize("value_first", [False, True])
@pytest.mark.parametrize("place", [[GRAPH, INITIALIZER], [GRAPH, NODE, ATTRIBUTE, TENSOR]])
@pytest.mark.parametrize("location", ["extra.data", "../outside", ""])
def test_a_graph_that_reads_another_file_is_refused(
    bundle: Path, place: list[int], value_first: bool, location: str
) -> None:
    parts = [field(1, b"location"), field(2, location.encode())]
    path = bundle / "encoder.onnx"
    with path.open("ab") as file:  # protobuf joins what comes twice
        file.write(nested([*place, EXTERNAL_DATA], b"".join(parts[::-1] if value_first else parts)))
    assert external_files(path) == {location}
    manifest = as_it_is_now(bundle)
    with pytest.raises(BundleError, match="which the manifest does not name"):
        Sessions(bundle, manifest)["encoder"]


def as_it_is_now(bundle: Path) -> Manifest:
    """The manifest with the encoder's file as it is."""
    path = bundle / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    data["graphs"]["encoder"]["files"] = [dataclasses.asdict(describe_file(bundle / "encoder.onnx"))]
    path.write_text(json.dumps(data), encoding="utf-8")
    return read_manifest(bundle)


@pytest.mark.parametrize("content", [b"\xff" * 20, b"\x3a\x7f", b"\x3a\x02\x2a\x05", b"\x07"])
def test_what_is_not_a_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a graph"):
        external_files(path)

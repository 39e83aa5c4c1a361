"""`manifest.json`: what is written is read, and anything else is refused by name."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nano
import pytest

from sparktts_onnx.bundle.contract import FORMAT_VERSION, MANIFEST_NAME
from sparktts_onnx.bundle.manifest import (
    Alignment,
    AlignmentHead,
    Manifest,
    check_file,
    read_manifest,
    sha256_of,
    write_manifest,
)
from sparktts_onnx.errors import BundleError


def test_what_is_written_is_read(manifest: Manifest, bundle: Path) -> None:
    (bundle / MANIFEST_NAME).unlink()
    write_manifest(bundle, manifest)
    assert read_manifest(bundle) == manifest
    assert (bundle / MANIFEST_NAME).read_text(encoding="utf-8") == (nano.BUNDLE / MANIFEST_NAME).read_text(
        encoding="utf-8"
    )


def test_a_manifest_without_alignment_is_read_as_before(bundle: Path) -> None:
    change(bundle, lambda data: data.pop("alignment"))
    assert read_manifest(bundle).alignment is None


def test_alignment_heads_are_written_and_read(manifest: Manifest, bundle: Path) -> None:
    alignment = Alignment((AlignmentHead(0, 1, 0),), rope_theta=1e6, rope_dim=16, lead_seconds=0.04, contrast=0.8)
    found = dataclasses.replace(manifest, alignment=alignment)
    write_manifest(bundle, found)
    assert read_manifest(bundle) == found


@pytest.mark.parametrize(
    ("edit", "said"),
    [({"layer": 1}, "no alignment head"), ({"key_head": 1}, "no alignment head"), ({}, "alignment.rope_dim is 17")],
)
def test_alignment_heads_that_the_model_lacks_are_refused(bundle: Path, edit: dict[str, int], said: str) -> None:
    head = {"layer": 0, "head": 0, "key_head": 0, **edit}
    change(bundle, lambda data: data.update(alignment={"heads": [head], "rope_dim": 16 if edit else 17}))
    with pytest.raises(BundleError, match=said):
        read_manifest(bundle)


def test_every_file_of_the_bundle_is_named(manifest: Manifest) -> None:
    named = {entry.name for entry in manifest.files()}
    assert named | {MANIFEST_NAME} == {path.name for path in nano.BUNDLE.iterdir()}
    for entry in manifest.files():
        check_file(nano.BUNDLE, entry)
        assert entry.sha256 == sha256_of(nano.BUNDLE / entry.name)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no folder .*nowhere"):
        read_manifest(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="not a complete bundle"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b"[" * 100_000])
def test_a_manifest_that_is_none(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        read_manifest(bundle)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None, 1.5, True])
def test_another_version_is_refused(bundle: Path, version: Any) -> None:
    change(bundle, lambda data: data.update(format_version=version))
    if version is True:  # equal to 1, and still no version
        with pytest.raises(BundleError, match="format_version"):
            read_manifest(bundle)
    else:
        with pytest.raises(BundleError, match=f"format version {version!r}.*version {FORMAT_VERSION}"):
            read_manifest(bundle)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data.update(extra=1), "unknown key manifest.extra"),
        (lambda data: data["codec"].update(extra=1), "unknown key manifest.codec.extra"),
        (lambda data: data.pop("licence"), "missing key manifest.licence"),
        (lambda data: data["codec"].pop("hop_length"), "missing key manifest.codec.hop_length"),
        (lambda data: data["token_ids"]["gender"].pop("first"), "missing key manifest.token_ids.gender.first"),
        (lambda data: data["codec"].update(hop_length="320"), "manifest.codec.hop_length should be of type int"),
        (lambda data: data["codec"].update(hop_length=True), "manifest.codec.hop_length should be of type int"),
        (lambda data: data["codec"].update(hop_length=320.0), "manifest.codec.hop_length should be of type int"),
        (lambda data: data["codec"].update(fixed_frames="40"), "manifest.codec.fixed_frames should be of type int"),
        (lambda data: data.update(graphs=[]), "manifest.graphs should be an object"),
        (lambda data: data["graphs"]["encoder"].update(files={}), "manifest.graphs.encoder.files should be a list"),
        (lambda data: data["graphs"]["encoder"].update(files=[]), "at least one file"),
        (lambda data: data.update(codec=None), "manifest.codec should be an object"),
        (lambda data: data["sampling"].update(top_p="a"), "manifest.sampling.top_p should be of type float"),
    ],
)
def test_what_the_format_does_not_say_is_refused(bundle: Path, edit: Callable[[Any], Any], said: str) -> None:
    change(bundle, edit)
    with pytest.raises(BundleError, match="not a valid manifest") as raised:
        read_manifest(bundle)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        *(("codec", "hop_length", value) for value in (0, -320, 2**31)),
        *(("codec", "fixed_frames", value) for value in (0, -1, 2**31)),
        *(("codec", "frames_per_token", value) for value in (0, -1, 2**31, 7)),
        *(("codec", "sample_rate", value) for value in (0, -16000, 10**12)),
        *(("codec", "reference_samples", value) for value in (0, -1, 2**40)),
        *(("codec", "decoder_context", value) for value in (-1, 2**31)),
        *(("codec", "global_tokens", value) for value in (0, 2**31)),
        *(("language_model", "head_rows", value) for value in (0, -1, 2**31)),
        *(("language_model", "head_first_id", value) for value in (-1, 300, 2**31)),
        *(("language_model", "layers", value) for value in (0, 2**31)),
        *(("language_model", "max_positions", value) for value in (0, 10**18)),
        *(("token_ids", "end_of_text", value) for value in (-1, 355, 2**63)),
        *(("token_ids", "global_tokens", value) for value in ({"first": -1, "count": 8}, {"first": 350, "count": 8})),
        *(("sampling", "temperature", value) for value in (-1.0, float("nan"), float("inf"), 10**400)),
        *(("sampling", "top_p", value) for value in (0, 1.5)),
        *(("sampling", "max_new_tokens", value) for value in (0, 2**31)),
    ],
)
def test_numbers_out_of_bounds_are_refused(bundle: Path, place: str, key: str, value: Any) -> None:
    change(bundle, lambda data: data[place].update({key: value}))
    with pytest.raises(BundleError, match="not a valid manifest"):
        read_manifest(bundle)


@pytest.mark.parametrize("name", ["decoder.onnx", "tokenizer.json", "language_model.onnx"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"lacks {name}"):
        read_manifest(bundle)


def test_a_truncated_file_is_named(bundle: Path) -> None:
    path = bundle / "decoder.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=r"decoder\.onnx was altered: it has \d+ bytes"):
        read_manifest(bundle)


def test_an_altered_file_of_the_same_length_is_named(bundle: Path, manifest: Manifest) -> None:
    alter(bundle / "prenet.onnx")
    read_manifest(bundle)  # contents are compared when a file is about to be used
    with pytest.raises(BundleError, match=r"prenet\.onnx was altered: its SHA-256"):
        check_file(bundle, manifest.graphs["prenet"].files[0])


@pytest.mark.parametrize("name", ["../decoder.onnx", "/etc/hostname", "sub/decoder.onnx", "..", ""])
def test_a_file_outside_the_bundle_is_refused(bundle: Path, name: str) -> None:
    change(bundle, lambda data: data["graphs"]["decoder"]["files"][0].update(name=name))
    with pytest.raises(BundleError, match="is not the name of a file in the bundle"):
        read_manifest(bundle)


def change(bundle: Path, edit: Callable[[Any], Any]) -> None:
    """Edit a bundle's manifest."""
    path = bundle / MANIFEST_NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def alter(path: Path) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

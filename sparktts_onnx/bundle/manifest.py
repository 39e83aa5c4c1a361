"""`manifest.json`: what a bundle holds, as values; written last, read first.

The manifest is the only thing that a runtime has to trust: sizes, token ids by role, and for every file its
length and SHA-256. Unknown keys, missing keys and other format versions are refused by name.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparktts_onnx.bundle.contract import FORMAT_VERSION, MANIFEST_NAME
from sparktts_onnx.errors import BundleError


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle, as it was when the manifest was written."""

    name: str
    """In the bundle's own folder: no path, so that no bundle reaches outside it."""
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if self.name in ("", ".", "..") or "/" in self.name or "\\" in self.name:
            raise ValueError(f"{self.name!r} is not the name of a file in the bundle")


@dataclass(frozen=True)
class Tensor:
    """An input or output as declared in a graph's file."""

    name: str
    dtype: str
    axes: tuple[str | int, ...]
    """Names of dynamic axes, sizes of fixed ones."""


@dataclass(frozen=True)
class GraphEntry:
    """A graph: the first file is the `.onnx`, others hold its weights."""

    files: tuple[FileEntry, ...]
    opset: int
    precision: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: tuple[Tensor, ...] = ()
    """Initializers that a caller may override; zeros where it does not."""
    verification: Mapping[str, Any] | None = None
    """What verification measured; null where it was skipped."""

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("a graph has at least one file")


@dataclass(frozen=True)
class CodecLayout:
    """Sizes of the codec."""

    fingerprint: str
    """SHA-256 over the codec's weights in the checkpoint: a voice names the codec it belongs to by it."""
    sample_rate: int
    """Samples a second."""
    hop_length: int
    """Samples a semantic token."""
    reference_samples: int
    """Length of the clip that the speaker encoder hears."""
    reference_hop: int
    """The clip's length is a multiple of this many samples."""
    volume_normalize: bool
    feature_dim: int
    """Width of wav2vec2 features and of z."""
    condition_dim: int
    """Width of d_vector."""
    semantic_codes: int
    global_codes: int
    global_tokens: int
    prenet_context: int
    """Tokens to each side that a token of the prenet's output depends on."""
    decoder_context: int
    """Frames of x to each side that a frame's samples depend on in the decoder."""
    frames_per_token: int = 1
    """Frames of x that the prenet makes of one token."""
    fixed_frames: int | None = None
    """Frames of every time axis where the graphs have fixed shapes; null where they are dynamic."""


@dataclass(frozen=True)
class LanguageModelLayout:
    """Geometry of the language model's graph."""

    layers: int
    kv_heads: int
    head_dim: int
    max_positions: int
    """Positions that the rotary tables in the graph cover: prompt and answer together."""
    cache_dtype: str
    head_first_id: int
    """Token id of row 0 of the logits; row r is the id `head_first_id + r`."""
    head_rows: int
    vocab_size: int


@dataclass(frozen=True)
class AlignmentHead:
    """An attention head of the language model."""

    layer: int
    head: int
    """Query head, counted as the checkpoint counts."""
    key_head: int
    """Head of the cache whose keys the query is multiplied with."""


@dataclass(frozen=True)
class Alignment:
    """Which attention heads follow the text while it is spoken, and how their queries are read.

    A query that the graph gives is not rotated yet; keys in the cache are. `rope_theta` and `rope_dim` rotate it.
    """

    heads: tuple[AlignmentHead, ...] = ()
    """In the order of the graph's output `queries`, which is there only where there are heads."""
    rope_theta: float = 10000.0
    """Base of the rotation's frequencies."""
    rope_dim: int = 0
    """Elements of a head that are rotated, half of them first in each half of `head_dim`; scores are divided by its
    square root."""
    lead_seconds: float = 0.0
    """How far attention runs ahead of the sound."""
    median_error_seconds: float | None = None
    """Of word starts in recordings with known times, the lead taken away."""
    late_error_seconds: float | None = None
    """The same that 95 % of the words keep."""
    contrast: float | None = None
    """How clearly the heads follow the text: 0 not at all, 1 letter by letter; the mean over the model's answers."""
    reason: str | None = None
    """Why there are no heads."""


@dataclass(frozen=True)
class IdRange:
    """Token ids of a numbered kind: number n has id `first + n`."""

    first: int
    count: int

    @property
    def stop(self) -> int:
        """One past the last id."""
        return self.first + self.count


@dataclass(frozen=True)
class TokenIds:
    """Token ids by role, read from the checkpoint's tokenizer when the bundle was made."""

    end_of_text: int
    """`<|im_end|>`: the answer is over."""
    task_tts: int
    task_controllable_tts: int
    start_content: int
    end_content: int
    start_global: int
    end_global: int
    start_semantic: int
    end_semantic: int
    start_style: int
    end_style: int
    global_tokens: IdRange
    semantic_tokens: IdRange
    gender: IdRange
    """0 female, 1 male."""
    pitch_label: IdRange
    """0 very low to 4 very high."""
    speed_label: IdRange
    """0 very low to 4 very high."""
    attributes: tuple[IdRange, ...]
    """Fine-grained attribute ids that the model writes before the global tokens of a created voice."""


@dataclass(frozen=True)
class SamplingDefaults:
    """Sampling of the original model."""

    temperature: float = 0.8
    top_k: int = 50
    top_p: float = 0.95
    max_new_tokens: int = 3000


@dataclass(frozen=True)
class Manifest:
    """A whole bundle."""

    producer: str
    """Software and version that wrote the bundle."""
    source: str
    """Name of the checkpoint folder that the bundle was made from."""
    licence: str
    """License of the weights, as far as it is known."""
    codec: CodecLayout
    language_model: LanguageModelLayout
    token_ids: TokenIds
    graphs: Mapping[str, GraphEntry]
    tokenizer: FileEntry
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    verification: Mapping[str, Any] | None = None
    """End-to-end measurements, and those of the chosen precision."""
    alignment: Alignment | None = None
    """How words are found in the sound; null where the conversion did not look."""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        sizes, alignment = self.language_model, self.alignment or Alignment()
        for head in alignment.heads:
            if not (0 <= head.layer < sizes.layers and 0 <= head.key_head < sizes.kv_heads):
                raise ValueError(f"the language model has no alignment head {head}")
        if alignment.heads and not 0 < alignment.rope_dim <= sizes.head_dim:
            raise ValueError(f"alignment.rope_dim is {alignment.rope_dim}; expected 1 to {sizes.head_dim}")

    def files(self) -> tuple[FileEntry, ...]:
        """Every file of the bundle except the manifest, in order of graph."""
        return (self.tokenizer, *(entry for graph in self.graphs.values() for entry in graph.files))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(path: Path) -> FileEntry:
    """The entry of a file that lies in the bundle's folder."""
    return FileEntry(path.name, path.stat().st_size, sha256_of(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`; call it after every other file is complete."""
    text = json.dumps(dataclasses.asdict(manifest), indent=1, ensure_ascii=False)
    (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest and see that every file is there at its length.

    Contents are compared by `check_file`, file by file, when one is about to be used.

    Raises:
        BundleError: no bundle, half a bundle, another format version, unknown or missing keys, a missing or
            truncated file.
    """
    manifest = _parse(_read_json(folder), folder)
    for entry in manifest.files():
        _check_presence(folder, entry)
    return manifest


def check_file(folder: Path, entry: FileEntry) -> None:
    """Compare a file's contents with its entry.

    Raises:
        BundleError: the file is missing or is not the one that the bundle was written with.
    """
    _check_presence(folder, entry)
    if (found := sha256_of(folder / entry.name)) != entry.sha256:
        raise BundleError(
            f"{folder / entry.name} was altered: its SHA-256 is {found[:12]}…, the manifest says "
            f"{entry.sha256[:12]}…; convert the checkpoint again"
        )


def _check_presence(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.name
    if not path.is_file():
        raise BundleError(f"the bundle {folder} lacks {entry.name}; convert the checkpoint again")
    if (size := path.stat().st_size) != entry.bytes:
        raise BundleError(
            f"{path} was altered: it has {size} bytes, the manifest says {entry.bytes}; convert the checkpoint again"
        )


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise BundleError(f"there is no folder {folder}; expected a bundle made by convert_to_onnx.py")
    if not path.is_file():
        raise BundleError(
            f"{folder} has no {MANIFEST_NAME}, so it is not a complete bundle; make one with "
            "`python convert_to_onnx.py --model_dir CHECKPOINT`"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} is not a manifest: expected a JSON object")
    return data


def _parse(data: dict[str, Any], folder: Path) -> Manifest:
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder / MANIFEST_NAME} has format version {version!r}; this software reads version "
            f"{FORMAT_VERSION}: convert the checkpoint again, or use the software that wrote it"
        )
    try:
        manifest: Manifest = _build(Manifest, data, "manifest")
    except (TypeError, ValueError) as error:
        raise BundleError(f"{folder / MANIFEST_NAME} is not a valid manifest: {error}") from error
    return manifest


def _build(kind: Any, value: Any, where: str) -> Any:
    """Turn JSON into an annotated value, refusing what the annotation does not say."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _build_union(arguments, value, where)
    if origin is tuple:
        return tuple(_build(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(_list(value, where)))
    if origin is Mapping:
        return {key: _build(arguments[1], item, f"{where}.{key}") for key, item in _dict(value, where).items()}
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{where} should be of type {kind.__name__}, found {value!r}")
    return value


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    given, hints = _dict(value, where), typing.get_type_hints(kind)
    if unknown := sorted(given.keys() - hints.keys()):
        raise ValueError(f"unknown key {where}.{unknown[0]}")
    required = {f.name for f in dataclasses.fields(kind)} - {
        f.name for f in dataclasses.fields(kind) if _has_default(f)
    }
    if missing := sorted(required - given.keys()):
        raise ValueError(f"missing key {where}.{missing[0]}")
    return kind(**{name: _build(hints[name], item, f"{where}.{name}") for name, item in given.items()})


def _has_default(entry: "dataclasses.Field[Any]") -> bool:
    return entry.default is not dataclasses.MISSING or entry.default_factory is not dataclasses.MISSING


def _build_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    plain = [kind for kind in kinds if kind is not type(None)]
    matching = [kind for kind in plain if kind is type(value)]
    return _build((matching or plain)[0], value, where)


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{where} should be an object, found {value!r}")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{where} should be a list, found {value!r}")
    return value

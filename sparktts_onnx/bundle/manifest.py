"""`manifest.json`: what a bundle holds, as values; written last, read first.

The manifest is the only thing that a runtime has to trust: sizes, token ids by role, and for every file its
length and SHA-256. Unknown keys, missing keys and other format versions are refused by name.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from sparktts_onnx.bundle.contract import FORMAT_VERSION, LANGUAGE_MODEL, MANIFEST_NAME, Tensor
from sparktts_onnx.bundle.values import Bounds, Matches, OneOf, build
from sparktts_onnx.errors import BundleError

MOST_IDS = 1 << 24
"""More ids than any tokenizer has. Bounds keep what a damaged file says from being allocated or divided by."""
TokenId = Annotated[int, Bounds(0, MOST_IDS)]
Size = Annotated[int, Bounds(1, 1 << 16)]
Reach = Annotated[int, Bounds(0, 1 << 16)]
Sha256 = Annotated[str, Matches("[0-9a-f]{64}", "64 hexadecimal digits in small letters")]
Index = Annotated[int, Bounds(0, 1 << 12)]


@dataclass(frozen=True)
class FileEntry:
    """A file of the bundle, as it was when the manifest was written."""

    name: str
    """In the bundle's own folder: no path, so that no bundle reaches outside it."""
    bytes: Annotated[int, Bounds(0, 1 << 50)]
    sha256: Sha256

    def __post_init__(self) -> None:
        if self.name in ("", ".", "..") or "/" in self.name or "\\" in self.name:
            raise ValueError(f"{self.name!r} is not the name of a file in the bundle")


@dataclass(frozen=True)
class GraphEntry:
    """A graph: the first file is the `.onnx`, others hold its weights."""

    files: tuple[FileEntry, ...]
    opset: Annotated[int, Bounds(1, 1000)]
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

    fingerprint: Sha256
    """SHA-256 over the codec's weights in the checkpoint: a voice names the codec it belongs to by it."""
    sample_rate: Annotated[int, Bounds(1000, 384_000)]
    """Samples a second."""
    hop_length: Size
    """Samples a semantic token."""
    reference_samples: Annotated[int, Bounds(1, 1 << 26)]
    """Length of the clip that the speaker encoder hears."""
    reference_hop: Size
    """The clip's length is a multiple of this many samples."""
    volume_normalize: bool
    feature_dim: Size
    """Width of wav2vec2 features and of z."""
    condition_dim: Size
    """Width of d_vector."""
    semantic_codes: Annotated[int, Bounds(1, MOST_IDS)]
    global_codes: Annotated[int, Bounds(1, MOST_IDS)]
    global_tokens: Size
    prenet_context: Reach
    """Tokens to each side that a token of the prenet's output depends on."""
    decoder_context: Reach
    """Frames of x to each side that a frame's samples depend on in the decoder."""
    frames_per_token: Annotated[int, Bounds(1, 1 << 10)] = 1
    """Frames of x that the prenet makes of one token."""
    fixed_frames: Size | None = None
    """Frames of every time axis where the graphs have fixed shapes; null where they are dynamic."""


@dataclass(frozen=True)
class LanguageModelLayout:
    """Geometry of the language model's graph."""

    layers: Annotated[int, Bounds(1, 1 << 12)]
    kv_heads: Annotated[int, Bounds(1, 1 << 12)]
    head_dim: Annotated[int, Bounds(1, 1 << 12)]
    max_positions: Annotated[int, Bounds(1, 1 << 24)]
    """Positions that the rotary tables in the graph cover: prompt and answer together."""
    cache_dtype: Annotated[str, OneOf(("float32", "float16"))]
    head_first_id: TokenId
    """Token id of row 0 of the logits; row r is the id `head_first_id + r`."""
    head_rows: Annotated[int, Bounds(1, MOST_IDS)]
    vocab_size: Annotated[int, Bounds(1, MOST_IDS)]


@dataclass(frozen=True)
class AlignmentHead:
    """An attention head of the language model."""

    layer: Index
    head: Index
    """Query head, counted as the checkpoint counts."""
    key_head: Index
    """Head of the cache whose keys the query is multiplied with."""


@dataclass(frozen=True)
class Alignment:
    """Which attention heads follow the text while it is spoken, and how their queries are read.

    A query that the graph gives is not rotated yet; keys in the cache are. `rope_theta` and `rope_dim` rotate it.
    """

    heads: tuple[AlignmentHead, ...] = ()
    """In the order of the graph's output `queries`, which is there only where there are heads."""
    rope_theta: Annotated[float, Bounds(1, 1e12)] = 10000.0
    """Base of the rotation's frequencies."""
    rope_dim: Index = 0
    """Elements of a head that are rotated, half of them first in each half of `head_dim`; scores are divided by its
    square root."""
    lead_seconds: Annotated[float, Bounds(-60, 60)] = 0.0
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

    first: TokenId
    count: TokenId

    @property
    def stop(self) -> int:
        """One past the last id."""
        return self.first + self.count


STYLE_LEVELS: Mapping[str, int] = {"gender": 2, "pitch_label": 5, "speed_label": 5}
"""Ids that each part of a created voice's style is chosen from."""


@dataclass(frozen=True)
class TokenIds:
    """Token ids by role, read from the checkpoint's tokenizer when the bundle was made."""

    end_of_text: TokenId
    """`<|im_end|>`: the answer is over."""
    task_tts: TokenId
    task_controllable_tts: TokenId
    start_content: TokenId
    end_content: TokenId
    start_global: TokenId
    end_global: TokenId
    start_semantic: TokenId
    end_semantic: TokenId
    start_style: TokenId
    end_style: TokenId
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

    def __post_init__(self) -> None:
        for kind, levels in STYLE_LEVELS.items():
            if (found := getattr(self, kind).count) < levels:
                raise ValueError(f"{kind} has {found} ids, expected {levels}")

    @property
    def stop(self) -> int:
        """One past the largest id."""
        values = [*vars(self).values(), *self.attributes]
        return max(
            *(value + 1 for value in values if isinstance(value, int)),
            *(value.stop for value in values if isinstance(value, IdRange)),
        )


@dataclass(frozen=True)
class SamplingDefaults:
    """Sampling of the original model."""

    temperature: Annotated[float, Bounds(0, 1e3)] = 0.8
    top_k: TokenId = 50
    top_p: Annotated[float, Bounds(1e-6, 1)] = 0.95
    max_new_tokens: Annotated[int, Bounds(1, 1 << 24)] = 3000


@dataclass(frozen=True)
class Manifest:
    """A whole bundle."""

    producer: str
    """Software and version that wrote the bundle."""
    source: str
    """Name of the checkpoint folder that the bundle was made from; after a `+`, of a finetune that went into it."""
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
        model, codec, alignment = self.language_model, self.codec, self.alignment or Alignment()
        stop = max(self.token_ids.stop, model.head_first_id + model.head_rows)
        if stop > model.vocab_size:
            raise ValueError(f"ids or the head go up to {stop - 1}, beyond the vocabulary of {model.vocab_size}")
        if codec.hop_length % codec.frames_per_token:
            raise ValueError(
                f"codec.hop_length is {codec.hop_length}, not a multiple of {codec.frames_per_token} frames"
            )
        for head in alignment.heads:
            if not (0 <= head.layer < model.layers and 0 <= head.key_head < model.kv_heads):
                raise ValueError(f"the language model has no alignment head {head}")
        if alignment.heads and not 0 < alignment.rope_dim <= model.head_dim:
            raise ValueError(f"alignment.rope_dim is {alignment.rope_dim}; expected 1 to {model.head_dim}")

    @property
    def precision(self) -> str:
        """What the bundle is made for: that of its language model."""
        return self.graphs[LANGUAGE_MODEL].precision if LANGUAGE_MODEL in self.graphs else ""

    @property
    def no_word_times(self) -> str | None:
        """Why the bundle cannot tell when words are heard, as a sentence; None where it can."""
        if self.alignment is not None and self.alignment.heads:
            return None
        reason = "it was converted without looking for them" if self.alignment is None else self.alignment.reason
        return f"this bundle cannot tell when words are heard: {reason}"

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


def read_manifest(folder: Path, *, whole: bool = True) -> Manifest:
    """Read a bundle's manifest and see that every file is there at its length, if the bundle is to be `whole` by now.

    Contents are compared by `check_file`, file by file, when one is about to be used.

    Raises:
        BundleError: no bundle, half a bundle, another format version, unknown or missing keys, a missing or
            truncated file.
    """
    path, data = folder / MANIFEST_NAME, _read_json(folder)
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path} has format version {version!r}; this software reads version {FORMAT_VERSION}: convert the "
            "checkpoint again, or use the software that wrote it"
        )
    try:
        manifest: Manifest = build(Manifest, data, "manifest")
    except (TypeError, ValueError) as error:
        raise BundleError(f"{path} is not a valid manifest: {error}") from error
    for entry in manifest.files() if whole else ():
        check_presence(folder, entry)
    return manifest


def check_file(folder: Path, entry: FileEntry) -> None:
    """Compare a file's contents with its entry."""
    check_presence(folder, entry)
    path = folder / entry.name
    if (found := sha256_of(path)) != entry.sha256:
        raise BundleError(
            f"{path} was altered: its SHA-256 is {found[:12]}…, the manifest says {entry.sha256[:12]}…; {_remedy(path)}"
        )


def check_presence(folder: Path, entry: FileEntry) -> None:
    """See that a file is there, with the length of its entry."""
    path = folder / entry.name
    if not path.is_file():
        raise BundleError(f"the bundle {folder} lacks {entry.name}; convert the checkpoint again")
    if (size := path.stat().st_size) != entry.bytes:
        raise BundleError(f"{path} was altered: it has {size} bytes, the manifest says {entry.bytes}; {_remedy(path)}")


def _remedy(path: Path) -> str:
    """What to do about a file; links are what the hub's cache has."""
    return f"delete {path.resolve()} to fetch it again" if path.is_symlink() else "convert the checkpoint again"


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise BundleError(f"there is no folder {folder}; expected a bundle made by `spark-tts-onnx convert`")
    if not path.is_file():
        raise BundleError(
            f"{folder} has no {MANIFEST_NAME}, so it is not a complete bundle; make one with "
            "`spark-tts-onnx convert CHECKPOINT`"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} is not a manifest: expected a JSON object")
    return data

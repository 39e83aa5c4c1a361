"""The bundle that a model's name leads to: in a folder, or on the hub, whose files come when they are needed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sparktts_onnx.bundle.contract import MANIFEST_NAME, PRECISIONS
from sparktts_onnx.bundle.manifest import Manifest, check_file, read_manifest
from sparktts_onnx.errors import BundleError
from sparktts_onnx.hub.download import SMALL, assets_folder, fetch, pinned_folder
from sparktts_onnx.hub.names import HubModel, hub_model

_PLACES = tuple(f"{base}{name}".strip("/") for base in ("", "onnx/") for name in ("", *PRECISIONS))
"""Where in a folder bundles lie: a folder for each precision, or one without; the same under `onnx`."""
_CHECKPOINT = "LLM/config.json"
_LOOKED_AT = (*(f"{place}/{MANIFEST_NAME}".strip("/") for place in _PLACES), _CHECKPOINT, *SMALL)
_PREFERRED = {"cuda": ("fp16", "fp32", "int8", "int4")}
_PREFERRED_ON_CPU = ("int8", "int4", "fp32", "fp16")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose manifest has been read."""

    folder: Path
    """Where its files are, or appear when they are fetched."""
    manifest: Manifest
    model_id: str | None = None
    """`org/name@commit`, where it came from the hub."""
    remote: HubModel | None = None
    """Where files that are not in the folder come from."""
    prefix: str = ""
    """Its folder in `remote`."""
    local_files_only: bool = False
    """Whether only the cache may give files."""

    def fetch(self, graphs: Iterable[str] | None = None) -> None:
        """Get the files of graphs that are not here yet, of all by default; of a folder there are no others.

        Raises:
            HubError: they cannot be had.
        """
        if self.remote is None:
            return
        entries = (self.manifest.graphs[name].files for name in graphs or self.manifest.graphs)
        missing = [file.name for files in entries for file in files if not (self.folder / file.name).is_file()]
        fetch(self.remote, [self.prefix + name for name in missing], local_files_only=self.local_files_only)


def open_bundle(
    model: str | Path,
    *,
    revision: str | None = None,
    precision: str | None = None,
    device: str = "auto",
    local_files_only: bool = False,
) -> Bundle:
    """Find a bundle and read its manifest; of one on the hub, only that and the tokenizer are fetched.

    Args:
        model: a folder, or `org/name[@revision]`.
        revision: of an id: a branch, a tag or a commit.
        precision: which of several bundles; by default one without a folder of its own, else the best for `device`.
        device: where it will run.
        local_files_only: of an id, take what the cache has, and ask nobody.

    Raises:
        BundleError: there is none, or not of that precision.
        HubError: the hub does not give it.
    """
    wanted = hub_model(model, revision)
    if wanted is None:
        root = Path(model)
        inner = root / "onnx"
        folder = _chosen(root, bundles_in(root), precision, device) or (inner if inner.is_dir() else root)
        bundle = Bundle(folder, read_manifest(folder))
    else:
        bundle = _from_hub(wanted, precision, device, local_files_only)
    check_file(bundle.folder, bundle.manifest.tokenizer)
    return bundle


def _from_hub(wanted: HubModel, precision: str | None, device: str, local_files_only: bool) -> Bundle:
    root = pinned_folder(wanted, patterns=_LOOKED_AT, local_files_only=local_files_only)
    pinned = replace(wanted, revision=root.name)
    folder = _chosen(wanted, [*bundles_in(root), *bundles_in(assets_folder(pinned))], precision, device)
    if folder is None and (root / _CHECKPOINT).is_file():
        raise BundleError(
            f"{wanted} is a checkpoint, not a bundle; convert it once: "
            f"spark-tts-onnx convert {wanted} --precision {precision or 'int8'}"
        )
    if folder is None:
        raise BundleError(f"{wanted} on the hub is neither a bundle nor a checkpoint of Spark-TTS; choose another")
    if not folder.is_relative_to(root):
        return Bundle(folder, read_manifest(folder), str(pinned))
    manifest = read_manifest(folder, whole=False)
    prefix = "" if folder == root else f"{folder.relative_to(root).as_posix()}/"
    fetch(pinned, [prefix + manifest.tokenizer.name], local_files_only=local_files_only)
    return Bundle(folder, manifest, str(pinned), pinned, prefix, local_files_only)


def bundles_in(root: Path) -> list[Path]:
    """The folders of the bundles that a folder is or holds."""
    return [root / place for place in _PLACES if (root / place / MANIFEST_NAME).is_file()]


def _chosen(model: HubModel | Path, found: list[Path], precision: str | None, device: str) -> Path | None:
    """The bundle to open; None where there is none at all.

    Raises:
        BundleError: there are some, and none of the precision.
    """
    if precision is None or not found:
        order = _PREFERRED.get(device, _PREFERRED_ON_CPU)
        return min(found, key=lambda folder: order.index(folder.name) if folder.name in order else -1, default=None)
    have = {read_manifest(folder, whole=False).precision: folder for folder in reversed(found)}
    if precision not in have:
        raise BundleError(
            f"{model} has no bundle of precision {precision}; it has {', '.join(sorted(have))}. If it has a checkpoint "
            f"too: spark-tts-onnx convert {model} --precision {precision}"
        )
    return have[precision]

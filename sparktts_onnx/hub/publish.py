"""Bundles onto the hub: what may be published, the model card, and the upload."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparktts_onnx.bundle.contract import MANIFEST_NAME
from sparktts_onnx.bundle.manifest import Manifest, check_file, read_manifest
from sparktts_onnx.errors import BundleError, OptionError
from sparktts_onnx.hub.bundles import bundles_in
from sparktts_onnx.hub.download import library, reported
from sparktts_onnx.hub.names import HubModel

FREE_LICENSES = (
    *("apache-2.0", "mit", "isc", "bsd", "bsd-2-clause", "bsd-3-clause"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"),
)
"""The hub's names of licenses that let everybody pass the weights on, for any use."""
_CARD = """---
{front}
---

# {name}

{source}, converted to ONNX graphs by {producer}: text-to-speech with voice cloning, without PyTorch. {precisions}

## Use

With `sparktts-onnx[cpu]` installed:

    spark-tts-onnx --model {id} --text "Hello." --output-dir outputs

```python
from sparktts_onnx import SparkTTSONNX

with SparkTTSONNX("{id}") as tts:
    wav, info = tts.inference("Hello.")
```

Speech that the software writes is marked as synthetic. Clone a voice only with the consent of the person it belongs to.

## Measured

{measured}

## License

Of the weights: {license}.
"""
_MEASURED = """Against the PyTorch model, when the bundle was made: the worst deviation, relative to the largest value,
and what it may be. Where that is of a share of the values, it is said.

| precision | what | deviation | allowed |
|---|---|---:|---:|
"""


@dataclass(frozen=True)
class Publication:
    """What is about to be put on the hub."""

    model: HubModel
    card: str
    files: dict[str, Path]
    """By path in the model."""
    license: str
    """Of the weights, as the bundles say."""

    @property
    def free(self) -> bool:
        """Whether the license lets everybody pass the weights on."""
        return all(name.strip().lower() in FREE_LICENSES for name in self.license.split(";"))

    def upload(self, *, private: bool = False) -> str:
        """Put everything there in one commit; its address.

        Raises:
            HubError: it cannot be put there.
        """
        hub = library()
        with reported(self.model, writing=True):
            api = hub.HfApi()
            api.create_repo(self.model.id, private=private or None, exist_ok=True)
            contents = {"README.md": self.card.encode(), **self.files}
            operations = [hub.CommitOperationAdd(path, source) for path, source in contents.items()]
            done = api.create_commit(self.model.id, operations, commit_message="Bundles of ONNX graphs")
        return f"{hub.constants.ENDPOINT}/{self.model.id}/tree/{done.oid}"


def publication(folder: Path, model: HubModel) -> Publication:
    """Everything that a folder's bundles come to on the hub: a folder for each precision, and the card.

    Raises:
        BundleError: no bundle there, or one that was altered.
        OptionError: two of one precision, or of different weights.
    """
    manifests: dict[str, Manifest] = {}
    files: dict[str, Path] = {}
    for place in bundles_in(folder):
        manifest = read_manifest(place)
        if manifest.precision in manifests:
            raise OptionError(f"{folder} has two bundles of precision {manifest.precision}; name the folder of one")
        manifests[manifest.precision] = manifest
        files[f"{manifest.precision}/{MANIFEST_NAME}"] = place / MANIFEST_NAME
        for entry in manifest.files():
            check_file(place, entry)
            files[f"{manifest.precision}/{entry.name}"] = place / entry.name
    if not manifests:
        raise BundleError(f"there is no bundle in {folder}; make one with `spark-tts-onnx convert`")
    if len({(each.source, each.licence, each.codec.fingerprint) for each in manifests.values()}) > 1:
        raise OptionError(f"the bundles in {folder} are of different checkpoints; publish each by itself")
    try:
        card = _card(model, list(manifests.values()))
    except (KeyError, TypeError, ValueError) as error:  # the format leaves figures to whoever writes them
        raise BundleError(
            f"a manifest in {folder} does not give its figures of verification as the conversion writes them; convert "
            "the checkpoint again"
        ) from error
    return Publication(model, card, files, next(iter(manifests.values())).licence)


def _card(model: HubModel, manifests: Sequence[Manifest]) -> str:
    some = manifests[0]
    rows = [row for manifest in manifests for row in _rows(manifest)]
    several = f"One of {', '.join(each.precision for each in manifests)} is chosen with `--precision`."
    return _CARD.format(
        front="\n".join(_front(some)),
        id=model.id,
        name=model.id.partition("/")[2],
        source=some.source,
        producer=some.producer,
        precisions=several if len(manifests) > 1 else f"Its precision is {some.precision}.",
        measured=_MEASURED + "\n".join(rows) if rows else "Nothing: the conversion was not verified.",
        license=some.licence,
    )


def _front(manifest: Manifest) -> Iterator[str]:
    """What the hub reads of a card."""
    plain = re.fullmatch(r"[a-z0-9.-]+", manifest.licence)
    yield f"license: {manifest.licence}" if plain else "license: other\nlicense_name: as-below"
    ids = [part.partition("@")[0] for part in manifest.source.split(" + ") if "/" in part]
    if ids:
        yield f"base_model: [{', '.join(ids)}]"
    yield "pipeline_tag: text-to-speech"
    yield "library_name: sparktts-onnx"
    yield "tags: [onnx, spark-tts]"


def _rows(manifest: Manifest) -> Iterator[str]:
    """The manifest's figures of verification: of each graph, then of the whole path."""
    for name, graph in manifest.graphs.items():
        if graph.verification is not None and graph.verification["worst_error"] is not None:
            share = graph.verification["share"]
            what = f"{name}, {share:.0%} of the values" if share < 1 else name
            yield _row(manifest, what, graph.verification["worst_error"], graph.verification["tolerance"])
    for subject, found in (manifest.verification or {}).items():
        yield _row(manifest, subject, found["error"], found["tolerance"])


def _row(manifest: Manifest, what: str, error: float | None, tolerance: float | None) -> str:
    shown = ["" if value is None else f"{value:.2g}" for value in (error, tolerance)]
    return f"| {manifest.precision} | {what} | {shown[0]} | {shown[1]} |"

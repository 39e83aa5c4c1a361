"""What a model's name means: a folder, or the id of a model on the hub, `org/name[@revision]`."""

import re
from dataclasses import dataclass
from pathlib import Path

from sparktts_onnx.errors import BundleError, OptionError

_PART = r"(?!.*(?:--|\.\.))[A-Za-z0-9][\w.-]{0,95}"
_ID = re.compile(rf"(?P<id>{_PART}/{_PART})(?:@(?P<revision>[^\s@]+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubModel:
    """A model on the hub."""

    id: str
    """`org/name`."""
    revision: str | None = None
    """A branch, a tag or a commit; None is the main branch."""

    def __str__(self) -> str:
        return self.id if self.revision is None else f"{self.id}@{self.revision}"


def kept_model(folder: Path) -> HubModel | None:
    """The pinned model whose files a folder of the cache holds; None for any other folder."""
    held, snapshots, commit = ("", "", *folder.absolute().parts)[-3:]
    if snapshots != "snapshots" or not held.startswith("models--") or not _COMMIT.fullmatch(commit):
        return None
    return HubModel(held.removeprefix("models--").replace("--", "/"), commit)


def hub_id(text: str) -> HubModel:
    """The model on the hub with an id, whether there is a folder of that name or not.

    Raises:
        OptionError: it is not an id, or has a revision.
    """
    found = _ID.fullmatch(text)
    if found is None or found["revision"]:
        raise OptionError(f"{text!r} is not the id of a model on the hub; expected org/name")
    return HubModel(text)


def hub_model(model: str | Path, revision: str | None = None) -> HubModel | None:
    """The model on the hub that a name means; None where it means a folder: one that exists always does.

    Args:
        model: a folder, or `org/name[@revision]`; only a text is ever an id.
        revision: the same as after `@`.

    Raises:
        BundleError: a text that is neither a folder nor an id.
        OptionError: a revision of a folder, or two of an id.
    """
    folder = Path(model).is_dir()
    found = _ID.fullmatch(model) if isinstance(model, str) and not folder else None
    if found is None:
        if not folder:
            raise BundleError(
                f"there is no folder {model}; name a folder that exists, or a model on the hub as org/name "
                "or org/name@revision"
            )
        if revision is not None:
            raise OptionError(f"{model} is a folder and has no revisions; leave the revision out", field="revision")
        return None
    if revision is not None and found["revision"] not in (None, revision):
        raise OptionError(f"{model} names a revision, and {revision!r} is another; give one", field="revision")
    return HubModel(found["id"], found["revision"] or revision)

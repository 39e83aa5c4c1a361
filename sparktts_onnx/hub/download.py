"""Files from the hub, through `huggingface_hub`: its cache, its tokens, its progress bars, its environment variables.

The library is imported with the first id, never without one.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sparktts_onnx.bundle.manifest import sha256_of
from sparktts_onnx.errors import HubError
from sparktts_onnx.hub.names import HubModel, hub_model

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when huggingface_hub is first imported, by whomever

SMALL = (".gitattributes", "README.md", "config.*")
"""Files that nearly every model has, so that some match."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_PLACE = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR)


def local_folder(model: str | Path, patterns: Sequence[str]) -> Path:
    """The folder that a model's name means, with its files that match `patterns`: of an id, where the cache keeps them.

    Args:
        model: a folder, which is given back as it is, or `org/name[@revision]`.
        patterns: such as `LLM/*.json`; a star matches no slash.

    Raises:
        BundleError: neither a folder nor an id.
        HubError: the files cannot be had.
    """
    wanted = hub_model(model)
    if wanted is None:
        return Path(model)
    offline = bool(library().constants.HF_HUB_OFFLINE)
    folder = pinned_folder(wanted, patterns=SMALL, local_files_only=offline)
    commit = replace(wanted, revision=folder.name)
    if not offline:
        with reported(commit):
            names = library().HfApi().list_repo_files(commit.id, revision=commit.revision)
        fetch(commit, _wanted(names, patterns))
    _check_sums(commit, folder, patterns)
    return folder


def _check_sums(model: HubModel, folder: Path, patterns: Sequence[str]) -> None:
    """Compare large files with their SHA-256: the cache gives it them as a name, and nobody has looked yet.

    Raises:
        HubError: one differs.
    """
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    for name in _wanted(names, patterns):
        held = (folder / name).resolve()
        if _SHA256.fullmatch(held.name) and (found := sha256_of(held)) != held.name:
            raise HubError(
                f"{name} of {model} came damaged: its SHA-256 is {found[:12]}…, the hub says {held.name[:12]}…; delete "
                f"{held} to fetch it again"
            )


def _wanted(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Names that match; of weights that a folder has both as safetensors and as pickles, the first."""
    safe = {name.rpartition("/")[0] for name in names if name.endswith(".safetensors")}
    twice = {name for name in names if name.endswith(".bin") and name.rpartition("/")[0] in safe}
    fits = [(name, pattern) for name in names for pattern in patterns if name.count("/") == pattern.count("/")]
    return list(dict.fromkeys(name for name, pattern in fits if fnmatch(name, pattern) and name not in twice))


def pinned_folder(model: HubModel, *, patterns: Sequence[str], local_files_only: bool = False) -> Path:
    """Where the cache keeps one commit of a model, with its small files that match; the folder's name is the commit.

    The hub is asked which commit a branch is at; where it cannot be reached, what the cache knows of it is taken.

    Raises:
        HubError: the hub does not give it, and the cache does not have it.
    """
    with reported(model):
        found = library().snapshot_download(
            model.id, revision=model.revision, allow_patterns=list(patterns), local_files_only=local_files_only
        )
    return Path(found)


def fetch(model: HubModel, names: Iterable[str], *, local_files_only: bool = False) -> None:
    """Get files of a pinned model, one after the other; each appears in the cache when it is complete.

    They are fetched in the calling thread, so that Ctrl-C ends it.

    Raises:
        HubError: one of them cannot be had.
    """
    for name in names:
        with reported(model, name):
            library().hf_hub_download(model.id, name, revision=model.revision, local_files_only=local_files_only)


def assets_folder(model: HubModel) -> Path:
    """Where bundles that were converted from a pinned checkpoint are kept: the cache's place for what is made here."""
    return Path(library().constants.HF_ASSETS_CACHE, "sparktts_onnx", model.id.replace("/", "--"), str(model.revision))


def library() -> Any:
    """`huggingface_hub`."""
    import huggingface_hub.constants

    return huggingface_hub


@contextmanager
def reported(model: HubModel, file: str = "", *, writing: bool = False) -> Iterator[None]:
    """Report whatever goes wrong with the hub in the block as one message."""
    try:
        yield
    except Exception as error:  # the library's errors, and those of its HTTP client, share no other base
        causes = list(_causes(error))
        text = _write_failure(causes, model) if writing else _message(causes, model, file)
        raise HubError(text) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _response(causes: Sequence[BaseException]) -> Any:
    return next((found for error in causes if (found := getattr(error, "response", None)) is not None), None)


def _reason(causes: Sequence[BaseException]) -> str:
    """The text of the first cause, in one line."""
    return " ".join((str(causes[-1]) or repr(causes[-1])).split())


def _write_failure(causes: Sequence[BaseException], model: HubModel) -> str:
    response = _response(causes)
    if response is not None and response.status_code in (401, 403, 404):
        return (
            f"the hub does not let you write to {model}: log in with `hf auth login`, or set HF_TOKEN, with a token "
            "that may write there"
        )
    said = _reason(causes) if response is None else f"it answered {response.status_code}"
    return f"{model} was not put on {_endpoint()}: {said}; do it again"


def _message(causes: Sequence[BaseException], model: HubModel, file: str) -> str:
    """What went wrong, and what to do about it."""
    what = f"{file} of {model}" if file else str(model)
    response, reason = _response(causes), _reason(causes)
    if response is not None and (server := _other_server(response)):
        return f"{server}, where the hub keeps {what}, answered {response.status_code}; do it again, what came is kept"
    if response is not None:
        return _refusal(response.status_code, response.headers, model, what)
    if any(isinstance(error, OSError) and error.errno in _NO_PLACE for error in causes):
        return f"{what} cannot be kept in the cache: {reason}; make room there, or name another place with HF_HOME"
    if type(causes[-1]).__name__ in ("LocalEntryNotFoundError", "IncompleteSnapshotError", "OfflineModeIsEnabled"):
        return (
            f"{what} is not in the cache, and the hub may not be asked; unset HF_HUB_OFFLINE, or leave "
            "local_files_only out"
        )
    return (
        f"{what} was not fetched from {_endpoint()}: {reason}; do it again (what came whole is kept), or "
        "use what the cache has with HF_HUB_OFFLINE=1"
    )


def _other_server(response: Any) -> str | None:
    """The server that answered, where it is not the hub: large files lie elsewhere, under addresses that expire."""
    found, hub = urlsplit(str(getattr(response, "url", ""))), urlsplit(_endpoint())
    hubs = "X-Error-Code" in response.headers or found.netloc in ("", hub.netloc)
    return None if hubs else f"{found.scheme}://{found.netloc}"


def _refusal(status: int, headers: Mapping[str, str], model: HubModel, what: str) -> str:
    """An answer of the hub that is not what was asked for."""
    code, said = headers.get("X-Error-Code", ""), headers.get("X-Error-Message", "")
    if code == "RevisionNotFound":
        return f"{model.id} has no revision {model.revision}; its branches and tags are at {_endpoint()}/{model.id}"
    if code == "EntryNotFound":
        return f"the hub has no {what}; name a revision that has it, as {model.id}@REVISION"
    if code == "GatedRepo":
        return (
            f"{model.id} is for those who were given access: ask for it at {_endpoint()}/{model.id}, then log in with "
            "`hf auth login`, or set HF_TOKEN"
        )
    if status == 401 and "credentials" in said:
        return f"the hub does not accept your token; log in again with `hf auth login`, or set HF_TOKEN ({model.id})"
    if status in (401, 404):
        return (
            f"there is no folder {model.id}, and the hub has no such model or keeps it from you: check the name; for a "
            "private model log in with `hf auth login`, or set HF_TOKEN"
        )
    if status == 403:
        return f"your token may not do this with {model.id}: {said or 'forbidden'}; use one that may, with HF_TOKEN"
    if status == 429:
        seconds = headers.get("Retry-After", "")
        when = f"in {seconds} s" if seconds.isdecimal() else "later"
        return f"the hub was asked too often for {what}; do it again {when}, what came whole is kept"
    return f"the hub answered {status} for {what}{f': {said}' if said else ''}; do it again later"


def _endpoint() -> str:
    return str(library().constants.ENDPOINT)

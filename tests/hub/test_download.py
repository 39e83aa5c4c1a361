"""Files from a hub on loopback: what is asked for, what is kept, and what each failure says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub

from sparktts_onnx.errors import BundleError, OptionError
from sparktts_onnx.hub.download import local_folder
from sparktts_onnx.hub.names import HubModel, hub_model

ROOT = Path(__file__).parents[2]
CHUNK = 10 * 1024 * 1024
"""Bytes that huggingface_hub writes at once: what came less is asked for again."""
FILES = {
    "README.md": b"about it",
    "LLM/config.json": b"{}",
    "LLM/model.safetensors": b"0123456789abcdef" * (CHUNK // 16 + 20_000),
    "LLM/notes.txt": b"not wanted",
    "other.bin": b"not wanted" * 1000,
}
PROGRAM = """
import json, sys, time
time.sleep = lambda seconds: None
from sparktts_onnx.hub.download import local_folder
for name in sys.argv[1:]:
    try:
        print(json.dumps(str(local_folder(name, ["LLM/*.json", "LLM/*.safetensors"]))))
    except Exception as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[LoopbackHub]:
    """A hub with a model, and models that cannot be had."""
    with LoopbackHub() as made:
        made.put("org/name", FILES)
        made.models["org/private"].token = "hf_right"
        made.put("org/private", FILES)
        for name, refusal in {
            "org/gated": (403, {"X_Error_Code": "GatedRepo"}),
            "org/forbidden": (403, {"X_Error_Message": "no rights"}),
            "org/busy": (429, {"Retry_After": "7"}),
            "org/ill": (503, {}),
        }.items():
            made.models[name].refusal = refusal
        yield made


def fetched(hub: LoopbackHub, home: Path, *names: str, **environment: str) -> list[object]:
    """What a fresh process gets for models: a folder, or the name and the text of an error."""
    hub.requests.clear()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=hub.environment(home, **environment),
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(home: Path) -> dict[str, bytes]:
    """Files that a cache gives, by name."""
    paths = [path for path in home.glob("hub/*/snapshots/*/**/*") if path.is_file()]
    return {path.as_posix().partition("/snapshots/")[2].partition("/")[2]: path.read_bytes() for path in paths}


def test_a_broken_download_goes_on_where_it_broke_and_only_what_is_wanted_comes(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    """At once, or with the next run, as the version of huggingface_hub has it."""
    hub.breaks["LLM/model.safetensors"] = [CHUNK + 1000]
    [folder] = fetched(hub, tmp_path, "org/name")
    if isinstance(folder, list):
        [folder] = fetched(hub, tmp_path, "org/name")
    assert f"GET cdn/LLM/model.safetensors bytes={CHUNK}-" in hub.requests
    assert kept(tmp_path) == {name: data for name, data in FILES.items() if name not in ("LLM/notes.txt", "other.bin")}
    assert Path(str(folder)).name == hub.models["org/name"].refs["main"]
    [again] = fetched(hub, tmp_path, "org/name")
    assert again == folder and not [line for line in hub.requests if "cdn" in line or "resolve" in line]
    [offline] = fetched(hub, tmp_path, "org/name", HF_HUB_OFFLINE="1")
    assert offline == folder and hub.requests == []


def test_a_download_that_fails_leaves_no_half_of_a_file(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.breaks["LLM/model.safetensors"] = [CHUNK + 1000, *[0] * 6]
    [failed] = fetched(hub, tmp_path, "org/name")
    assert failed[0] == "HubError" and "LLM/model.safetensors of org/name@" in failed[1]  # type: ignore[index]
    assert f"was not fetched from {hub.url}: " in failed[1]  # type: ignore[index]
    assert set(kept(tmp_path)) == {"README.md", "LLM/config.json"}
    hub.breaks.clear()
    fetched(hub, tmp_path, "org/name")
    assert kept(tmp_path)["LLM/model.safetensors"] == FILES["LLM/model.safetensors"]


def test_a_file_that_came_with_another_byte_is_told(hub: LoopbackHub, tmp_path: Path) -> None:
    name = "LLM/model.safetensors"
    hub.altered.add(name)
    [failed] = fetched(hub, tmp_path, "org/name")
    hub.altered.clear()
    assert failed[0] == "HubError" and f"{name} of org/name@" in failed[1]  # type: ignore[index]
    told = failed[1].partition("; delete ")[2].removesuffix(" to fetch it again")  # type: ignore[index]
    assert Path(told).parent.name == "blobs" and "came damaged: its SHA-256 is " in failed[1]  # type: ignore[index]
    for environment in ({}, {"HF_HUB_OFFLINE": "1"}):
        [again] = fetched(hub, tmp_path, "org/name", **environment)
        assert again == failed
    Path(told).unlink()
    [folder] = fetched(hub, tmp_path, "org/name")
    assert (Path(str(folder)) / name).read_bytes() == FILES[name]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_another_server_s_refusal_is_not_the_hub_s(hub: LoopbackHub, tmp_path: Path, status: int) -> None:
    """An address that has expired says nothing of the token or the name."""
    hub.refused["LLM/model.safetensors"] = status
    [failed] = fetched(hub, tmp_path, "org/name")
    hub.refused.clear()
    commit = hub.models["org/name"].refs["main"]
    what = f"LLM/model.safetensors of org/name@{commit}"
    said = f"{hub.cdn}, where the hub keeps {what}, answered {status}; do it again, what came is kept"
    assert failed == ["HubError", said]
    [folder] = fetched(hub, tmp_path, "org/name")
    assert Path(str(folder)).name == commit


def test_a_token_goes_to_the_hub_and_not_to_its_cdn(hub: LoopbackHub, tmp_path: Path) -> None:
    [folder] = fetched(hub, tmp_path, "org/private", HF_TOKEN="hf_right")
    assert Path(str(folder)).is_dir() and "GET cdn/LLM/model.safetensors" in hub.requests
    assert hub.leaked == []


MISSING = "there is no folder {0}, and the hub has no such model or keeps it from you: check the name; for a private "
MISSING += "model log in with `hf auth login`, or set HF_TOKEN"
FAILURES = {
    "org/none": MISSING,
    "org/private": MISSING,
    "org/name@main/x": "org/name has no revision main/x; its branches and tags are at {hub}/org/name",
    "org/gated": "org/gated is for those who were given access: ask for it at {hub}/org/gated, then log in with "
    "`hf auth login`, or set HF_TOKEN",
    "org/forbidden": "your token may not do this with org/forbidden: no rights; use one that may, with HF_TOKEN",
    "org/busy": "the hub was asked too often for org/busy; do it again in 7 s, what came whole is kept",
    "org/ill": "the hub answered 503 for org/ill; do it again later",
}
"""What is said for each model."""


def test_the_page_has_each_message() -> None:
    page = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
    for name, text in FAILURES.items():
        plain = name.partition("@")[0]
        assert text.format(plain, hub="HUB").replace(plain, "org/name") in page, name


def test_each_failure_is_one_message(hub: LoopbackHub, tmp_path: Path) -> None:
    found = fetched(hub, tmp_path, *FAILURES)
    assert found == [["HubError", text.format(name, hub=hub.url)] for name, text in FAILURES.items()]
    [wrong] = fetched(hub, tmp_path, "org/private", HF_TOKEN="hf_wrong")
    assert wrong == [
        "HubError",
        "the hub does not accept your token; log in again with `hf auth login`, or set HF_TOKEN (org/private)",
    ]
    [offline] = fetched(hub, tmp_path, "org/name", HF_HUB_OFFLINE="1")
    assert offline == [
        "HubError",
        "org/name is not in the cache, and the hub may not be asked; unset HF_HUB_OFFLINE, or leave local_files_only "
        "out",
    ]
    [unreachable] = fetched(hub, tmp_path, "org/name", HF_ENDPOINT="http://127.0.0.1:9")
    assert unreachable[0] == "HubError"  # type: ignore[index]
    assert unreachable[1].startswith("org/name was not fetched from http://127.0.0.1:9: ")  # type: ignore[index]


def test_a_cache_that_cannot_be_written_is_named(hub: LoopbackHub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [failed] = fetched(hub, tmp_path / "file", "org/name")
    assert failed[0] == "HubError" and "org/name cannot be kept in the cache: " in failed[1]  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("org/name", HubModel("org/name")),
        ("Org-1/name_2.0@v1.0", HubModel("Org-1/name_2.0", "v1.0")),
        ("org/name@refs/pr/1", HubModel("org/name", "refs/pr/1")),
    ],
)
def test_what_is_an_id(name: str, meant: HubModel) -> None:
    assert hub_model(name) == meant and str(meant) == name


@pytest.mark.parametrize(
    "name",
    ["name", "./org/name", "/org/name", "a/b/c", "org/", "org/name@", "org\\name", "~/name", "org/na me", "o--g/n", ""],
)
def test_what_is_neither_a_folder_nor_an_id_is_one_message(name: str) -> None:
    with pytest.raises(BundleError, match=r"there is no folder .*org/name@revision") as raised:
        hub_model(name or "nothing")
    assert "\n" not in str(raised.value)
    with pytest.raises(BundleError):
        hub_model(Path("org/name"))


def test_a_folder_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("org/name@v1").mkdir(parents=True)
    assert hub_model("org/name@v1") is None and local_folder("org/name@v1", ["*"]) == Path("org/name@v1")
    with pytest.raises(OptionError, match="is a folder and has no revisions"):
        hub_model("org/name@v1", "v2")
    with pytest.raises(OptionError, match="names a revision"):
        hub_model("org/other@v1", "v2")
    assert hub_model("org/other", "v2") == HubModel("org/other", "v2")

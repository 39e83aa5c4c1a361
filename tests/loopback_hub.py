"""A small Hugging Face hub on loopback, as `huggingface_hub` speaks with the real one, with faults on request.

Large files lie on another origin, the CDN, that the hub redirects to, as the real one does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

LARGE = 1000
"""Bytes from which a file is on the CDN."""
_REVISION = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?")
_RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Model:
    """A model, every revision of it."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Files by commit."""
    refs: dict[str, str] = field(default_factory=dict)
    """Commits by branch or tag."""
    token: str | None = None
    """What a private model asks for."""
    refusal: tuple[int, dict[str, str]] | None = None
    """The answer to everything, with its headers."""


class LoopbackHub:
    """The hub and its CDN, in threads; what was asked for is in `requests`."""

    def __init__(self) -> None:
        self.models: defaultdict[str, Model] = defaultdict(Model)
        self.requests: list[str] = []
        """`METHOD path`, with `bytes=N-` where a range was asked for; of the CDN `GET cdn/FILE`."""
        self.breaks: dict[str, list[int]] = {}
        """By file name: after how many bytes each of its next downloads breaks off."""
        self.altered: set[str] = set()
        """Files that come with one byte another."""
        self.refused: dict[str, int] = {}
        """By file name: what the CDN answers instead, as where an address has expired."""
        self.stalls: set[str] = set()
        """Files that stop coming in the middle."""
        self.leaked: list[str] = []
        """Tokens that the CDN was sent."""
        self.writer = "hf_write"
        """The token that may write."""
        self.full = False
        """Whether uploads are refused."""
        self.uploads: dict[str, bytes] = {}
        """What was uploaded, by SHA-256."""
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), handler)
            for handler in (_handler(self, _HubAnswers), _handler(self, _CdnAnswers))
        ]

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        """What HF_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def cdn(self) -> str:
        """Where large files are."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def put(self, name: str, files: Mapping[str, bytes | Path], *, ref: str = "main") -> str:
        """A new commit of a model with all its files; the commit."""
        held = {path: data if isinstance(data, bytes) else data.read_bytes() for path, data in files.items()}
        commit = hashlib.sha1(
            repr(sorted((p, hashlib.sha1(d).hexdigest()) for p, d in held.items())).encode()
        ).hexdigest()
        self.models[name].commits[commit] = held
        self.models[name].refs[ref] = commit
        return commit

    def put_folder(self, name: str, folder: Path, *, prefix: str = "", ref: str = "main") -> str:
        """A new commit with the files of a folder."""
        return self.put(
            name, {f"{prefix}{p.relative_to(folder).as_posix()}": p for p in folder.rglob("*") if p.is_file()}, ref=ref
        )

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """Variables of a process that speaks with this hub and keeps its cache in `home`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
        return {**kept, "HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **more}


def _handler(hub: LoopbackHub, kind: type[_Answers]) -> type[_Answers]:
    return type(kind.__name__, (kind,), {"hub": hub})


class _Answers(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: tests read `requests`."""

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        """A whole answer, without its body where only the head was asked for."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def json(self, value: object) -> None:
        """A value."""
        self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers["Content-Length"] or 0))


class _HubAnswers(_Answers):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        if found := _RESOLVE.fullmatch(path):
            if (files := self._files(found[1], unquote(found[2]))) is not None:
                self._file(found[1], files, unquote(found[3]))
        elif found := _REVISION.fullmatch(path):
            if (files := self._files(found[1], unquote(found[3] or "main"))) is not None:
                self.json(_tree(files[1]) if found[2] == "tree" else _info(found[1], *files))
        else:
            self.answer(404)

    def do_POST(self) -> None:
        path, sent = unquote(urlsplit(self.path).path), self.body()
        self.hub.requests.append(f"POST {path}")
        if path == "/api/validate-yaml":
            self.json({"warnings": [], "errors": []})
        elif self.headers["Authorization"] != f"Bearer {self.hub.writer}":
            self.answer(401, X_Error_Message="Invalid username or password.")
        elif path == "/api/repos/create":
            given = json.loads(sent)
            name = f"{given['organization']}/{given['name']}"
            self.hub.put(name, {".gitattributes": b"*.onnx filter=lfs"})
            self.json({"url": f"{self.hub.url}/{name}", "name": name, "id": name})
        elif "/preupload/" in path:
            modes = {file["path"]: "lfs" if file["size"] >= LARGE else "regular" for file in json.loads(sent)["files"]}
            known = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in modes.items()]
            self.json({"files": known})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(sent)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.hub.cdn}/uploads/{each['oid']}"}}
            self.json({"objects": objects})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in sent.splitlines()])
        else:
            self.answer(404)

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        """Add files to the main branch."""
        model = self.hub.models[name]
        held = dict(model.commits.get(model.refs.get("main", ""), {}))
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                held[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                held[value["path"]] = self.hub.uploads[value["oid"]]
        commit = self.hub.put(name, held)
        self.json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{name}/commit/{commit}"})

    def _files(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """A commit and its files; None after a refusal."""
        model = self.hub.models.get(name)
        token = self.headers["Authorization"]
        if model is None or (model.token is not None and token != f"Bearer {model.token}"):
            said = (
                "Invalid credentials in Authorization header" if model is not None and token else "Repository not found"
            )
            self.answer(404 if token and model is None else 401, X_Error_Code="RepoNotFound", X_Error_Message=said)
            return None
        if model.refusal is not None:
            self.answer(model.refusal[0], **model.refusal[1])
            return None
        commit = model.refs.get(revision, revision)
        if commit not in model.commits:
            self.answer(404, X_Error_Code="RevisionNotFound", X_Error_Message=f"Invalid rev id: {revision}")
            return None
        return commit, model.commits[commit]

    def _file(self, name: str, files: tuple[str, dict[str, bytes]], path: str) -> None:
        commit, held = files
        if path not in held:
            self.answer(404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found", X_Repo_Commit=commit)
            return
        data = held[path]
        if len(data) < LARGE:
            self.answer(200, data, ETag=f'"{_blob(data)}"', X_Repo_Commit=commit)
            return
        self.answer(
            302,
            Location=f"{self.hub.cdn}/{name}/{commit}/{path}?signed",
            X_Repo_Commit=commit,
            X_Linked_Size=str(len(data)),
            X_Linked_ETag=f'"{hashlib.sha256(data).hexdigest()}"',
        )


class _CdnAnswers(_Answers):
    def do_GET(self) -> None:
        _, org, model, commit, path = unquote(urlsplit(self.path).path).split("/", 4)
        asked = self.headers["Range"]
        self.hub.requests.append(f"GET cdn/{path}{f' {asked}' if asked else ''}")
        if self.headers["Authorization"]:
            self.hub.leaked.append(self.headers["Authorization"])
        data = self.hub.models[f"{org}/{model}"].commits[commit][path]
        if path in self.hub.refused:
            self.answer(self.hub.refused[path])
            return
        if path in self.hub.altered:
            data = bytes([data[0] ^ 1]) + data[1:]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if path in self.hub.stalls:
            self.wfile.write(data[start : len(data) // 2])
            self.hub.requests.append("stalled")
            self.connection.recv(1)  # until the other side leaves
            self.close_connection = True
            return
        if breaks := self.hub.breaks.get(path):
            self.wfile.write(data[start : start + breaks.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(data[start:])

    def do_PUT(self) -> None:
        oid, data = urlsplit(self.path).path.rpartition("/")[2], self.body()
        self.hub.requests.append("PUT cdn")
        if not self.hub.full:
            self.hub.uploads[hashlib.sha256(data).hexdigest()] = data
        self.answer(200 if oid in self.hub.uploads else 507)


def _blob(data: bytes) -> str:
    """The name that Git gives to a file's contents."""
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()


def _info(name: str, commit: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    return {"id": name, "modelId": name, "sha": commit, "siblings": [{"rfilename": path} for path in sorted(files)]}


def _tree(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for path, data in sorted(files.items()):
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": _blob(data)}
        if len(data) >= LARGE:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        entries.append(entry)
    return entries

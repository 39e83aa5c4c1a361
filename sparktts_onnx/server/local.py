"""A page at `/local` that speaks in the browser itself, with this server's bundle and voices: the folder `web/`."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sparktts_onnx.errors import OptionError
from sparktts_onnx.server.service import SpeechService

_FOLDERS = ("demo", "src", "node_modules/onnxruntime-web/dist", "node_modules/@huggingface/tokenizers/dist")
_ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Browsers give threads only to pages with these."""


class _Isolated(StaticFiles):
    async def get_response(self, path: str, scope: Any) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_ISOLATION | {"Cache-Control": "no-cache"})
        return response


def add_local(app: FastAPI, web: Path, bundle: Path) -> None:
    """Serve the JavaScript host in `web`, and a bundle's folder.

    Raises:
        OptionError: `web` is not that folder or lacks its packages; the server asks for an API key, which browsers do
            not send for a page's files.
    """
    service: SpeechService = app.state.service
    if service.settings.api_key is not None:
        raise OptionError("the local page is for a server without an API key: browsers send none for a page's files")
    if missing := [name for name in _FOLDERS if not (web / name).is_dir()]:
        raise OptionError(
            f"{web} has no {missing[0]}; expected the folder web/ of the repository, after `npm ci` there"
        )

    @app.get("/local", include_in_schema=False)
    def page() -> RedirectResponse:
        return RedirectResponse("/local/demo/")

    @app.get("/local/demo/model/voices.json", include_in_schema=False)
    def voices() -> JSONResponse:
        found = [json.loads(path.read_text("utf-8")) for path in sorted(bundle.parent.glob("voices/*.json"))]
        kept = [json.loads(path.read_text("utf-8")) for path in sorted(service.settings.voices_dir.glob("*.json"))]
        return JSONResponse(found + kept)

    app.mount("/local/demo/model", _Isolated(directory=bundle), name="local model")
    for name in _FOLDERS:
        app.mount(f"/local/{name}", _Isolated(directory=web / name, html=name == "demo"), name=f"local {name}")
    app.mount("/local", _Worker(directory=web), name="local")


class _Worker(_Isolated):
    """The service worker, at the root of what it serves, and nothing else of that folder."""

    async def get_response(self, path: str, scope: Any) -> Response:
        return await super().get_response("sw.js" if path == "sw.js" else "", scope)

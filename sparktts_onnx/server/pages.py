"""The page at `/`, of files of this package; and perhaps one at `/local`, which speaks in the browser itself."""

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from sparktts_onnx.errors import OptionError
from sparktts_onnx.server.service import SpeechService

FOLDER = Path(__file__).with_name("page")
_POLICY = (
    "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
_FOLDERS = ("demo", "src", "node_modules/onnxruntime-web/dist", "node_modules/@huggingface/tokenizers/dist")
_ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""Browsers give threads only to pages with these."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index() -> FileResponse:
    return FileResponse(FOLDER / "index.html", headers=_HEADERS)


@router.get("/favicon.ico")
async def icon() -> FileResponse:
    """The icon that browsers ask for by themselves."""
    return FileResponse(FOLDER / "icon.svg", media_type="image/svg+xml")


def add_page(app: FastAPI) -> None:
    """Serve the page and its files."""
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=FOLDER), name="page")


class _Isolated(StaticFiles):
    async def get_response(self, path: str, scope: Any) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_ISOLATION | {"Cache-Control": "no-cache"})
        return response


class _Worker(_Isolated):
    """The service worker, at the root of what it serves, and nothing else of that folder."""

    async def get_response(self, path: str, scope: Any) -> Response:
        return await super().get_response("sw.js" if path == "sw.js" else "", scope)


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
        folder, entries = service.settings.voices_dir, service.voices.library.iter_entries()
        usable = [folder / f"{entry.name}.json" for entry in entries if entry.voice is not None]
        return JSONResponse(found + [json.loads(path.read_text("utf-8")) for path in usable])

    app.mount("/local/demo/model", _Isolated(directory=bundle), name="local model")
    for name in _FOLDERS:
        app.mount(f"/local/{name}", _Isolated(directory=web / name, html=name == "demo"), name=f"local {name}")
    app.mount("/local", _Worker(directory=web), name="local")

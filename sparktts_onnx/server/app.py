"""The application: made by a function of its parts, so that it can run in any ASGI server, and twice in one process."""

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from sparktts_onnx import __version__
from sparktts_onnx.server import sockets, speech, status, voices
from sparktts_onnx.server.content import schemas
from sparktts_onnx.server.engine import SpeechEngine
from sparktts_onnx.server.errors import add_handlers
from sparktts_onnx.server.middleware import Guard, Recorder
from sparktts_onnx.server.pages import add_page
from sparktts_onnx.server.schemas import NewName, NewVoice, RevoiceRequest, SpeechRequest
from sparktts_onnx.server.service import SpeechService
from sparktts_onnx.server.settings import ServerSettings

_ABOUT = "Speech in OpenAI's interface. Everything that is spoken is synthetic and marked as such in the file."
_SHOWN_HEADERS = ["X-Request-ID", "X-Sample-Rate", "X-Seed", "Retry-After"]


def create_app(engine: SpeechEngine, settings: ServerSettings) -> FastAPI:
    """An application over an engine; as `SpeechService`."""
    service = SpeechService(engine, settings)
    app = FastAPI(
        title="spark-tts-onnx",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # behind a proxy they would lead to another scheme, and clients lose their key
        lifespan=lambda _: service.running(),
    )
    app.state.service = service
    for part in (speech, sockets, voices, status):
        app.include_router(part.router)
    add_page(app)
    add_handlers(app)
    _add_middleware(app, service)
    _describe(app)
    return app


def _add_middleware(app: FastAPI, service: SpeechService) -> None:
    """Innermost first."""
    app.add_middleware(Guard, service=service)
    if service.settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.allowed_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["*"],  # clients built on OpenAI's library send a dozen of them
            expose_headers=_SHOWN_HEADERS,
        )
    app.add_middleware(Recorder, metrics=service.metrics)


def _describe(app: FastAPI) -> None:
    """Add the bodies that routes read by themselves to the schema, and take FastAPI's own shape of errors out."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        schema = original()
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        components = schema["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        components.update(schemas(SpeechRequest, RevoiceRequest, NewVoice, NewName))
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

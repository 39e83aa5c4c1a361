"""What this server is and how it is: its model's names, its health, its figures."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from sparktts_onnx.server.errors import ApiError
from sparktts_onnx.server.schemas import ModelList, ModelObject, failures
from sparktts_onnx.server.service import Service, SpeechService

router = APIRouter(tags=["server"])

OTHER_NAMES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's names, so that clients work unchanged."""


class Status(BaseModel):
    """How the server is, in a word or two."""

    status: str


def check_model(name: str | None, service: SpeechService) -> None:
    """See that a name means this server's model; snapshots of OpenAI's names, which end in a date, do too."""
    own = service.settings.model_name
    if name is None or name == own or name.startswith(OTHER_NAMES):
        return
    known = ", ".join((own, *OTHER_NAMES))
    raise ApiError(404, f"there is no model {name[:80]!r}; use {known}", code="model_not_found", param="model")


@router.get("/v1/models", responses=failures())
@router.get("/v1/audio/models", responses=failures())
async def list_models(service: Service) -> ModelList:
    """The model's names."""
    names = [ModelObject(id=name) for name in (service.settings.model_name, *OTHER_NAMES)]
    return ModelList(data=names, models=names)


@router.get("/v1/models/{model}", responses=failures(404))
async def get_model(model: str, service: Service) -> ModelObject:
    """One name of the model."""
    check_model(model, service)
    return ModelObject(id=model)


@router.get("/health")
async def health() -> Status:
    """The process lives and answers."""
    return Status(status="ok")


@router.get("/ready", response_model=Status, responses={503: {"model": Status}})
async def ready(service: Service) -> JSONResponse:
    """Whether a warm-up sentence was spoken and requests should come here."""
    return JSONResponse({"status": service.state}, 200 if service.state == "ready" else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(service: Service) -> Response:
    """Figures in Prometheus' format."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

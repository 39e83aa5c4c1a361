"""`/v1/models`: the names that a request may give the one model of this server."""

from fastapi import APIRouter

from sparktts_onnx.server.errors import ApiError
from sparktts_onnx.server.schemas import ModelList, ModelObject, SpeechModelList, failures
from sparktts_onnx.server.service import Service, SpeechService

router = APIRouter(tags=["models"])

OTHER_NAMES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's names, so that clients work unchanged."""


def check_model(name: str | None, service: SpeechService) -> None:
    """See that a name means this server's model; snapshots of OpenAI's names, which end in a date, do too."""
    own = service.settings.model_name
    if name is None or name == own or name.startswith(OTHER_NAMES):
        return
    known = ", ".join((own, *OTHER_NAMES))
    raise ApiError(404, f"there is no model {name[:80]!r}; use {known}", code="model_not_found", param="model")


@router.get("/v1/models", responses=failures())
async def list_models(service: Service) -> ModelList:
    """The model's names."""
    return ModelList(data=_all_names(service))


@router.get("/v1/audio/models", responses=failures())
async def list_speech_models(service: Service) -> SpeechModelList:
    """The same, as chat programs ask for models that speak."""
    names = _all_names(service)
    return SpeechModelList(data=names, models=names)


@router.get("/v1/models/{model}", responses=failures(404))
async def get_model(model: str, service: Service) -> ModelObject:
    """One name of the model."""
    check_model(model, service)
    return ModelObject(id=model)


def _all_names(service: SpeechService) -> list[ModelObject]:
    return [ModelObject(id=name) for name in (service.settings.model_name, *OTHER_NAMES)]

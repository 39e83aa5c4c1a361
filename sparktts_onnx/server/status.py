"""How the server is: for supervisors, load balancers and Prometheus."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from sparktts_onnx.server.service import Service

router = APIRouter(tags=["status"])


class Status(BaseModel):
    """How the server is, in a word or two."""

    status: str


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

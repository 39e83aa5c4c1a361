"""The server on a cluster: the same application as front end, over replicas that hold the model.

client ─▶ Ray's proxy ─▶ front end: create_app(RemoteEngine) ─┬─▶ Speaker (model, 8 answers at once)
                         voices, queue, formats, limits       ├─▶ Speaker
                                                              └─▶ …  as many as the work asks for
"""

import dataclasses
import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from ray import serve

from sparktts_onnx.errors import OptionError
from sparktts_onnx.scale.cluster import ModelSettings, Replicas, joined
from sparktts_onnx.scale.remote import RemoteEngine
from sparktts_onnx.scale.speaker import Speaker
from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.logs import configure, fields
from sparktts_onnx.server.running import signals_call
from sparktts_onnx.server.service import SpeechService

APPLICATION = "spark-tts"
SPEAKER = "speaker"
FRONT_END = "front-end"

_log = logging.getLogger(__name__)
_ROOM = 64
"""Requests that may be in a front end beyond those in work and in the queue, so that they can be refused."""
_BUSY = 0.75
"""Part of a replica's slots that should be in use: beyond it another replica starts, well below it one ends."""
_GROW_SECONDS = 5.0
"""How long it has to be too busy before it grows; a replica takes seconds to load, a queue as long to clear."""
_SHRINK_SECONDS = 300.0
"""How long it has to be idle before it shrinks."""


@dataclass(frozen=True)
class ScaleSettings:
    """How the server spreads over a cluster."""

    model: ModelSettings
    replicas: Replicas = Replicas(1, 4)  # noqa: RUF009  A frozen value.
    """Workers that hold the model."""
    front_ends: int = 1
    """Processes that take requests, encode audio and keep the queue; one is enough for some hundred streams."""


def serve_on_cluster(settings: ServerSettings, scale: ScaleSettings, *, verbose: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; running requests then get `stop_seconds` to finish."""
    with scale.model.open() as tts:  # says here what no front end could; no graph is loaded
        SpeechService(tts, settings)
    stopped = threading.Event()
    with joined(verbose=verbose), serving(settings, scale), signals_call(stopped.set):
        stopped.wait()


@contextmanager
def serving(settings: ServerSettings, scale: ScaleSettings) -> Iterator[None]:
    """The application on the cluster that this process has joined; it ends with the block."""
    if settings.port == 0:
        raise OptionError("port is 0; on a cluster every machine listens on the same port: choose one")
    http = {"host": settings.host, "port": settings.port, "request_timeout_s": settings.request_seconds + 60}
    serve.start(proxy_location="EveryNode", http_options=http)
    serve.run(application(settings, scale), name=APPLICATION, route_prefix="/")
    _log.info("listening", extra=fields(address=f"http://{settings.host}:{settings.port}"))
    try:
        yield
    finally:
        serve.shutdown()


def application(settings: ServerSettings, scale: ScaleSettings) -> serve.Application:
    """What Ray Serve runs; also for a module of your own that `serve run` or a Serve config names."""
    speakers = serve.deployment(Speaker, name=SPEAKER, **_speaker_options(settings, scale)).bind(scale.model)
    each = math.ceil(scale.replicas.most * scale.model.slots / scale.front_ends)
    own = dataclasses.replace(settings, slots=each)
    front_end = serve.deployment(
        serve.ingress(lambda: _front_end(own, scale.model))(),
        name=FRONT_END,
        num_replicas=scale.front_ends,
        max_ongoing_requests=own.slots + own.queue_size + _ROOM,
        graceful_shutdown_timeout_s=settings.stop_seconds,
        ray_actor_options={"num_cpus": 1},
    )
    return front_end.bind(speakers)


def _speaker_options(settings: ServerSettings, scale: ScaleSettings) -> dict[str, Any]:
    return {
        "max_ongoing_requests": scale.model.slots,
        "graceful_shutdown_timeout_s": settings.stop_seconds,
        "ray_actor_options": scale.model.resources,
        "autoscaling_config": {
            "min_replicas": scale.replicas.least,
            "max_replicas": scale.replicas.most,
            "target_ongoing_requests": _BUSY * scale.model.slots,
            "upscale_delay_s": _GROW_SECONDS,
            "downscale_delay_s": _SHRINK_SECONDS,
        },
    }


def _front_end(settings: ServerSettings, model: ModelSettings) -> FastAPI:
    """The application, in the process that runs it."""
    configure(logging.INFO)
    speakers = serve.get_deployment_handle(SPEAKER, APPLICATION)
    with model.open() as tts:  # no graph is loaded: only the contract is read
        engine = RemoteEngine(speakers, tts.manifest)
    return create_app(engine, settings)

"""The interface keeps what its own description promises: generated requests, right and wrong, by schemathesis."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI, Response
from hypothesis import HealthCheck, Phase, given, settings
from live_server import listening
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from stand_in import StandIn

from sparktts_onnx.server import ServerSettings

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
]
EXAMPLES = 12
"""For each operation and way of generating."""


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("voices")
    limits = dataclasses.replace(ServerSettings(voices_dir=folder), max_voices=20)
    with listening(StandIn(), limits) as live:
        yield schemathesis.openapi.from_url(f"{live.url}/openapi.json")


OPERATIONS = (
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/audio/revoice"),
    ("GET", "/v1/audio/voices"),
    ("POST", "/v1/audio/voices"),
    ("GET", "/v1/audio/voices/{voice_id}"),
    ("PATCH", "/v1/audio/voices/{voice_id}"),
    ("DELETE", "/v1/audio/voices/{voice_id}"),
    ("GET", "/v1/audio/models"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
)
WITH_A_BODY = [operation for operation in OPERATIONS if operation[0] in ("POST", "PATCH")]


def test_every_operation_is_tried(interface: Any) -> None:
    described = {(one.ok().method.upper(), one.ok().path) for one in interface.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_right_requests_keep_the_promises(interface: Any, method: str, path: str) -> None:
    try_out(interface[path][method], GenerationMode.POSITIVE)


@pytest.mark.parametrize(("method", "path"), WITH_A_BODY)
def test_wrong_requests_are_refused_as_promised(interface: Any, method: str, path: str) -> None:
    try_out(interface[path][method], GenerationMode.NEGATIVE)


def test_the_events_of_a_stream_are_the_described_ones(interface: Any) -> None:
    operation = interface["/v1/audio/speech"]["POST"]
    case = operation.Case(body={"input": "Hello.", "stream_format": "sse"}, media_type="application/json")
    answer = case.call_and_validate(checks=PROMISES)
    assert answer.headers["content-type"][0].startswith("text/event-stream")


def try_out(operation: Any, mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(checks=PROMISES)

    call()


def test_a_broken_promise_is_found() -> None:
    app = FastAPI()

    @app.get("/broken")
    def broken() -> Response:
        return Response(status_code=418)

    interface = schemathesis.openapi.from_asgi("/openapi.json", app)
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        try_out(interface["/broken"]["GET"], GenerationMode.POSITIVE)

"""Errors as clients see them: the envelope of OpenAI's interface, from every place that can fail."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from sparktts_onnx import SparkTTSError
from sparktts_onnx.errors import (
    MissingDependencyError,
    NameTakenError,
    OptionError,
    OutputError,
    RecordingError,
    TextError,
    VoiceError,
)
from sparktts_onnx.server.logs import place
from sparktts_onnx.server.schemas import SpeechRequest

_BY_LIBRARY: tuple[tuple[type[SparkTTSError], int, str, str | None], ...] = (
    (TextError, 400, "invalid_text", "input"),
    (NameTakenError, 409, "name_taken", None),
    (RecordingError, 400, "invalid_recording", "ref_audio"),
    (VoiceError, 400, "invalid_voice", "voice"),
    (OptionError, 400, "invalid_value", None),
    (MissingDependencyError, 501, "not_installed", None),
    (OutputError, 507, "storage_failed", None),
)
"""Status and code of the library's errors, and the field of a request for speech that most of a kind are about."""
_FAILED = "generation_failed"
_OTHER_NAMES = {
    "text": "input",
    "tempo": "speed",
    "transcript": "ref_text",
    **{option: f"style.{option}" for option in ("gender", "pitch", "speed")},
}
"""Options of the library that have a different name in the interface."""
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_MESSAGES = {
    404: "there is nothing at this address: speech is POST /v1/audio/speech and /v1/audio/revoice and a WebSocket at "
    "/v1/audio/speech/stream, voices are at /v1/audio/voices, models at /v1/models, the page at /",
    405: "this address does not take that method",
    416: "the file has no such range of bytes",
    431: "the head of the request is too long",
    501: "this server takes no such transfer coding",
}
_CODES = {404: "not_found", 405: "method_not_allowed"}
_SAID = {
    "model_type": "expected a JSON object",
    "bytes_type": "expected a file, with a filename",
    "bytes_too_short": "the file is empty",
}
"""Our words where pydantic's speak of Python."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class ApiError(HTTPException):
    """A request that is refused or failed, in terms of the interface."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """The envelope."""
        kind = _TYPES.get(self.status_code, "invalid_request_error" if self.status_code < 500 else "server_error")
        return {"error": {"message": self.detail, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """The envelope as an answer."""
        return JSONResponse(self.body(), self.status_code, self.headers)


def refused(status: int, said: str = "") -> ApiError:
    """What a library refuses by itself, in our words where it says no more than the status."""
    phrase = HTTPStatus(status).phrase
    message = said.partition("\n")[0].strip()
    message = message if message not in ("", phrase) else _MESSAGES.get(status, phrase)
    return ApiError(status, message, code=_CODES.get(status, "invalid_request"))


@contextmanager
def about(param: str) -> Iterator[None]:
    """The library's errors as the interface's, about one field."""
    try:
        yield
    except SparkTTSError as error:
        raise from_library(error, param=param) from error


def reported(error: Exception) -> ApiError:
    """Any error as the interface reports it: one that is not meant for clients is a bug."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, SparkTTSError):
        told = from_library(error)
    else:
        told = ApiError(500, "the server failed; its log has the place", code="internal_error")
    told.__cause__ = error
    return told


def from_library(error: SparkTTSError, *, param: str | None = None) -> ApiError:
    """A library error as the interface reports it; what is not the client's fault is a 5xx, whose cause is logged.

    Raise it from the error. Of a file at fault, clients learn the name and not the folder.
    """
    message = error.message if error.file is None else f"{error.file.name}: {error.message}"
    if isinstance(error, VoiceError) and isinstance(error.__cause__, OSError):
        return ApiError(500, message, code="storage_failed")
    for kind, status, code, _ in _BY_LIBRARY:
        if isinstance(error, kind):
            return ApiError(status, message, code=code, param=None if status == 507 else param)
    return ApiError(500, "the model failed; the server's log has the reason", code=_FAILED)


def field_at_fault(error: SparkTTSError, options: Mapping[str, Any]) -> str | None:
    """The field of a request for speech that a library error is about."""
    if isinstance(error, MissingDependencyError):  # tempos and AAC need one, and tempos come first
        return "speed" if "tempo" in options else "input" if "ssml" in options else "response_format"
    if error.field is not None:
        field = _OTHER_NAMES.get(error.field, error.field)
        return field if field.partition(".")[0] in SpeechRequest.model_fields else None
    return next((field for kind, _, _, field in _BY_LIBRARY if isinstance(error, kind)), None)


def note(log: dict[str, Any], error: ApiError) -> None:
    """Tell a request's log line how it failed; where it is not the client's fault, also the cause's kind and place.

    The library's messages about a failing model quote no text, so they are logged too.
    """
    log["code"] = error.code
    cause = error.__cause__
    if error.status_code >= 500 and cause is not None:
        log.update(place(cause))
        if error.code == _FAILED:
            log["reason"] = str(cause)


def add_handlers(app: FastAPI) -> None:
    """Let every error of an app leave in the envelope."""
    for kind in (ApiError, SparkTTSError):
        app.add_exception_handler(kind, _own_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.router.default = _nothing_here


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    """No route has this address: a handler answers requests, and sockets are answered here."""
    if scope["type"] == "http":
        raise HTTPException(404)
    told = refused(404)
    note(scope["state"]["log"], told)
    await told.response()(scope, receive, send)


async def _own_error(request: Request, error: Exception) -> JSONResponse:
    told = reported(error)
    note(request.state.log, told)
    return told.response()


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    told = refused(error.status_code, str(error.detail))
    told.headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _allowed(request)):
        told.headers["Allow"] = allowed
    return await _own_error(request, told)


def _allowed(request: Request) -> str:
    """Methods of an address, of all routes that have it: Starlette gives those of the first."""
    routes = request.app.routes
    matches = {
        method: any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
        for method in _METHODS
    }
    matches["HEAD"] = matches["GET"]
    return ", ".join(method for method, found in matches.items() if found)


def invalid(error: ValidationError, data: Mapping[str, Any]) -> ApiError:
    """The first thing that is wrong with a body; where a field may have several forms, in the form that fits best."""
    first, *others = error.errors()
    same = [first, *(other for other in others if other["loc"][:1] == first["loc"][:1])]
    fields, worst = max(((_fields(one, data), one) for one in same), key=lambda pair: len(pair[0]))
    param = ".".join(fields)
    return ApiError(400, f"{param}: {_SAID.get(worst['type'], worst['msg'])}", code="invalid_value", param=param)


def _fields(error: ErrorDetails, body: Any) -> list[str]:
    """Names of the fields that lead to a wrong value, without those that pydantic gives to a field's forms."""
    fields: list[str] = []
    for part in error["loc"]:
        here = isinstance(body, Mapping) and part in body
        if here or (error["type"] == "missing" and part == error["loc"][-1]):
            fields.append(str(part))
            body = body[part] if here else None
    return fields

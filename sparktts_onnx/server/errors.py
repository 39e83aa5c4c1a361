"""Errors as clients see them: the envelope of OpenAI's interface, from every place that can fail."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from sparktts_onnx import (
    BusyError,
    MissingDependencyError,
    OptionError,
    OutputError,
    RecordingError,
    SparkTTSError,
    TextError,
    VoiceError,
)
from sparktts_onnx.server.logs import place
from sparktts_onnx.server.schemas import SpeechRequest
from sparktts_onnx.server.settings import ServerSettings

_BY_LIBRARY: tuple[tuple[type[SparkTTSError], int, str], ...] = (
    (TextError, 400, "invalid_text"),
    (RecordingError, 400, "invalid_recording"),
    (VoiceError, 400, "invalid_voice"),
    (OptionError, 400, "invalid_value"),
    (MissingDependencyError, 501, "not_installed"),
    (BusyError, 429, "rate_limit_exceeded"),
    (OutputError, 507, "storage_failed"),
)
_FAILED = "generation_failed"
_FIELDS: tuple[tuple[type[SparkTTSError], str], ...] = (
    (TextError, "input"),
    (VoiceError, "voice"),
    (RecordingError, "ref_audio"),
)
_OTHER_NAMES = {
    "tempo": "speed",
    "transcript": "ref_text",
    **{option: f"style.{option}" for option in ("gender", "pitch", "speed")},
}
"""Options of the library that the interface calls otherwise."""
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_MESSAGES = {404: "there is nothing at this address", 405: "this address does not take that method"}
_SAID = {
    "model_type": "expected a JSON object",
    "model_attributes_type": "expected a JSON object",
    "value_error": "expected a file, with a filename",
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


def from_library(error: SparkTTSError, settings: ServerSettings, *, param: str | None = None) -> ApiError:
    """A library error as the interface tells it; what is not the client's fault is a 500, whose reason is logged.

    Raise it from the error. Where on the server's disk the voices are is not told.
    """
    message = without_folder(str(error), settings.voices_dir)
    if isinstance(error, VoiceError) and isinstance(error.__cause__, OSError):
        return ApiError(500, message, code="storage_failed")
    for kind, status, code in _BY_LIBRARY:
        if isinstance(error, kind):
            return ApiError(status, message, code=code, param=param)
    return ApiError(500, "the model failed; the server's log has the reason", code=_FAILED)


def field_at_fault(error: SparkTTSError, options: Mapping[str, Any]) -> str | None:
    """The field of a request for speech that a library error is about; messages about an option begin with its name."""
    if isinstance(error, MissingDependencyError):  # tempos and AAC need one, and tempos come first
        return "speed" if "tempo" in options else "response_format"
    for kind, field in _FIELDS:
        if isinstance(error, kind):
            return field
    option = str(error).partition(" ")[0] if isinstance(error, OptionError) else ""
    field = _OTHER_NAMES.get(option, option)
    return field if field.partition(".")[0] in SpeechRequest.model_fields else None


def without_folder(message: str, folder: Path) -> str:
    """A message that names files of a folder by their names alone."""
    if not folder.name:
        return message
    quoted = repr(str(folder) + os.sep)[1:-1]
    for beginning in (quoted, str(folder) + os.sep):
        message = message.replace(beginning, "")
    for path in (repr(str(folder))[1:-1], str(folder)):
        if folder.is_absolute():
            message = message.replace(path, folder.name)
    return message


def note(log: dict[str, Any], error: ApiError) -> None:
    """Tell a request's log line how it failed; where it is not the client's fault, also the cause's kind and place.

    What the library says of its own failures quotes no text, so that is told too.
    """
    log["code"] = error.code
    cause = error.__cause__
    if error.status_code >= 500 and cause is not None:
        log.update(place(cause))
        if error.code == _FAILED:
            log["reason"] = str(cause)


def add_handlers(app: FastAPI) -> None:
    """Let every error of an app leave in the envelope."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(SparkTTSError, _library_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    note(request.state.log, error)
    return error.response()


async def _library_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SparkTTSError)
    told = from_library(error, request.app.state.service.settings)
    told.__cause__ = error
    return await _api_error(request, told)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return await _api_error(request, _invalid(error))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = _MESSAGES.get(error.status_code, str(error.detail))
    if error.status_code == 400 and error.__cause__ is not None:
        message = "the request's body cannot be read: it is damaged, nested too deeply, or has a number without end"
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _allowed(request)):
        headers["Allow"] = allowed
    return await _api_error(request, ApiError(error.status_code, message, code=code, headers=headers))


def _allowed(request: Request) -> str:
    """Methods of an address, of all routes that have it: Starlette tells those of the first."""
    routes = request.app.routes
    matches = {
        method: any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
        for method in _METHODS
    }
    return ", ".join(method for method, found in matches.items() if found)


def _invalid(error: RequestValidationError) -> ApiError:
    """The first thing that is wrong; where a field may have several forms, in the form that fits furthest."""
    first, *others = error.errors()
    if first["type"] == "json_invalid":
        message = f"the request's body is not JSON: {first['ctx']['error']} (character {first['loc'][1] + 1})"
        return ApiError(400, message, code="invalid_json")
    if first["loc"] == ("body",):
        found = {"missing": "it is empty", "model_attributes_type": "it is something else"}
        told = found.get(first["type"], first["msg"])
        return ApiError(400, f"the request's body should be a JSON object: {told}", code="invalid_value")
    same = [first, *(other for other in others if other["loc"][:2] == first["loc"][:2])]
    fields, worst = max(((_fields(one, error.body), one) for one in same), key=lambda pair: len(pair[0]))
    param = ".".join(fields)
    return ApiError(400, f"{param}: {_SAID.get(worst['type'], worst['msg'])}", code="invalid_value", param=param)


def _fields(error: Mapping[str, Any], body: Any) -> list[str]:
    """Names of the fields that lead to a wrong value, without those that pydantic gives to a field's forms."""
    fields: list[str] = []
    for part in error["loc"][1:]:
        here = isinstance(body, Mapping) and part in body
        if here or (error["type"] == "missing" and part == error["loc"][-1]):
            fields.append(str(part))
            body = body[part] if here else None
    return fields

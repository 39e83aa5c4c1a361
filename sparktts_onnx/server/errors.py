"""Errors as clients see them: the envelope of OpenAI's interface, from every place that can fail."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

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

_BY_LIBRARY: tuple[tuple[type[SparkTTSError], int, str], ...] = (
    (TextError, 400, "invalid_text"),
    (RecordingError, 400, "invalid_recording"),
    (VoiceError, 400, "invalid_voice"),
    (OptionError, 400, "invalid_value"),
    (MissingDependencyError, 501, "not_installed"),
    (BusyError, 429, "rate_limit_exceeded"),
    (OutputError, 507, "storage_failed"),
)
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_MESSAGES = {404: "there is nothing at this address", 405: "this address does not take that method"}


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


def from_library(error: SparkTTSError, *, param: str | None = None) -> ApiError:
    """A library error as the interface tells it; what is not the client's fault is a 500."""
    for kind, status, code in _BY_LIBRARY:
        if isinstance(error, kind):
            return ApiError(status, str(error), code=code, param=param)
    return ApiError(500, str(error), code="generation_failed")


def add_handlers(app: FastAPI) -> None:
    """Let every error of an app leave in the envelope."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(SparkTTSError, _library_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    request.state.log["code"] = error.code
    return error.response()


async def _library_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SparkTTSError)
    return await _api_error(request, from_library(error))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return await _api_error(request, ApiError(400, "the request's body is not JSON", code="invalid_json"))
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    param = ".".join(place) or None
    message = f"{param}: {first['msg']}" if param else f"the request cannot be read: {first['msg']}"
    return await _api_error(request, ApiError(400, message, code="invalid_value", param=param))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = _MESSAGES.get(error.status_code, str(error.detail))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    return await _api_error(request, ApiError(error.status_code, message, code=code, headers=dict(error.headers or {})))

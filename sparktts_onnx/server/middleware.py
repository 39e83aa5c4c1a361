"""What every request and socket passes: an id, a log line, the key, limits, and a client that must not stall."""

import asyncio
import hashlib
import hmac
import logging
import re
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sparktts_onnx.server.errors import ApiError, note, refused, reported
from sparktts_onnx.server.logs import fields, place
from sparktts_onnx.server.metrics import Metrics
from sparktts_onnx.server.service import SpeechService

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OPEN = ("/", "/health", "/ready", "/favicon.ico")
"""Paths that need no key, besides the page's files."""
_WITH_BODY = ("POST", "PUT", "PATCH")
_PREFIX = re.compile(r"(/v1)*(?=/(audio|models)(/|$))")
_OWN_HOSTS = ("localhost", "127.0.0.1", "::1")


class Unfinished(Exception):
    """An answer broke off after its first bytes: the connection is closed, so that nobody takes it for whole."""


class Recorder:
    """Outermost: gives every request an id, and notes in the log and the metrics how it ended."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        log: dict[str, Any] = {"request_id": _request_id(Headers(scope=scope)), "method": method}
        scope.setdefault("state", {})["log"] = log
        began = time.monotonic()
        noted = _enveloped(_noting(send, log), scope, receive, log)
        try:
            await self._app(scope, receive, noted)
        except Unfinished:
            log["outcome"] = "broken off"
        except asyncio.CancelledError:
            log["outcome"] = "stopped"
            if scope["type"] == "http" and "status" not in log:
                stopping = ApiError(503, "the server is stopping", code="stopping", headers={"Retry-After": "10"})
                await stopping.response()(scope, receive, noted)
            raise
        except Exception as error:  # noqa: BLE001  Not swallowed: a 500 for the client, its place for the log.
            if _has_left(error, scope, log):
                log["outcome"] = "client left"
                return
            _log.error("request failed", extra=fields(**place(error), request_id=log["request_id"]))
            if scope["type"] == "websocket" and log.get("status") == 101:
                await send({"type": "websocket.close", "code": 1011})
            elif "status" not in log:
                await reported(error).response()(scope, receive, noted)
        finally:
            record(self._metrics, getattr(scope.get("route"), "path", "other"), log, time.monotonic() - began)


def record(metrics: Metrics, route: str, log: dict[str, Any], seconds: float) -> None:
    """Note how a request ended. An open socket counts by its utterances, not as one long request."""
    status = log.get("status", 499)
    if status != 101:
        metrics.requests.labels(route, str(status)).inc()
        metrics.request_seconds.labels(route).observe(seconds)
    quiet = route in ("/health", "/ready", "/metrics")
    line = fields(route=route, **log, seconds=round(seconds, 4))
    _log.log(logging.DEBUG if quiet else logging.INFO, "request", extra=line)


def _has_left(error: Exception, scope: Scope, log: dict[str, Any]) -> bool:
    """Whether an error is that of a client which is gone; an OSError before the first byte of an answer is ours."""
    if isinstance(error, OSError):
        return scope["type"] == "websocket" or "status" in log
    return isinstance(error, ClientDisconnect)


def _enveloped(send: Send, scope: Scope, receive: Receive, log: dict[str, Any]) -> Send:
    """A `send` that puts what libraries refuse by themselves, in plain text or without a word, into the envelope."""
    held: Message | None = None
    said = b""

    async def send_enveloped(message: Message) -> None:
        nonlocal held, said
        if message["type"] == "websocket.close" and "status" not in log:  # not accepted, by what serves files alone
            await _answered(refused(404), log)(scope, receive, send)
        elif message["type"] == "http.response.start" and _is_plain(message):
            held = message
        elif held is None:
            await send(message)
        else:
            said += message.get("body", b"")
            if not message.get("more_body", False):
                response = _answered(refused(held["status"], said.decode("utf-8", "replace")), log)
                others = [pair for pair in held["headers"] if pair[0] not in (b"content-type", b"content-length")]
                response.raw_headers += others
                await response(scope, receive, send)

    return send_enveloped


def _answered(told: ApiError, log: dict[str, Any]) -> Response:
    note(log, told)
    return told.response()


def _is_plain(start: Message) -> bool:
    """Whether an answer is an error and no JSON."""
    kind = Headers(raw=start.get("headers", [])).get("content-type", "")
    return start["status"] >= 400 and not kind.startswith("application/json")


def _noting(send: Send, log: dict[str, Any]) -> Send:
    """A `send` that notes the status, and adds the headers that every answer has."""

    async def send_noted(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            log["status"] = message.get("status", 101)
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = log["request_id"]
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return send_noted


class Guard:
    """Decides which requests come in at all, before their body is read."""

    def __init__(self, app: ASGIApp, *, service: SpeechService) -> None:
        self._app = app
        self._admission = service.admission
        self._settings = service.settings
        self._key = None if self._settings.api_key is None else _digest(self._settings.api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["path"] = meant_path(scope["path"])
        try:
            self._check(scope["path"], Headers(scope=scope))
            room = self._room(scope)
        except ApiError as error:
            scope["state"]["log"]["code"] = error.code
            await error.response()(scope, receive, send)
            return
        patient = _patient(send, self._settings.stall_seconds)
        with room:
            if scope["type"] == "websocket":
                await self._app(scope, receive, patient)
                return
            limited = _limited(receive, self._settings.max_body_bytes, self._settings.stall_seconds)
            await self._app(scope, limited, _headed(scope, patient) if scope["method"] == "HEAD" else patient)

    def _room(self, scope: Scope) -> AbstractContextManager[None]:
        if scope["type"] == "websocket":
            return self._admission.socket()
        return self._admission.room() if scope["method"] in _WITH_BODY else nullcontext()

    def _check(self, path: str, headers: Headers) -> None:
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._settings.max_body_bytes:
            raise _too_large(self._settings.max_body_bytes)
        if self._key is None:
            self._check_sender(headers)
        elif path not in _OPEN and not path.startswith("/page/"):
            scheme, _, token = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(token.strip()), self._key):
                raise ApiError(
                    401,
                    "a valid API key is needed: send it as `Authorization: Bearer KEY`",
                    code="invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )

    def _check_sender(self, headers: Headers) -> None:
        """Without a key, a page of another site could use its visitor's browser: look where requests come from."""
        host = headers.get("host", "")
        if _hostname(host) not in (*_OWN_HOSTS, self._settings.host, *self._settings.allowed_hosts):
            message = (
                f"this server does not answer to the name {host[:80]!r}: start it with --allow-host, or set an API key"
            )
            raise ApiError(403, message, code="unknown_host")
        origin = headers.get("origin")
        if origin is None or origin in self._settings.allowed_origins or origin.partition("://")[2] == host:
            return
        message = f"pages of {origin[:80]!r} may not use this server: start it with --allow-origin to let them"
        raise ApiError(403, message, code="foreign_origin")


def meant_path(path: str) -> str:
    """The address that a client means which doubles or adds a slash, doubles the prefix /v1 or leaves it out."""
    path = re.sub("/{2,}", "/", path)
    prefix = _PREFIX.match(path)
    return path if prefix is None else "/v1" + path[prefix.end() :].rstrip("/")


def _headed(scope: Scope, send: Send) -> Send:
    """A `send` for HEAD: routes answer it as GET, and the bytes stay here."""
    scope["method"] = "GET"

    async def send_head(message: Message) -> None:
        scope["method"] = "HEAD"
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _limited(receive: Receive, limit: int, seconds: float) -> Receive:
    """A `receive` that counts a body, as its announced length cannot be relied on, and drops one that stalls.

    It raises an ApiError: 413, the body is larger than allowed; 408, nothing more of it came.
    """
    patience: float | None = seconds
    size = 0

    async def receive_in_time() -> Message:
        nonlocal patience, size
        try:
            async with asyncio.timeout(patience):
                message = await receive()
        except TimeoutError:
            stalled = f"nothing more of the request's body came for {seconds:g} s"
            raise ApiError(408, stalled, code="timeout", headers={"Connection": "close"}) from None
        if not message.get("more_body", False):
            patience = None  # what comes next is the client's leaving
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return receive_in_time


def _patient(send: Send, seconds: float) -> Send:
    """A `send` that gives up on a client which takes nothing for so long."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError:
            raise Unfinished from None

    return send_in_time


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the request is larger than {limit} bytes, the limit of this server", code="too_large")

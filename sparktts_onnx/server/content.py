"""Bodies of requests: which kind a route reads, how much of it, and what is kept."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from sparktts_onnx.server.errors import ApiError, invalid
from sparktts_onnx.server.service import deadline, service_of

_Model = TypeVar("_Model", bound=BaseModel)

JSON = "application/json"
FORM = "multipart/form-data"
_FORMS = (FORM, "application/x-www-form-urlencoded")
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
MOST_OTHER_VALUES = 50_000
"""Objects, lists and members of a body besides the commas of its text; clients add a few dozen at most."""
_MOST_FIELDS = 32
_FIELD_BYTES = 64 << 10


async def json_body(request: Request) -> bytearray:
    """The bytes of a body that should be JSON, not parsed yet.

    Raises:
        ApiError: another kind of body, or one that holds more values than any request needs.
        ClientDisconnect: the client left before the end.
    """
    kind = _kind(request)
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise _wrong_kind(kind, JSON)
    settings = service_of(request).settings
    body, values, most = bytearray(), 0, settings.max_text_characters + MOST_OTHER_VALUES
    async with deadline(settings.request_seconds):
        async for piece in request.stream():
            body += piece
            values += sum(map(piece.count, (b",", b"[", b"{")))
            if values > most:
                raise ApiError(
                    400, f"the request's body holds more than {most} values: leave out other fields", code="too_complex"
                )
    return body


def parse(body: bytes | bytearray, model: type[_Model]) -> _Model:
    """A JSON body as a model. It may take tenths of a second: call it in a thread."""
    return checked(json_object(body), model)


def json_object(text: str | bytes | bytearray, name: str = "the request's body") -> dict[str, Any]:
    """A JSON object that a client sent."""
    if not text.strip():
        raise ApiError(400, f"{name} should be a JSON object: it is empty", code="invalid_value")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{name} is not JSON: {error.msg} (character {error.pos + 1})"
        raise ApiError(400, message, code="invalid_json") from None
    except UnicodeDecodeError:
        raise ApiError(400, f"{name} is not JSON: it is not UTF-8", code="invalid_json") from None
    except (ValueError, RecursionError):
        message = f"{name} cannot be read: it is nested too deeply, or has a number without end"
        raise ApiError(400, message, code="invalid_request") from None
    if not isinstance(data, dict):
        raise ApiError(400, f"{name} should be a JSON object: it is something else", code="invalid_value")
    return data


async def read_form(request: Request, model: type[_Model]) -> _Model:
    """A form as a model; an uploaded file is its bytes, an empty field is none where it may be left out.

    Raises:
        ApiError: another kind of body, a charset other than UTF-8, a damaged form, no room to store an upload.
        ClientDisconnect: the client left before the end.
    """
    kind = _kind(request)
    if kind not in _FORMS:
        raise _wrong_kind(kind, FORM)
    charset = parse_options_header(request.headers["content-type"])[1].get(b"charset", b"utf-8").lower()
    if charset not in _CHARSETS:  # the parser would take any codec of Python's, some of them slow beyond measure
        message = f"the form's charset is {charset.decode('latin-1')[:40]!r}; expected UTF-8"
        raise ApiError(400, message, code="invalid_content_type")
    try:
        async with deadline(service_of(request).settings.request_seconds):
            form = request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
            async with form as fields:
                data = {name: await _value(value) for name, value in fields.multi_items()}
    except ApiError:
        raise
    except (HTTPException, FormParserError) as error:
        detail = error.detail if isinstance(error, HTTPException) else "it is damaged"
        raise ApiError(400, f"the form cannot be read: {detail}", code="invalid_request") from None
    except OSError as error:
        message = f"the upload cannot be stored: {error.strerror or 'no folder for temporary files'}"
        raise ApiError(507, message, code="storage_failed") from error
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    return checked({name: value for name, value in data.items() if value != "" or name in required}, model)


def described(model: type[BaseModel], kind: str) -> dict[str, Any]:
    """The OpenAPI description of a body that a route reads itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def schemas(*models: type[BaseModel]) -> dict[str, Any]:
    """The components that `described` refers to."""
    pairs: Any = [(model, "validation") for model in models]
    defined: dict[str, Any] = models_json_schema(pairs, ref_template="#/components/schemas/{model}")[1]["$defs"]
    return defined


async def _value(value: str | UploadFile) -> str | bytes:
    """A field's value; browsers send a file without name and bytes where none was chosen."""
    return value if isinstance(value, str) else (await value.read() or (b"" if value.filename else ""))


def checked(data: Mapping[str, Any], model: type[_Model]) -> _Model:
    """Values of a client as a model."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid(error, data) from None


def _kind(request: Request) -> str:
    """The content type of a body, which has to come as it is."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = f"the request's body is encoded as {encoding[:40]!r}; send it as it is"
        raise ApiError(400, message, code="invalid_content_type")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _wrong_kind(found: str, expected: str) -> ApiError:
    said = f"the content type is {found[:80]!r}" if found else "the request has no content type"
    return ApiError(400, f"{said}; expected {expected}", code="invalid_content_type")

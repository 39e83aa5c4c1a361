"""`POST /v1/audio/speech` and `/v1/audio/revoice`: from a request to bytes that leave while they are made."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sparktts_onnx import FORMATS, Lexicon, Ssml, TextFeed
from sparktts_onnx.server.answer import Answer, SpeechResponse
from sparktts_onnx.server.content import FORM, JSON, described, json_body, parse, read_form
from sparktts_onnx.server.errors import ApiError, about
from sparktts_onnx.server.job import Order
from sparktts_onnx.server.schemas import RevoiceRequest, SpeechRequest, VoiceReference, failures
from sparktts_onnx.server.service import Service, SpeechService, in_thread
from sparktts_onnx.server.status import check_model
from sparktts_onnx.server.voicebook import recording_of

router = APIRouter(tags=["speech"])

PCM_RATE = 24_000
"""What clients of OpenAI's interface take raw samples for."""
_PASSED_ON = ("seed", "temperature", "top_k", "top_p", "max_new_tokens", "normalize", "retries", "segment_seconds")
_AUDIO: dict[str, Any] = {"type": "string", "format": "binary"}
_EVENTS = ["speech.audio.delta", "speech.audio.words", "speech.audio.done", "error"]
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": _EVENTS},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"enum": _EVENTS},
                    "audio": {"type": "string", "contentEncoding": "base64"},
                    "words": {"type": ["array", "null"]},
                    "usage": {"type": "object"},
                    "info": {"type": "object"},
                    "error": {"type": "object"},
                },
            },
        },
    },
}
_CONTENT = {
    **{form.content_type.split(";")[0]: {"schema": _AUDIO} for form in FORMATS.values() if form.name != "m4a"},
    "text/event-stream": {"itemSchema": _EVENT},
}
_ANSWERS = {200: {"content": _CONTENT, "description": "Speech"}, **failures(404, 429, 501, 503, 504)}


@router.post(
    "/v1/audio/speech",
    response_class=Response,
    openapi_extra=described(SpeechRequest, JSON),
    responses=_ANSWERS,
)
async def speak(request: Request, service: Service) -> Response:
    """Speak a text. The first bytes leave as soon as the first sound is made, in every format but FLAC."""
    return await _answered(await _order(request, service), service, request)


@router.post(
    "/v1/audio/revoice",
    response_class=Response,
    openapi_extra=described(RevoiceRequest, FORM),
    responses=_ANSWERS,
)
async def revoice(request: Request, service: Service) -> Response:
    """Give a recording another voice. The first bytes leave once its first 40 s were heard, or all."""
    form = await read_form(request, RevoiceRequest)
    order = await in_thread(_revoicing, form, service)
    return await _answered(order, service, request)


def _revoicing(form: RevoiceRequest, service: SpeechService) -> Order:
    """A recording and a voice as an order; what can be refused at once is refused here."""
    check_model(form.model, service)
    voice = _kept(form.voice, {}, service)
    rate, events = _rate(form.sample_rate, form.response_format), form.stream_format == "sse"
    return Order("", {}, voice, form.response_format, rate, events, form.file)


async def _answered(order: Order, service: SpeechService, request: Request) -> Response:
    answer = Answer(order, service, request.state.log, request)
    first = await answer.begin()
    if order.events:
        return SpeechResponse(answer, answer.events(first), "text/event-stream")
    return SpeechResponse(answer, answer.audio(first), answer.content_type)


async def _order(request: Request, service: SpeechService) -> Order:
    """All that is kept of a request while it waits. Bodies are parsed one at a time: each may be large for a moment."""
    body = await json_body(request)
    async with service.parsing:
        return await in_thread(lambda: make_order(parse(body, SpeechRequest), service))


def make_order(body: SpeechRequest, service: SpeechService) -> Order:
    """A request as an order; what can be refused at once is refused here."""
    check_length(len(body.input), service)
    if not body.input.strip():
        raise ApiError(400, "the text is empty; give at least one character to speak", code="empty", param="input")
    if body.timestamp_granularities and body.stream_format != "sse":
        message = 'times of words come as events: add "stream_format": "sse", or leave out timestamp_granularities'
        raise ApiError(400, message, code="invalid_value", param="timestamp_granularities")
    return order_for(body, body.input, service)


def check_length(characters: int, service: SpeechService) -> None:
    """See that a text is not too long."""
    limit = service.settings.max_text_characters
    if characters > limit:
        message = f"the text has {characters} characters; the limit of this server is {limit}"
        raise ApiError(400, message, code="text_too_long", param="input")


def order_for(body: SpeechRequest, text: str | TextFeed, service: SpeechService) -> Order:
    """An order for a text that may still be on its way; raises as `make_order`."""
    check_model(body.model, service)
    options = {name: value for name in _PASSED_ON if (value := getattr(body, name)) is not None}
    options.setdefault("seed", secrets.randbelow(1 << 31))
    if lexicon := _lexicon(body, service):
        options["lexicon"] = lexicon
    voice = _voice(body, service)
    if body.input_format == "ssml":
        options["ssml"] = True
        voice = _with_named(voice, text, service)
    if body.speed != 1.0:
        options["tempo"] = body.speed
    return Order(
        text,
        options,
        voice,
        body.response_format,
        _rate(body.sample_rate, body.response_format),
        events=body.stream_format == "sse",
        words=bool(body.timestamp_granularities),
    )


def _lexicon(body: SpeechRequest, service: SpeechService) -> Lexicon | None:
    own = service.settings.lexicon
    with about("lexicon"):
        return (own or Lexicon()).with_entries(body.lexicon) if body.lexicon else own


def _with_named(
    voice: Callable[[], Mapping[str, Any]], text: str | TextFeed, service: SpeechService
) -> Callable[[], Mapping[str, Any]]:
    """What gives the voices too that an SSML text names; the text is seen to be one."""
    if isinstance(text, TextFeed):
        message = "SSML is taken as one text: send it to POST /v1/audio/speech"
        raise ApiError(400, message, code="invalid_value", param="input_format")
    with about("input"):
        names = Ssml.read(text, service.voices.check).voices
    return lambda: {**voice(), "voices": {name: service.voices.find(name) for name in names}}


def _voice(body: SpeechRequest, service: SpeechService) -> Callable[[], Mapping[str, Any]]:
    """What gives the voice, once there is a place to do it."""
    style = {} if body.style is None else body.style.model_dump(exclude_none=True)
    if body.ref_audio is not None:
        with about("ref_audio"):
            recording = recording_of(body.ref_audio)
        _refuse_gender(style)
        said = body.ref_text  # and nothing else of the body, which is larger than the recording
        return lambda: {"voice": service.voices.enroll(recording, said).voice, **style}
    name = body.voice.id if isinstance(body.voice, VoiceReference) else body.voice
    if name is None and style:
        return lambda: style
    if name is not None:
        _refuse_gender(style)
    return _kept(name, style, service)


def _kept(name: str | None, style: Mapping[str, Any], service: SpeechService) -> Callable[[], Mapping[str, Any]]:
    """What gives the voice of a name, or the default voice."""
    name = name or service.settings.default_voice
    with about("voice"):
        service.voices.check(name)
    return lambda: {"voice": service.voices.find(name), **style}


def _rate(asked: int | None, file_format: str) -> int | None:
    return asked or (PCM_RATE if file_format == "pcm" else None)


def _refuse_gender(style: Mapping[str, Any]) -> None:
    if "gender" in style:
        message = "a given voice has its gender already; leave out style.gender, or the voice"
        raise ApiError(400, message, code="invalid_value", param="style.gender")

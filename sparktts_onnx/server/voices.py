"""`/v1/audio/voices`: the voices that can be asked for, kept on disk."""

from functools import partial

from fastapi import APIRouter, Request

from sparktts_onnx import BuiltInVoices, VoiceEntry, VoiceLibrary
from sparktts_onnx.errors import NameTakenError, OptionError, VoiceError
from sparktts_onnx.server.content import FORM, JSON, described, json_body, parse, read_form
from sparktts_onnx.server.errors import ApiError, about, from_library
from sparktts_onnx.server.schemas import (
    NewName,
    NewVoice,
    VoiceDeleted,
    VoiceList,
    VoiceObject,
    VoiceSummary,
    failures,
)
from sparktts_onnx.server.service import Service, SpeechService, in_thread

router = APIRouter(prefix="/v1/audio/voices", tags=["voices"])

_REFUSALS = ("", "0", "false", "no", "none", "null", "off")


@router.get("", responses=failures())
def list_voices(service: Service) -> VoiceList:
    """The kept voices and the built-in ones; files that cannot be used are listed with their problem."""
    kept = [_from_entry(entry) for entry in service.voices.library.iter_entries()]
    taken = {VoiceLibrary.key(voice.id) for voice in kept}
    voices = kept + [_built_in(name) for name in BuiltInVoices.STYLES if name not in taken]
    usable = [VoiceSummary(id=voice.id, name=voice.name) for voice in voices if voice.problem is None]
    return VoiceList(data=voices, voices=usable)


@router.get("/{voice_id}", responses=failures(404))
def get_voice(voice_id: str, service: Service) -> VoiceObject:
    """One voice."""
    entry = service.voices.library.entry(voice_id)
    if entry is not None:
        return _from_entry(entry)
    if VoiceLibrary.key(voice_id) in BuiltInVoices.STYLES:
        return _built_in(VoiceLibrary.key(voice_id))
    raise _not_found(voice_id)


@router.post("", openapi_extra=described(NewVoice, FORM), responses=failures(409, 429, 503, 504, 507))
async def create_voice(request: Request, service: Service) -> VoiceObject:
    """Keep a voice: of a recording, with the consent of who speaks in it, or created by gender, pitch and speed."""
    form = await read_form(request, NewVoice)
    await in_thread(_check_form, form, service)
    return await service.do(partial(_make, form, service))


@router.patch("/{voice_id}", openapi_extra=described(NewName, JSON), responses=failures(404, 409, 507))
async def rename_voice(voice_id: str, request: Request, service: Service) -> VoiceObject:
    """Give a kept voice another name; its id changes with it."""
    return await in_thread(_rename, voice_id, await json_body(request), service)


def _rename(voice_id: str, body: bytearray, service: SpeechService) -> VoiceObject:
    new = parse(body, NewName)
    _check_kept(voice_id, service)
    try:
        voice = service.voices.library.rename(voice_id, new.name)
    except (NameTakenError, OptionError) as error:
        raise from_library(error, param="name") from error
    except VoiceError as error:
        _check_kept(voice_id, service)  # it may be gone by now
        raise from_library(error, param="voice_id") from error
    return get_voice(voice.name or new.name, service)


@router.delete("/{voice_id}", responses=failures(404, 507))
def delete_voice(voice_id: str, service: Service) -> VoiceDeleted:
    """Forget a kept voice."""
    _check_kept(voice_id, service)
    try:
        service.voices.library.remove(voice_id)
    except VoiceError:
        raise _not_found(voice_id) from None
    return VoiceDeleted(id=voice_id)


def _check_form(form: NewVoice, service: SpeechService) -> None:
    """Refuse what can be refused before any work."""
    recorded = form.audio_sample is not None
    if recorded and form.consent.strip().casefold() in _REFUSALS:
        message = "a recorded person has to agree: say in `consent` who agreed to what; it is kept with the voice"
        raise ApiError(400, message, code="consent_required", param="consent")
    if recorded == any((form.gender, form.pitch, form.speed)):
        found = "both" if recorded else "neither"
        message = f"give either a recording or what the voice shall be like (gender, pitch, speed); found {found}"
        raise ApiError(400, message, code="invalid_value", param="audio_sample")
    service.voices.check_room()
    with about("name"):
        service.voices.library.check_free(form.name)


def _make(form: NewVoice, service: SpeechService) -> VoiceObject:
    """Enroll or create a voice and keep it."""
    if form.audio_sample is not None:
        with about("audio_sample"):
            enrolled = service.voices.enroll(form.audio_sample, form.transcript)
        voice, notes, consent = enrolled.voice, list(enrolled.reports[0].notes), form.consent
    else:
        voice = service.engine.create_voice(form.gender, form.pitch, form.speed, seed=form.seed)
        notes, consent = [], ""
    with about("name"):
        kept = service.voices.keep(voice, form.name, consent=consent)
    return get_voice(kept.name or form.name, service).model_copy(update={"notes": notes})


def _check_kept(name: str, service: SpeechService) -> None:
    if get_voice(name, service).built_in:
        message = f"{name} is built in: it cannot be changed, but a voice of yours may take its name"
        raise ApiError(400, message, code="built_in_voice", param="voice_id")


def _not_found(name: str) -> ApiError:
    return ApiError(404, f"there is no voice {name[:80]!r}", code="voice_not_found", param="voice_id")


def _from_entry(entry: VoiceEntry) -> VoiceObject:
    voice = entry.voice
    if voice is None:
        return VoiceObject(id=entry.name, name=entry.name, type="prompt", created_at=0, problem=entry.problem)
    return VoiceObject(
        id=entry.name,
        name=entry.name,
        type="prompt" if voice.style else "audio_sample",
        created_at=int(entry.created),
        prompt=None if voice.style is None else str(voice.style),
        transcript=voice.transcript is not None,
        consent=voice.consent,
    )


def _built_in(name: str) -> VoiceObject:
    style = str(BuiltInVoices.STYLES[name])
    return VoiceObject(id=name, name=name, type="prompt", created_at=0, built_in=True, prompt=style)

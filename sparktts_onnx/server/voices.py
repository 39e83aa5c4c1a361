"""`/v1/audio/voices`: the voices that can be asked for, kept on disk."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile

from sparktts_onnx import (
    NameTakenError,
    OptionError,
    RecordingError,
    SparkTTSError,
    VoiceEntry,
    VoiceError,
    VoiceLibrary,
    VoiceStyle,
)
from sparktts_onnx.server.content import FORM, JSON, reads
from sparktts_onnx.server.errors import ApiError, from_library, without_folder
from sparktts_onnx.server.schemas import (
    Gender,
    Level,
    NewName,
    VoiceDeleted,
    VoiceList,
    VoiceObject,
    VoiceSummary,
    failures,
)
from sparktts_onnx.server.service import SpeechService, service_of
from sparktts_onnx.server.voicebook import BUILT_IN

router = APIRouter(prefix="/v1/audio/voices", tags=["voices"])

_REFUSALS = ("", "0", "false", "no", "none", "null", "off")
_Service = Annotated[SpeechService, Depends(service_of)]


@router.get("", responses=failures())
def list_voices(service: _Service) -> VoiceList:
    """The kept voices and the built-in ones; files that cannot be used are listed with their problem."""
    kept = [_from_entry(entry, service.settings.voices_dir) for entry in service.voices.library.entries()]
    taken = {VoiceLibrary.key(voice.id) for voice in kept}
    voices = kept + [_built_in(name) for name in BUILT_IN if name not in taken]
    usable = [VoiceSummary(id=voice.id, name=voice.name) for voice in voices if voice.problem is None]
    return VoiceList(data=voices, voices=usable)


@router.get("/{voice_id}", responses=failures(404))
def get_voice(voice_id: str, service: _Service) -> VoiceObject:
    """One voice."""
    return _find(voice_id, service)


class NewVoice:
    """The fields of a form that asks for a voice."""

    def __init__(
        self,
        name: Annotated[str, Form(min_length=1, max_length=200, description="What the voice shall be called.")],
        consent: Annotated[str, Form(max_length=2000, description="What the recorded person agreed to.")] = "",
        transcript: Annotated[str, Form(max_length=2000, description="What is said in the recording.")] = "",
        gender: Annotated[Gender | None, Form(description="Of a created voice.")] = None,
        pitch: Annotated[Level | None, Form(description="Of a created voice.")] = None,
        speed: Annotated[Level | None, Form(description="Of a created voice.")] = None,
        seed: Annotated[int | None, Form(ge=0, lt=1 << 53, description="Another seed creates another voice.")] = None,
    ) -> None:
        self.name = name
        self.consent = consent.strip()
        self.transcript = transcript
        self.style = {"gender": gender, "pitch": pitch, "speed": speed}
        self.seed = seed


@router.post("", dependencies=[reads(FORM)], responses=failures(409, 429, 503, 504, 507))
async def create_voice(
    form: Annotated[NewVoice, Depends()],
    service: _Service,
    audio_sample: Annotated[UploadFile | None, File(description="A recording; without one a voice is created.")] = None,
) -> VoiceObject:
    """Keep a voice: of a recording, with the consent of who speaks in it, or created by gender, pitch and speed."""
    await asyncio.to_thread(_check_form, form, service, recorded=audio_sample is not None)
    recording = None if audio_sample is None else await audio_sample.read()
    return await service.do(partial(_make, form, recording, service))


@router.patch("/{voice_id}", dependencies=[reads(JSON)], responses=failures(404, 409, 507))
def rename_voice(voice_id: str, new: NewName, service: _Service) -> VoiceObject:
    """Give a kept voice another name; its id changes with it."""
    _find_kept(voice_id, service)
    try:
        voice = service.voices.library.rename(voice_id, new.name)
    except NameTakenError as error:
        raise ApiError(409, str(error), code="name_taken", param="name") from None
    except OptionError as error:
        raise from_library(error, service.settings, param="name") from error
    except VoiceError as error:
        _find_kept(voice_id, service)  # it may be gone by now
        raise from_library(error, service.settings, param="voice_id") from error
    return _find(voice.name or new.name, service)


@router.delete("/{voice_id}", responses=failures(404, 507))
def delete_voice(voice_id: str, service: _Service) -> VoiceDeleted:
    """Forget a kept voice."""
    _find_kept(voice_id, service)
    try:
        service.voices.library.remove(voice_id)
    except VoiceError:
        raise _not_found(voice_id) from None
    return VoiceDeleted(id=voice_id)


def _check_form(form: NewVoice, service: SpeechService, *, recorded: bool) -> None:
    """Refuse what can be refused before any work.

    Raises:
        ApiError: and the library's errors for a name that cannot be used.
    """
    styled = any(form.style.values())
    if recorded and form.consent.casefold() in _REFUSALS:
        message = "a recorded person has to agree: say in `consent` who agreed to what; it is kept with the voice"
        raise ApiError(400, message, code="consent_required", param="consent")
    if recorded == styled:
        found = "both" if recorded else "neither"
        message = f"give either a recording or what the voice shall be like (gender, pitch, speed); found {found}"
        raise ApiError(400, message, code="invalid_value", param="audio_sample")
    library = service.voices.library
    if len(library.names()) >= service.settings.max_voices:
        raise ApiError(409, f"{service.settings.max_voices} voices are kept already", code="too_many_voices")
    try:
        library.check_free(form.name)
    except NameTakenError as error:
        raise ApiError(409, str(error), code="name_taken", param="name") from None
    except SparkTTSError as error:
        raise from_library(error, service.settings, param="name") from error


def _make(form: NewVoice, recording: bytes | None, service: SpeechService) -> VoiceObject:
    """Enroll or create a voice and keep it."""
    notes: tuple[str, ...] = ()
    if recording is None:
        voice = service.engine.create_voice(**form.style, seed=form.seed)
    else:
        try:
            enrolled = service.voices.enroll(recording, form.transcript)
        except SparkTTSError as error:
            param = "audio_sample" if isinstance(error, RecordingError) else None
            raise from_library(error, service.settings, param=param) from error
        voice, notes = enrolled.voice, enrolled.reports[0].notes
    try:
        kept = service.voices.library.add(voice, form.name, consent=None if recording is None else form.consent)
    except NameTakenError as error:
        raise ApiError(409, str(error), code="name_taken", param="name") from None
    return _find(kept.name or form.name, service).model_copy(update={"notes": list(notes)})


def _find(name: str, service: SpeechService) -> VoiceObject:
    entry = service.voices.library.entry(name)
    if entry is not None:
        return _from_entry(entry, service.settings.voices_dir)
    if VoiceLibrary.key(name) in BUILT_IN:
        return _built_in(VoiceLibrary.key(name))
    raise _not_found(name)


def _find_kept(name: str, service: SpeechService) -> None:
    if _find(name, service).built_in:
        message = f"{name} is built in: it cannot be changed, but a voice of yours may take its name"
        raise ApiError(400, message, code="built_in_voice", param="voice_id")


def _not_found(name: str) -> ApiError:
    return ApiError(404, f"there is no voice {name[:80]!r}", code="voice_not_found", param="voice_id")


def _from_entry(entry: VoiceEntry, folder: Path) -> VoiceObject:
    voice = entry.voice
    if voice is None:
        problem = without_folder(entry.problem or "", folder)
        return VoiceObject(id=entry.name, name=entry.name, type="prompt", created_at=0, problem=problem)
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
    style = VoiceStyle(*BUILT_IN[name])
    return VoiceObject(id=name, name=name, type="prompt", created_at=0, built_in=True, prompt=str(style))

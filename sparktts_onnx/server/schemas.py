"""Requests and answers of the interface, as OpenAPI describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, model_validator

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
Gender = Literal["female", "male"]
Level = Literal["very_low", "low", "moderate", "high", "very_high"]
VoiceName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


Upload = Annotated[bytes, Field(strict=True, min_length=1), BeforeValidator(lambda value: value or b"")]
"""The bytes of a file. A field that is empty is an empty file too."""
_NO_TRUTH = BeforeValidator(lambda value: str(value) if isinstance(value, bool) else value)
"""Pydantic would take a truth value for 0 or 1; a text that spells no number is refused. Behind the bounds: before
them, OpenAPI would not have them."""
Number = Annotated[float, Strict(False)]
"""Also as text: clients take options from fields of text."""
Whole = Annotated[int, Strict(False)]


def _lenient(schema: dict[str, Any]) -> None:
    """What `SpeechRequest` takes beyond a field's own values, for OpenAPI."""
    for name, field in schema["properties"].items():
        if name == "input":
            continue
        own = {key: field.pop(key) for key in list(field) if key not in ("title", "description", "default")}
        forms = [form for form in own.get("anyOf", [own]) if form != {"type": "null"}]
        text = {"type": "string"} if forms[0].get("type") in ("number", "integer") else {"const": ""}
        field["anyOf"] = [*forms, {"type": "null"}, text]


class Exact(BaseModel):
    """Takes values of the right type only."""

    model_config = ConfigDict(strict=True)


class VoiceReference(Exact):
    """A voice by its id."""

    id: VoiceName


class Style(Exact):
    """What a created voice is like; with a voice, how it shall speak (its gender stays)."""

    gender: Gender | None = None
    pitch: Level | None = None
    speed: Level | None = None


class SpeechRequest(Exact):
    """OpenAI's request for speech, and what this model can do beyond it. Other fields are taken and not used."""

    model_config = ConfigDict(strict=True, extra="ignore", json_schema_extra=_lenient)

    input: str = Field(min_length=1, description="The text to speak.")
    input_format: Literal["text", "ssml"] = Field(
        default="text", description="`ssml`: pauses, voices, tempo, pitch and readings inside the text."
    )
    lexicon: dict[str, str] | None = Field(
        default=None, max_length=1000, description="Words and how each is spoken; goes before the server's own."
    )
    model: str | None = Field(default=None, description="A name from /v1/models.")
    voice: VoiceName | VoiceReference | None = Field(
        default=None, description="A name or id from /v1/audio/voices; or a recording, as `ref_audio`'s data: URI."
    )
    instructions: str | None = Field(
        default=None, description="Taken and not used: this model follows no instructions."
    )
    response_format: AudioFormat = Field(default="mp3", description="`pcm` is 16-bit little-endian at 24 kHz.")
    speed: Annotated[Number, Field(ge=0.25, le=4), _NO_TRUTH] = Field(
        default=1.0, description="Plain tempo at the same pitch."
    )
    stream_format: Literal["audio", "sse"] = "audio"
    timestamp_granularities: list[Literal["word"]] = Field(
        default_factory=list, max_length=1, description="`word` adds when each word is heard; with `sse` only."
    )
    ref_audio: str | None = Field(
        default=None, description="A recording of the voice, as a data: URI or base64; goes before `voice`."
    )
    ref_text: str | None = Field(default=None, max_length=2000, description="What is said in `ref_audio`.")
    style: Style | None = Field(default=None, description="Without a voice: the voice to create.")
    seed: Annotated[Whole, Field(ge=0, lt=1 << 53), _NO_TRUTH] | None = Field(
        default=None, description="The same seed gives the same speech."
    )
    temperature: Annotated[Number, Field(ge=0, le=100), _NO_TRUTH] | None = None
    top_k: Annotated[Whole, Field(ge=0), _NO_TRUTH] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1), _NO_TRUTH] | None = None
    max_new_tokens: Annotated[Whole, Field(ge=1), _NO_TRUTH] | None = Field(
        default=None, description="Limit on the tokens of one segment."
    )
    normalize: bool = Field(default=True, description="Speak numbers, dates and the like as words.")
    retries: Annotated[Whole, Field(ge=0, le=20), _NO_TRUTH] | None = Field(
        default=None, description="Further attempts at a segment that sounds wrong."
    )
    segment_seconds: Annotated[Number, Field(ge=2, le=60), _NO_TRUTH] | None = Field(
        default=None, description="Longest planned segment."
    )
    sample_rate: Annotated[Whole, Field(ge=8_000, le=48_000), _NO_TRUTH] | None = Field(
        default=None, description="Samples a second of the answer."
    )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: dict[str, Any]) -> dict[str, Any]:
        """What a client means who sends every field: null and "" are defaults, and a voice may be a recording."""
        given = {
            name: value
            for name, value in data.items()
            if value is not None and (value != "" or name in ("input", "ref_audio"))
        }
        voice = given.get("voice")
        if isinstance(voice, str) and voice.startswith("data:"):
            given = {"ref_audio": voice, **given}
            del given["voice"]
        return given


class RevoiceRequest(BaseModel):
    """The fields of a form that asks for a recording in another voice."""

    file: Upload = Field(description="The recording: its words and timing are kept.")
    voice: VoiceName | None = Field(default=None, description="Who shall say it: a name from /v1/audio/voices.")
    model: str | None = Field(default=None, description="A name from /v1/models.")
    response_format: AudioFormat = Field(default="mp3", description="`pcm` is 16-bit little-endian at 24 kHz.")
    stream_format: Literal["audio", "sse"] = "audio"
    sample_rate: int | None = Field(default=None, ge=8_000, le=48_000, description="Samples a second of the answer.")


class StartMessage(SpeechRequest):
    """What begins an utterance on a socket: a request whose text follows. Times of words always come."""

    input: str = ""
    response_format: AudioFormat = "pcm"
    first_segment: Literal["sentence", "clause"] = "sentence"
    flush_seconds: Annotated[Number, Field(ge=0, le=3600), _NO_TRUTH] | None = None


class TextMessage(Exact):
    """More text of an utterance on a socket."""

    text: str


class NewVoice(BaseModel):
    """The fields of a form that asks for a voice."""

    name: str = Field(min_length=1, max_length=200, description="What the voice shall be called.")
    consent: str = Field(default="", max_length=2000, description="What the recorded person agreed to.")
    transcript: str = Field(default="", max_length=2000, description="What is said in the recording.")
    gender: Gender | None = Field(default=None, description="Of a created voice.")
    pitch: Level | None = Field(default=None, description="Of a created voice.")
    speed: Level | None = Field(default=None, description="Of a created voice.")
    seed: int | None = Field(default=None, ge=0, lt=1 << 53, description="Another seed creates another voice.")
    audio_sample: Upload | None = Field(default=None, description="A recording; without one a voice is created.")


class VoiceObject(BaseModel):
    """A voice that can be asked for."""

    id: str
    name: str
    object: Literal["audio.voice"] = "audio.voice"
    type: Literal["audio_sample", "prompt"] = Field(description="From a recording, or created from a description.")
    created_at: int = Field(description="Seconds since 1970; 0 for a built-in voice.")
    built_in: bool = False
    prompt: str | None = Field(default=None, description="The description that a created voice came from.")
    transcript: bool = Field(default=False, description="Whether its manner of speaking is cloned too.")
    consent: str | None = Field(default=None, description="What the recorded person agreed to, and when.")
    problem: str | None = Field(default=None, description="Why the voice cannot be used.")
    notes: list[str] = Field(default_factory=list, description="What would make the recording better.")


class VoiceSummary(BaseModel):
    """A voice as other servers list it."""

    id: str
    name: str


class VoiceList(BaseModel):
    """Every voice."""

    object: Literal["list"] = "list"
    data: list[VoiceObject]
    voices: list[VoiceSummary]


class VoiceDeleted(BaseModel):
    """A voice is gone."""

    id: str
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    deleted: Literal[True] = True


class NewName(Exact):
    """Another name for a voice."""

    name: VoiceName


class ModelObject(BaseModel):
    """A model name that requests may use."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "sparktts-onnx"


class ModelList(BaseModel):
    """Every model name."""

    object: Literal["list"] = "list"
    data: list[ModelObject]
    models: list[ModelObject] = Field(description="The same, for chat programs, which look here.")


class ErrorDetails(BaseModel):
    """What was wrong, for people and for programs."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorEnvelope(BaseModel):
    """Every error comes in this."""

    error: ErrorDetails


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: statuses with which an operation may fail besides those that every operation has."""
    return {status: {"model": ErrorEnvelope} for status in sorted({400, 401, 403, 408, 413, 500, *statuses})}

"""What a caller asks for: validated once, the same for the library, the command line, batches and the server."""

import dataclasses
import reprlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from textwrap import shorten
from typing import Any, TypedDict

from sparktts_onnx.bundle.manifest import CodecLayout, SamplingDefaults
from sparktts_onnx.errors import NothingToSpeakError, OptionError, TextError, VoiceError
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.values import broken_character, instance_of, number, whole_number
from sparktts_onnx.runtime.voices.built_in import BuiltInVoices
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice, check_voice
from sparktts_onnx.text.lexicon import Lexicon
from sparktts_onnx.text.normalize import Language, detect_language
from sparktts_onnx.text.segments import SEGMENT_SECONDS
from sparktts_onnx.text.ssml import MAX_CHARACTERS, Part, Ssml

MAX_TEXT_CHARACTERS = MAX_CHARACTERS
MAX_SEED = (1 << 63) - 1
RETRIES = 4
"""Further attempts at a segment that a guard rejects: what comes right at all mostly does so within these."""
A_VOICE = "a Voice (see process_prompt and Voice.load)"


class SpeechOptions(TypedDict, total=False):
    """Every option of speech; each has a sensible default."""

    voice: Voice | None
    """Who speaks. Without a voice and without a gender: the last prompt processed, if there is one, else a created
    voice."""
    gender: str | float | None
    """Of a created voice: female or male (0 or 1)."""
    pitch: str | float | None
    """very_low, low, moderate, high, very_high, or 0 to 1 in steps of 0.25."""
    speed: str | float | None
    """As pitch. With a voice, `pitch` and `speed` ask the model to speak it so."""
    temperature: float | None
    """Sharpness of sampling; 0 always takes the likeliest token."""
    top_k: int | None
    top_p: float | None
    max_new_tokens: int | None
    """Limit on the tokens of one segment."""
    seed: int | None
    """Whole number from 0; without one a fresh seed is drawn, and reported in the info."""
    normalize: bool
    """Write numbers, dates and the like as words first; on by default."""
    lexicon: Lexicon | None
    """Words to be spoken as other words."""
    retries: int
    """Further attempts for a segment that a guard rejects."""
    check_words: bool
    """Reject attempts whose words are skipped, repeated or missing, where the bundle can tell; on by default."""
    segment_seconds: float
    """Speech of one segment is planned to be no longer than this."""
    tempo: float
    """Plain time stretch of the result: 1.25 is a quarter faster at the same pitch."""
    ssml: bool
    """The text is SSML: pauses, speakers and readings inside it (docs/text.md)."""
    voices: Mapping[str, Voice] | None
    """Voices that SSML may name, besides the built-in ones."""


@dataclass(frozen=True)
class Utterance:
    """One validated request."""

    text: str
    """Empty where it comes in pieces."""
    voice: Voice | None
    style: VoiceStyle | None
    sampling: SamplingOptions
    seed: int
    normalize: bool
    lexicon: Lexicon | None
    retries: int
    check_words: bool
    segment_seconds: float
    tempo: float
    document: Ssml
    """The text, part by part; without parts where it comes in pieces."""
    voices: Mapping[str, Voice]
    """Those that parts name."""
    language: Language
    """In which numbers are read where there are no letters."""
    warnings: tuple[str, ...]
    """What was asked for and is not done."""

    def speaker(self, part: Part) -> tuple[Voice | None, VoiceStyle | None]:
        """Who speaks a part, and the style that its levels change: None where a recording's voice has none."""
        voice, style = (self.voice, self.style) if part.voice is None else (self.voices[part.voice], None)
        return voice, style or (None if voice is None else voice.style)


def make_utterance(
    text: str, options: Mapping[str, Any], defaults: SamplingDefaults, *, in_pieces: bool = False
) -> Utterance:
    """Validate a request; `text` counts for nothing where it comes in pieces.

    Raises:
        TextError: the text is not a str, empty, too long, or was decoded wrongly.
        OptionError: an unknown option, or one that is out of range.
    """
    if unknown := sorted(options.keys() - SpeechOptions.__annotations__.keys()):
        known = ", ".join(sorted(SpeechOptions.__annotations__))
        raise OptionError(f"unknown option {unknown[0]!r}; the options are {known}", field=unknown[0])
    get = {key: value for key, value in options.items() if value is not None}
    voices = _voices(get.get("voices", {}))
    document = Ssml(()) if in_pieces else _document(_checked_text(text), get, voices)
    if in_pieces and get.get("ssml"):
        raise OptionError("ssml is set, and the text comes in pieces; give SSML as one text", field="ssml")
    utterance = Utterance(
        text="" if in_pieces else text,
        document=document,
        voices={name: voices[name] for name in document.voices if name in voices},
        language=_language(document),
        warnings=document.warnings,
        voice=instance_of("voice", get.get("voice"), Voice | None, A_VOICE),
        style=_style(get),
        sampling=_sampling(get, defaults),
        seed=whole_number("seed", get.get("seed", secrets.randbelow(1 << 31)), 0, MAX_SEED),
        normalize=instance_of("normalize", get.get("normalize", True), bool, "True or False"),
        lexicon=instance_of("lexicon", get.get("lexicon"), Lexicon | None, "a Lexicon (see Lexicon.load)"),
        retries=whole_number("retries", get.get("retries", RETRIES), 0, 20),
        check_words=instance_of("check_words", get.get("check_words", True), bool, "True or False"),
        segment_seconds=number("segment_seconds", get.get("segment_seconds", SEGMENT_SECONDS), 2, 60),
        tempo=number("tempo", get.get("tempo", 1.0), 0.25, 4),
    )
    if utterance.voice is not None and "gender" in get:
        raise OptionError(
            "gender belongs to a created voice and cannot change a given one; leave one of them out", field="gender"
        )
    return utterance


def voiced(
    utterance: Utterance, codec: CodecLayout, prompt: Voice | None, built_in: Callable[[str], Voice]
) -> Utterance:
    """A request with every voice that it needs.

    Args:
        utterance: the request.
        codec: what its voices have to belong to.
        prompt: who speaks where the request gives no voice; without it, its style creates one.
        built_in: gives the built-in voice of a name.

    Raises:
        VoiceError: a voice belongs to another codec.
    """
    for voice in filter(None, (utterance.voice, *utterance.voices.values())):
        check_voice(voice, codec)
    speaker = utterance.voice or prompt
    style = utterance.style or (VoiceStyle() if speaker is None else None)
    voices = {name: utterance.voices.get(name) or built_in(name) for name in utterance.document.voices}
    utterance = dataclasses.replace(utterance, voice=speaker, style=style, voices=voices)
    pitched = dict.fromkeys(p.voice for p in utterance.document.parts if p.pitch and utterance.speaker(p)[1] is None)
    unheard = (
        f"SSML: the pitch of {'the voice' if name is None else repr(name)} stays: created voices alone have levels"
        for name in pitched
    )
    return dataclasses.replace(utterance, warnings=(*utterance.warnings, *unheard))


def _checked_text(text: str) -> str:
    if not isinstance(text, str):
        raise TextError(f"the text is of type {type(text).__name__}; expected a str")
    if not text.strip():
        raise NothingToSpeakError("the text is empty; give at least one character to speak")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise TextError(f"the text has {len(text)} characters; the limit is {MAX_TEXT_CHARACTERS}")
    return _unbroken(text)


def _document(text: str, options: Mapping[str, Any], voices: Mapping[str, Voice]) -> Ssml:
    is_ssml = instance_of("ssml", options.get("ssml", False), bool, "True or False")
    return Ssml.read(text, partial(_check_named, voices)) if is_ssml else Ssml((Part(text, text),))


def _language(document: Ssml) -> Language:
    """Of several parts the language of all: one may be a number alone."""
    several = len(document.parts) > 1
    return (detect_language(" ".join(part.spoken for part in document.parts)) if several else None) or "en"


def checked_piece(piece: str, half: str) -> tuple[str, str]:
    """(the piece behind `half` of the character before it, half of a character that it ends with)

    UTF-16, which JavaScript has, can be cut between the two halves of an emoji.
    """
    if not isinstance(piece, str):
        raise TextError(f"a piece of the text is of type {type(piece).__name__}; expected a str")
    piece = half + piece
    if half and "\udc00" <= piece[1:2] <= "\udfff":
        piece = piece[:2].encode("utf-16", "surrogatepass").decode("utf-16") + piece[2:]
    end = len(piece) - ("\ud800" <= piece[-1:] <= "\udbff")
    return _unbroken(piece[:end]), piece[end:]


def _unbroken(text: str) -> str:
    if broken := broken_character(text):
        raise TextError(f"the text holds {broken}, which is not a character: it was decoded wrongly; use UTF-8")
    return text


def _voices(voices: Any) -> Mapping[str, Voice]:
    given: Mapping[str, Voice] = instance_of("voices", voices, Mapping, "a mapping of names to voices")
    for name, voice in given.items():
        instance_of(f"voices[{name!r}]", voice, Voice, A_VOICE)
    return given


def _check_named(voices: Mapping[str, Voice], name: str) -> None:
    if name not in voices and BuiltInVoices.key(name) not in BuiltInVoices.STYLES:
        known = ", ".join([*voices, *BuiltInVoices.STYLES])
        raise VoiceError(f"there is no voice {reprlib.repr(name)}; voices are {shorten(known, 300)}")


def _style(options: Mapping[str, Any]) -> VoiceStyle | None:
    levels = [options.get(key) for key in ("gender", "pitch", "speed")]
    return None if all(level is None for level in levels) else VoiceStyle.of(*levels)


def _sampling(options: Mapping[str, Any], defaults: SamplingDefaults) -> SamplingOptions:
    names = ("temperature", "top_k", "top_p", "max_new_tokens")
    return SamplingOptions(**{name: options.get(name, getattr(defaults, name)) for name in names})

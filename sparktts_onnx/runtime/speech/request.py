"""What a caller asks for: validated once, the same for the library, the command line, batches and the server."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sparktts_onnx.bundle.manifest import SamplingDefaults
from sparktts_onnx.errors import NothingToSpeakError, OptionError, TextError
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.speech.guards import GuardOptions
from sparktts_onnx.runtime.values import broken_character, instance_of, number, whole_number
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.lexicon import Lexicon
from sparktts_onnx.text.segments import SEGMENT_SECONDS

MAX_TEXT_CHARACTERS = 1_000_000
MAX_SEED = (1 << 63) - 1


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


@dataclass(frozen=True)
class Utterance:
    """One validated request."""

    text: str
    """Empty where it comes in pieces."""
    voice: Voice | None
    style: VoiceStyle | None
    sampling: SamplingOptions
    seed: int
    normalize: bool = True
    lexicon: Lexicon | None = None
    guards: GuardOptions = field(default_factory=GuardOptions)
    segment_seconds: float = SEGMENT_SECONDS
    tempo: float = 1.0


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
    utterance = Utterance(
        text="" if in_pieces else _checked_text(text),
        voice=_voice(get.get("voice")),
        style=_style(get),
        sampling=_sampling(get, defaults),
        seed=_seed(get.get("seed")),
        normalize=instance_of("normalize", get.get("normalize", True), bool, "True or False"),
        lexicon=_lexicon(get.get("lexicon")),
        guards=GuardOptions(
            retries=get.get("retries", GuardOptions.retries),
            words=instance_of("check_words", get.get("check_words", True), bool, "True or False"),
        ),
        segment_seconds=number("segment_seconds", get.get("segment_seconds", SEGMENT_SECONDS), 2, 60),
        tempo=number("tempo", get.get("tempo", 1.0), 0.25, 4),
    )
    if utterance.voice is not None and "gender" in get:
        raise OptionError(
            "gender belongs to a created voice and cannot change a given one; leave one of them out", field="gender"
        )
    return utterance


def _checked_text(text: str) -> str:
    if not isinstance(text, str):
        raise TextError(f"the text is of type {type(text).__name__}; expected a str")
    if not text.strip():
        raise NothingToSpeakError("the text is empty; give at least one character to speak")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise TextError(f"the text has {len(text)} characters; the limit is {MAX_TEXT_CHARACTERS}")
    return _unbroken(text)


def checked_piece(piece: str, half: str) -> tuple[str, str]:
    """(the piece behind `half` of the character before it, half of a character that it ends with)

    UTF-16, which JavaScript has, can be cut between the two halves of an emoji.

    Raises:
        TextError: the piece is not a str, or was decoded wrongly.
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


def _voice(voice: Any) -> Voice | None:
    if voice is not None and not isinstance(voice, Voice):
        expected = "a Voice (see process_prompt and Voice.load)"
        raise OptionError(f"voice is of type {type(voice).__name__}; expected {expected}", field="voice")
    return voice


def _lexicon(lexicon: Any) -> Lexicon | None:
    return None if lexicon is None else instance_of("lexicon", lexicon, Lexicon, "a Lexicon (see Lexicon.load)")


def _style(options: Mapping[str, Any]) -> VoiceStyle | None:
    levels = [options.get(key) for key in ("gender", "pitch", "speed")]
    return None if all(level is None for level in levels) else VoiceStyle.of(*levels)


def _sampling(options: Mapping[str, Any], defaults: SamplingDefaults) -> SamplingOptions:
    names = ("temperature", "top_k", "top_p", "max_new_tokens")
    return SamplingOptions(**{name: options.get(name, getattr(defaults, name)) for name in names})


def _seed(seed: Any) -> int:
    if seed is None:
        return secrets.randbelow(1 << 31)
    return whole_number("seed", seed, 0, MAX_SEED)

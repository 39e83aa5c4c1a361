"""A small part of SSML: pauses, speakers, tempo, pitch and readings inside a text, as parts spoken one after another.

<speak>, <p>, <s>, <break time|strength>, <voice name>, <prosody rate|pitch> and <sub alias>. The text of any other
element is spoken, with a warning.
"""

import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml.common import DefusedXmlException

from sparktts_onnx.errors import TextError, VoiceError

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 50
LONGEST_PAUSE_SECONDS = 60.0
MOST_VOICES = 32
MOST_WARNINGS = 20
SLOWEST, FASTEST = 0.25, 4.0

_ATTRIBUTES = {
    **{"speak": (), "p": (), "s": (), "voice": ("name",), "sub": ("alias",)},
    **{"break": ("time", "strength"), "prosody": ("rate", "pitch")},
}
_SILENCE = {"p": 0.8, "s": 0.4}
"""Seconds around a paragraph and a sentence, as between those of a plain text."""
_PARTING = ("break", "voice", "prosody", *_SILENCE)
_STRENGTHS = {"none": 0.0, "x-weak": 0.15, "weak": 0.25, "medium": 0.4, "strong": 0.8, "x-strong": 1.2}
_LEVELS = (None, "very_low", "low", "moderate", "high", "very_high")
_RATES = dict(zip(("default", "x-slow", "slow", "medium", "fast", "x-fast"), _LEVELS, strict=True))
_PITCHES = dict(zip(("default", "x-low", "low", "medium", "high", "x-high"), _LEVELS, strict=True))
_NUMBER = r"(?:\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})"
_TIME = re.compile(rf"\+?({_NUMBER})(ms|s)")
_RATE = re.compile(rf"[+-]?{_NUMBER}%|{_NUMBER}")


@dataclass(frozen=True)
class Part:
    """A stretch of a text that one voice speaks in one manner."""

    written: str
    """Without markup."""
    spoken: str
    """The same with each alias in place of what it stands for."""
    voice: str | None = None
    """Name of the voice; None for the utterance's own."""
    tempo: float = 1.0
    """Time stretch of the sound."""
    speed: str | None = None
    """The model's level of speed; None for the voice's own."""
    pitch: str | None = None
    """The model's level of pitch; None for the voice's own."""
    pause_seconds: float | None = None
    """Silence after it; None for what fits its last sign."""


@dataclass(frozen=True)
class Ssml:
    """An SSML document as parts."""

    parts: tuple[Part, ...]
    lead_seconds: float = 0.0
    """Silence before the first part."""
    warnings: tuple[str, ...] = ()
    """What is in the document and is not done."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices that speak, each once."""
        return tuple(dict.fromkeys(part.voice for part in self.parts if part.voice is not None))

    @classmethod
    def read(cls, text: str, check_voice: Callable[[str], object] = lambda name: None) -> "Ssml":
        """Read a document.

        Args:
            text: the document, without a DTD; `MAX_CHARACTERS`, and `MAX_DEPTH` elements within one another at most.
            check_voice: called with the name of each voice; raises a `VoiceError` for one that there is not.

        Raises:
            TextError, VoiceError: it cannot be read; with the line and the column.
        """
        if len(text) > MAX_CHARACTERS:
            raise TextError(f"the SSML has {len(text)} characters; the limit is {MAX_CHARACTERS}", field="text")
        from defusedxml.sax import make_parser  # brings a client of HTTP with it, which costs 30 ms

        parser = make_parser()
        reader = _Reader(check_voice, parser)
        parser.forbid_dtd = True
        parser.setContentHandler(reader)
        try:
            parser.feed(text)
            parser.close()
        except SAXParseException as error:
            raise reader.fault(f"{error.getMessage()}; it has to be well-formed XML within <speak>") from error
        except DefusedXmlException as error:
            raise reader.fault("a DTD (<!DOCTYPE …>) is not taken; leave it out") from error
        except UnicodeEncodeError as error:
            raise TextError(f"the text holds {text[error.start]!a}, which is not a character", field="text") from error
        return cls(tuple(reader.parts), reader.lead_seconds, tuple(reader.warnings))


class _Reader(ContentHandler):
    """Takes a document's elements and collects its parts."""

    def __init__(self, check_voice: Callable[[str], object], place: Locator) -> None:
        super().__init__()
        self._place = place
        self._check_voice = check_voice
        self.parts: list[Part] = []
        self.lead_seconds = 0.0
        self.warnings: dict[str, None] = {}
        self._voices: set[str] = set()
        self._manners = [Part("", "")]  # how each open element is spoken, the innermost last
        self._aliases = 0  # open <sub> elements
        self._written: list[str] = []
        self._spoken: list[str] = []
        self._silence: float | None = None  # that elements around what was cut last ask for
        self._breaks: float | None = None  # seconds of the breaks since then

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        given = {key: str(value).strip() for key, value in attrs.items()}
        if len(self._manners) > MAX_DEPTH:
            raise self.fault(f"more than {MAX_DEPTH} elements are within one another")
        if len(self._manners) == 1 and name != "speak":
            raise self.fault(f"the outermost element is <{name[:40]}>; expected <speak>")
        self._warn(name, given)
        if name in _PARTING:
            self._cut(_SILENCE.get(name))
        manner = self._manners[-1]
        if name == "break":
            self._break(given)
        elif name == "voice":
            manner = replace(manner, voice=self._voice(given.get("name")))
        elif name == "prosody":
            manner = self._prosody(manner, given)
        elif name == "sub":
            self._alias(given.get("alias"))
        self._manners.append(manner)

    def endElement(self, name: str) -> None:
        if name in _PARTING:
            self._cut(_SILENCE.get(name))
        elif name == "sub":
            self._aliases -= 1
        self._manners.pop()

    def characters(self, content: str) -> None:
        """Text, in pieces of any size."""
        self._written.append(content)
        self._spoken += [] if self._aliases else [content]

    def endDocument(self) -> None:
        """What was read last is complete."""
        self._cut()
        self._silence = 0.0
        self._settle()

    def fault(self, message: str) -> TextError:
        """An error at the present place."""
        line, column = self._place.getLineNumber(), (self._place.getColumnNumber() or 0) + 1
        return TextError(f"SSML, line {line}, column {column}: {message}", field="text")

    def _cut(self, silence: float | None = None) -> None:
        """A part ends here if there was text, with at least this silence behind it."""
        spoken = " ".join("".join(self._spoken).split())
        if spoken:
            self._settle()
            written = " ".join("".join(self._written).split())
            self.parts.append(replace(self._manners[-1], written=written, spoken=spoken))
        self._written, self._spoken = [], []
        if silence is not None:
            self._silence = max(silence, self._silence or 0.0)

    def _settle(self) -> None:
        """The pause behind the last part is known; breaks go before what elements ask for."""
        if self.parts:
            pause = self._silence if self._breaks is None else self._breaks
            self.parts[-1] = replace(self.parts[-1], pause_seconds=pause)
        else:
            self.lead_seconds = self._breaks or 0.0
        self._silence = self._breaks = None

    def _break(self, given: Mapping[str, str]) -> None:
        time = given.get("time")
        if time is None:
            seconds = self._chosen("strength", given.get("strength", "medium"), _STRENGTHS)
        elif match := _TIME.fullmatch(time):
            seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
        else:
            raise self.fault(f'time is {reprlib.repr(time)}; expected seconds, as in "1.5s" or "500ms"')
        self._breaks = (self._breaks or 0.0) + seconds
        if self._breaks > LONGEST_PAUSE_SECONDS:
            raise self.fault(f"the pause is {self._breaks:g} s; at most {LONGEST_PAUSE_SECONDS:g} s are taken")

    def _voice(self, name: str | None) -> str:
        if not name:
            raise self.fault('<voice> names nobody; expected one, as in <voice name="alloy">')
        if name in self._voices:
            return name
        if len(self._voices) == MOST_VOICES:
            raise self.fault(f"more than {MOST_VOICES} voices speak")
        try:
            self._check_voice(name)
        except VoiceError as error:
            error.args, error.field = self.fault(error.message).args, "text"
            raise
        self._voices.add(name)
        return name

    def _prosody(self, manner: Part, given: Mapping[str, str]) -> Part:
        pitch, rate = given.get("pitch"), given.get("rate")
        if pitch is not None:
            manner = replace(manner, pitch=self._chosen("pitch", pitch, _PITCHES))
        if rate is None:
            return manner
        if _RATE.fullmatch(rate) is None:
            return replace(manner, speed=self._chosen("rate", rate, _RATES), tempo=1.0)
        tempo = float(rate.rstrip("%")) / (100 if "%" in rate else 1) + (rate[0] in "+-")
        if not SLOWEST <= tempo <= FASTEST:
            raise self.fault(f"rate is {reprlib.repr(rate)}; expected {SLOWEST:.0%} to {FASTEST:.0%} of the usual")
        return replace(manner, speed=None, tempo=tempo)

    def _alias(self, alias: str | None) -> None:
        if not alias:
            raise self.fault('<sub> has no alias; expected one, as in <sub alias="World Wide Web">WWW</sub>')
        if not self._aliases:
            self._spoken.append(alias)
        self._aliases += 1

    def _chosen(self, name: str, value: str, choices: Mapping[str, Any]) -> Any:
        if value not in choices:
            raise self.fault(f"{name} is {reprlib.repr(value)}; expected one of {', '.join(choices)}")
        return choices[value]

    def _warn(self, name: str, given: Mapping[str, str]) -> None:
        """Note what is not done; what only describes the document is left alone."""
        unknown = [f"<{name[:40]}> is not known; its text is spoken"]
        if name in _ATTRIBUTES:
            keys = (key for key in given if key not in _ATTRIBUTES[name] and ":" not in key and name != "speak")
            unknown = [f"the {key[:40]} of <{name}> is not done" for key in keys]
        for warning in unknown[: MOST_WARNINGS - len(self.warnings)]:
            self.warnings[f"SSML: {warning}"] = None

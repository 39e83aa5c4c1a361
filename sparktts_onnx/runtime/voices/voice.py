"""A voice: what the model needs to know of a speaker, as an immutable value that can be kept in a small file."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparktts_onnx.audio.parts import whole_file
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.bundle.values import build, shown
from sparktts_onnx.errors import OutputError, VoiceError
from sparktts_onnx.runtime.values import broken_character, path_named
from sparktts_onnx.runtime.voices.style import VoiceStyle

VOICE_FORMAT = "sparktts-onnx voice 1"
_MAX_VOICE_BYTES = 4 << 20
_SHOWN_CHARACTERS = 64
"""Of a name in a message."""


@dataclass(frozen=True)
class Voice:
    """A speaker, as the model hears and speaks one."""

    codec: str
    """Fingerprint of the codec that the ids belong to."""
    global_ids: tuple[int, ...]
    """Timbre: one code for each global token of the codec."""
    semantic_ids: tuple[int, ...] | None = None
    """Content codes of the prompt recording; kept only together with its transcript."""
    transcript: str | None = None
    """What is said in the prompt recording."""
    name: str | None = None
    origin: str | None = None
    """Where the voice came from, for a person to read: a recording's file name, or the style it was created by."""
    style: VoiceStyle | None = None
    """What the model made the voice up from; None for the voice of a recording."""
    consent: str | None = None
    """What the recorded person agreed to, as stated when the voice was enrolled."""

    def __post_init__(self) -> None:
        if (self.semantic_ids is None) != (self.transcript is None):
            raise VoiceError("a voice keeps semantic ids and a transcript together, or neither")
        for ids in (self.global_ids, self.semantic_ids or ()):
            if not isinstance(ids, tuple) or any(type(i) is not int for i in ids):
                raise VoiceError(f"a voice's ids are a tuple of whole numbers; found {str(ids)[:40]}")
        for text in (self.codec, self.transcript or "", self.name or "", self.origin or "", self.consent or ""):
            if not isinstance(text, str) or broken_character(text):
                raise VoiceError(f"a voice is described in text; found {shown(text)}, which is none")
        if not isinstance(self.style, VoiceStyle | None):
            raise VoiceError(f"a voice's style is a VoiceStyle; found {self.style!r}")

    def renamed(self, name: str | None) -> "Voice":
        """The same voice under another name."""
        return dataclasses.replace(self, name=name)

    def save(self, path: str | Path) -> Path:
        """Write the voice to a JSON file, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        path = path_named("the voice file", path)
        fields = dataclasses.asdict(self)
        if self.style is None:
            del fields["style"]  # older readers refuse keys that they do not know
        text = json.dumps({"format": VOICE_FORMAT, **fields}, ensure_ascii=False)
        with changing(path, "written"), whole_file(path) as part:
            part.write_text(text + "\n", encoding="utf-8", newline="\n")
        return path

    @classmethod
    def load(cls, path: str | Path, codec: CodecLayout | None = None) -> "Voice":
        """Read a voice file; with `codec`, see that the voice belongs to it.

        Raises:
            VoiceError: no such file, not a voice, or a voice of another codec.
        """
        path = path_named("the voice file", path)
        try:
            voice = _parse(_read(path))
            if codec is not None:
                check_voice(voice, codec)
        except VoiceError as error:
            error.file = path
            raise
        return voice


@contextmanager
def changing(path: Path, how: str) -> Iterator[None]:
    """What the system refuses in the block is an `OutputError` about a voice file that is `written`, or `deleted`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"the voice cannot be {how}: {error.strerror or error}", file=path) from error


def check_voice(voice: Voice, codec: CodecLayout) -> None:
    """See that a voice can be spoken with a codec.

    Raises:
        VoiceError: the voice belongs to another codec, or its ids are out of the codec's range.
    """
    label = (voice.name or voice.origin or "the voice")[:_SHOWN_CHARACTERS]
    if voice.codec != codec.fingerprint:
        raise VoiceError(
            f"{label} belongs to another codec ({voice.codec[:12]}…); this bundle's codec is "
            f"{codec.fingerprint[:12]}…: enroll the recording again with this bundle"
        )
    if len(voice.global_ids) != codec.global_tokens:
        raise VoiceError(f"{label} has {len(voice.global_ids)} global ids; this codec has {codec.global_tokens}")
    _check_range(label, "global", voice.global_ids, codec.global_codes)
    _check_range(label, "semantic", voice.semantic_ids or (), codec.semantic_codes)


def _check_range(label: str, kind: str, ids: tuple[int, ...], codes: int) -> None:
    if wrong := [i for i in ids if not 0 <= i < codes]:
        raise VoiceError(f"{label} has the {kind} id {wrong[0]}; this codec's are 0 to {codes - 1}")


def _read(path: Path) -> Any:
    try:
        if not path.is_file():
            raise VoiceError("there is no voice file: give the path of one, such as voices/anna.json")
        size = path.stat().st_size
        if size > _MAX_VOICE_BYTES:
            raise VoiceError(f"not a voice file: it has {size} bytes")
        return json.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows put a mark before it
    except OSError as error:
        raise VoiceError(f"the voice file cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise VoiceError(f"not a voice file: {error}") from error


def _parse(data: Any) -> Voice:
    if not isinstance(data, Mapping) or data.get("format") != VOICE_FORMAT:
        found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
        raise VoiceError(f"not a voice file: expected format {VOICE_FORMAT!r}, found {shown(found)}")
    try:
        voice: Voice = build(Voice, {key: value for key, value in data.items() if key != "format"}, "voice")
        if (style := voice.style) and style != VoiceStyle.of(style.gender, style.pitch, style.speed):
            raise ValueError(f"its style is {shown(style)}, which are not the names of levels")
    except (TypeError, ValueError) as error:
        raise VoiceError(f"not a voice: {error}") from error
    if not voice.global_ids:
        raise VoiceError("not a voice: it has no global ids")
    for kind, ids in (("global", voice.global_ids), ("semantic", voice.semantic_ids or ())):
        if (least := min(ids, default=0)) < 0:
            raise VoiceError(f"not a voice: it has the {kind} id {least}; the first is 0")
    return voice

"""Who can speak: kept voices, built-in ones made up by the model, and voices that come with a request."""

import base64
import hashlib
import io
import threading
from collections import OrderedDict
from difflib import get_close_matches
from urllib.parse import unquote_to_bytes

from sparktts_onnx import BuiltInVoices, Enrollment, EnrollOptions, Voice, VoiceLibrary
from sparktts_onnx.errors import RecordingError, VoiceError
from sparktts_onnx.server.engine import SpeechEngine
from sparktts_onnx.server.errors import ApiError
from sparktts_onnx.server.settings import ServerSettings

_REMEMBERED_PROMPTS = 64
_STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")


class VoiceBook:
    """Finds voices for requests; safe to use from several threads. Slow work happens in the caller's thread."""

    def __init__(self, engine: SpeechEngine, settings: ServerSettings) -> None:
        self.library = VoiceLibrary(settings.voices_dir, engine.manifest.codec)
        self._engine = engine
        self._most = settings.max_voices
        self._enroll_options = EnrollOptions(window="best", max_seconds=settings.max_prompt_seconds)
        self._built_in = BuiltInVoices()
        self._prompts: OrderedDict[bytes, Enrollment] = OrderedDict()
        self._prompts_lock = threading.Lock()
        self._keeping = threading.Lock()

    def check(self, name: str, *, otherwise: str = "GET /v1/audio/voices lists all") -> None:
        """See that there is such a voice, without any slow work; `otherwise` is told where no name is like it."""
        if self._built_in_name(name) is not None:
            return
        names = self.library.names()
        if VoiceLibrary.key(name) not in map(VoiceLibrary.key, names):
            near = get_close_matches(name.strip(), (*names, *BuiltInVoices.STYLES), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else otherwise
            raise VoiceError(f"there is no voice {name[:80]!r}: {hint}")
        self.library.get(name)

    def find(self, name: str) -> Voice:
        """The voice of that name: a kept one, else a built-in one."""
        built_in = self._built_in_name(name)
        if built_in is None:
            return self.library.get(name)
        return self._built_in.get(built_in, self._engine.create_voice)

    def enroll(self, recording: bytes, transcript: str | None) -> Enrollment:
        """A voice from the bytes of an audio file; the same bytes are enrolled once."""
        transcript = (transcript or "").strip() or None
        key = hashlib.sha256(recording + b"\0" + (transcript or "").encode("utf-8", "replace")).digest()
        with self._prompts_lock:
            if key in self._prompts:
                self._prompts.move_to_end(key)
                return self._prompts[key]
        enrolled = self._engine.enroll([io.BytesIO(recording)], transcript, options=self._enroll_options)
        with self._prompts_lock:
            self._prompts[key] = enrolled
            if len(self._prompts) > _REMEMBERED_PROMPTS:
                self._prompts.popitem(last=False)
        return enrolled

    def keep(self, voice: Voice, name: str, *, consent: str) -> Voice:
        """Keep a voice, unless there are as many as may be."""
        with self._keeping:
            self.check_room()
            return self.library.add(voice, name, consent=consent)

    def check_room(self) -> None:
        """See that another voice may be kept."""
        if len(self.library.names()) >= self._most:
            problem = f"{self._most} voices are kept already, as many as this server keeps: delete one first"
            raise ApiError(409, problem, code="too_many_voices")

    def _built_in_name(self, name: str) -> str | None:
        """The built-in voice that `name` means; a kept voice of that name goes before it."""
        key = VoiceLibrary.key(name)
        if key not in BuiltInVoices.STYLES or key in map(VoiceLibrary.key, self.library.names()):
            return None
        return key


def recording_of(text: str) -> bytes:
    """The bytes of a `data:` URI, or of plain base64; nothing is ever fetched.

    Raises:
        RecordingError: it is another kind of address, or not base64.
    """
    head, comma, content = text.partition(",") if text.startswith("data:") else ("", "", text)
    if head and not (comma and head.endswith(";base64")):
        raise RecordingError("the data URI of the recording has to be base64: data:audio/wav;base64,…")
    try:
        data = unquote_to_bytes(content) if "%" in content else content.encode("ascii")
        data = data.translate(_STANDARD_BASE64, delete=b" \t\r\n").rstrip(b"=")
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except ValueError as error:
        if head:
            raise RecordingError(f"the recording's base64 is damaged: {error}") from error
        raise RecordingError(
            "the recording has to come in the request, as data:audio/wav;base64,… or as base64: this server fetches "
            "nothing"
        ) from error

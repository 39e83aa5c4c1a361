"""Built-in voices: names whose voices the model makes up, always the same for one bundle."""

import threading
from collections.abc import Callable
from types import MappingProxyType

from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice

_SEED = 20_250_301


class BuiltInVoices:
    """The voices by name, each made when it is first asked for; safe to share between threads."""

    STYLES = MappingProxyType(
        {
            "alloy": VoiceStyle("female", "moderate", "moderate"),
            "ash": VoiceStyle("male", "moderate", "moderate"),
            "ballad": VoiceStyle("male", "high", "low"),
            "cedar": VoiceStyle("male", "low", "moderate"),
            "coral": VoiceStyle("female", "high", "moderate"),
            "echo": VoiceStyle("male", "low", "low"),
            "fable": VoiceStyle("male", "high", "moderate"),
            "marin": VoiceStyle("female", "moderate", "low"),
            "nova": VoiceStyle("female", "high", "high"),
            "onyx": VoiceStyle("male", "very_low", "moderate"),
            "sage": VoiceStyle("female", "low", "moderate"),
            "shimmer": VoiceStyle("female", "very_high", "moderate"),
            "verse": VoiceStyle("male", "moderate", "high"),
        }
    )
    """OpenAI's names, so that clients work unchanged, and the style that each is created with."""

    def __init__(self) -> None:
        self._made: dict[str, Voice] = {}
        self._lock = threading.Lock()

    @staticmethod
    def key(name: str) -> str:
        """What the spellings of one name share."""
        return name.strip().lower()

    def get(self, name: str, create: Callable[..., Voice]) -> Voice:
        """The voice of a name, which is one of `STYLES`; `create` is called as `SparkTTSONNX.create_voice`."""
        key = self.key(name)
        style = self.STYLES[key]
        with self._lock:
            if key not in self._made:
                made = create(gender=style.gender, pitch=style.pitch, speed=style.speed, seed=_SEED)
                self._made[key] = made.renamed(key)
            return self._made[key]

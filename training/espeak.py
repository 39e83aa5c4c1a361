"""espeak-ng as a library: speech with the moments at which its words and phonemes begin."""

import ctypes
import ctypes.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

SAMPLE_RATE = 16000
_SYNCHRONOUS = 2  # with a thread of its own (1), it hangs where it is opened a second time
_PHONEME_EVENTS = 1
_NO_EXIT = 0x8000
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _PITCH, _RANGE = 1, 3, 4
_LIST_END, _WORD, _PHONEME = 0, 1, 7


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class VoiceFile:
    """One espeak-ng voice: formants and pitch, written as a variant file."""

    name: str
    """Plain letters and digits: it becomes a file name."""
    gender: str
    """'female' or 'male'."""
    pitch: float
    """Fundamental frequency in Hz in the middle of the voice's range."""
    spread: float
    """Width of the intonation in Hz; 0 makes the voice monotone."""
    formants: float
    """Formant frequencies relative to the built-in voice, in per cent."""
    tilt: float
    """Strength of the upper formants relative to the built-in voice, in per cent."""

    def text(self) -> str:
        """The file's contents. espeak-ng speaks 9 Hz under the pitch it is told."""
        low, high = self.pitch + 9 - self.spread / 2, self.pitch + 9 + self.spread / 2
        lines = ["language variant", f"name {self.name}", f"gender {self.gender}"]
        lines += [f"pitch {low:.0f} {high:.0f}", "flutter 0" if not self.spread else "flutter 2"]
        for i in range(9):
            strength = 100 if i < 3 else self.tilt
            lines.append(f"formant {i} {self.formants if i else 100:.0f} {strength:.0f} 100")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Speech:
    """What espeak-ng said and when."""

    wave: np.ndarray
    """float32 [N] at 16 kHz."""
    words: list[tuple[float, int, int]]
    """(seconds, first character, number of characters) of each word."""
    phonemes: list[tuple[float, str]]
    """(seconds, espeak-ng's name) of each phoneme; an empty name is silence."""


def data_folder(target: Path, voices: list[VoiceFile]) -> Path:
    """A copy by links of the installed espeak-ng data with our voice files added: the folder to open."""
    installed = _installed_data()
    data = target / "espeak-ng-data"
    (data / "voices" / "!v").mkdir(parents=True, exist_ok=True)
    for entry in installed.iterdir():
        link = data / entry.name
        if entry.name != "voices" and not link.exists():
            link.symlink_to(entry)
    for voice in voices:
        (data / "voices" / "!v" / voice.name).write_text(voice.text())
    return target


def _installed_data() -> Path:
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/share", "/usr/lib"):
        if (Path(folder) / "espeak-ng-data" / "phontab").exists():
            return Path(folder) / "espeak-ng-data"
    raise FileNotFoundError("no espeak-ng-data folder found: install espeak-ng (apt-get install espeak-ng)")


class Espeak:
    """The library, opened once in a process (it keeps its state in globals)."""

    def __init__(self, data: Path) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, os.fsencode(data), _PHONEME_EVENTS | _NO_EXIT)
        if rate <= 0:
            raise RuntimeError(f"espeak-ng did not start with the data in {data}: error {rate}")
        self._rate = int(rate)
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._reset()

    def _reset(self) -> None:
        self._pieces: list[np.ndarray] = []
        self._words: list[tuple[float, int, int]] = []
        self._phonemes: list[tuple[float, str]] = []

    def _receive(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != _LIST_END:
            event = events[i]
            seconds = event.sample / self._rate
            if event.type == _WORD:
                self._words.append((seconds, event.text_position - 1, event.length))
            elif event.type == _PHONEME:
                self._phonemes.append((seconds, bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")))
            i += 1
        return 0

    def speak(self, text: str, voice: str, *, rate: int) -> Speech:
        """Say `text` with a voice file at `rate` words a minute."""
        self._reset()
        if self._library.espeak_SetVoiceByName(f"en-us+{voice}".encode()):
            raise ValueError(f"espeak-ng knows no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, rate, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8 | _END_PAUSE, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        wave = soxr.resample(samples.astype(np.float32) / 32768, self._rate, SAMPLE_RATE, quality="HQ")
        return Speech(wave.astype(np.float32), list(self._words), list(self._phonemes))

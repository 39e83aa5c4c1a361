"""Recordings whose word times are known, as the package ships them: espeak-ng's, with its own word events.

`scripts/make_alignment_recordings.py` makes them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

_FOLDER = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Recording:
    """A sentence read aloud."""

    text: str
    voice: str
    """Whose it is."""
    wave: np.ndarray[Any, Any]
    """float32 [N]."""
    word_starts: dict[int, float]
    """Seconds at which each word begins, by its first character."""


def read_recordings(sample_rate: int) -> list[Recording]:
    """All of them, at a rate in samples a second."""
    joined, rate = soundfile.read(_FOLDER / "speech.ogg", dtype="float32")
    recordings, start = [], 0
    for entry in json.loads((_FOLDER / "speech.json").read_text(encoding="utf-8")):
        wave = soxr.resample(joined[start : start + entry["samples"]], rate, sample_rate)
        start += entry["samples"]
        starts = {int(character): seconds for character, seconds in entry["word_starts"].items()}
        recordings.append(Recording(entry["text"], entry["voice"], wave.astype(np.float32), starts))
    return recordings

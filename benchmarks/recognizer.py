"""A judge of speech: a recognizer that knows nothing of us, and simple acoustics."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

SAMPLE_RATE = 16000
DITHER = 2e-3
"""White noise under the speech, of full scale; the recognizer needs some."""
_MARGIN_SECONDS = 0.2
_FRAME, _HOP = 1024, 320
_LOWEST_HZ, _HIGHEST_HZ = 40, 420

Wave = NDArray[np.float32]


def plain(text: str) -> str:
    """Small letters and single spaces."""
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


class ClosedSet:
    """Which of a few sentences was said."""

    def __init__(self, sentences: Sequence[str]) -> None:
        known = " | ".join(plain(sentence) for sentence in sentences)
        with tempfile.TemporaryDirectory() as folder:
            grammar = Path(folder) / "sentences.gram"
            grammar.write_text(f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {known} ;\n")
            self._decoder = Decoder(jsgf=str(grammar), cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognize(self, wave: Wave) -> str:
        """The plain sentence heard, or nothing."""
        return _decoded(self._decoder, wave)


class Dictation:
    """Any English words."""

    def __init__(self) -> None:
        self._decoder = Decoder(cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognize(self, wave: Wave) -> str:
        """What was heard."""
        return _decoded(self._decoder, wave)


def _decoded(decoder: Decoder, wave: Wave) -> str:
    pause = np.zeros(int(_MARGIN_SECONDS * SAMPLE_RATE), np.float32)
    loud = np.concatenate([pause, wave * (0.6 / max(float(np.abs(wave).max(initial=0.0)), 1e-6)), pause])
    loud = loud + DITHER * np.random.default_rng(0).standard_normal(len(loud))
    decoder.start_utt()
    decoder.process_raw((np.clip(loud, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return str(heard.hypstr) if heard is not None else ""


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Words wrong, missing or too many, and words said."""
    left, right = plain(said).split(), plain(heard).split()
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(left)


def median_pitch(wave: Wave) -> float:
    """Median fundamental frequency in Hz of the voiced parts, 0 where there are none."""
    found = [pitch for start in range(0, len(wave) - _FRAME, _HOP) if (pitch := _pitch(wave[start : start + _FRAME]))]
    return float(np.median(found)) if found else 0.0


def _pitch(frame: Wave) -> float:
    """Pitch of 64 ms by autocorrelation, 0 where the frame is quiet or has no period."""
    frame = frame - frame.mean()
    if float(np.sqrt((frame**2).mean())) < 0.02:
        return 0.0
    spectrum = np.fft.rfft(frame, 2 * _FRAME)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:_FRAME]
    correlation = correlation / correlation[0] / (1 - np.arange(_FRAME) / _FRAME).clip(0.1)
    first, last = SAMPLE_RATE // _HIGHEST_HZ, SAMPLE_RATE // _LOWEST_HZ
    peak = float(correlation[first:last].max())
    if peak < 0.5:
        return 0.0
    # A period's multiples correlate as well as the period: take the first that is nearly as good.
    lags = first + np.flatnonzero(correlation[first:last] > 0.92 * peak)
    lag = int(lags[0])
    while lag + 1 < last and correlation[lag + 1] > correlation[lag]:
        lag += 1
    return SAMPLE_RATE / lag

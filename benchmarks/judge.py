"""A judge that hears: Whisper, the words it got wrong, and how sure a rate of wrong words is."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from benchmarks.sides import Wave

SAMPLE_RATE = 16000
_HOW_TO_GET_IT = (
    "--whisper wants a folder with Whisper in CTranslate2's format, or a model's name such as `base`, which is then "
    "downloaded from the Hugging Face hub; it runs with `pip install --group judge`. The figures in the documents are "
    "Whisper base's"
)
_RESAMPLES = 2000
_FRAME, _HOP, _LOWEST_HZ, _HIGHEST_HZ = 1024, 320, 40, 420
_QUIET, _VOICED = 0.02, 0.5
"""Root mean square, and height of the correlation, from which on a frame has a pitch."""
_TOKENS, _TOKENS_A_SECOND = 8, 8
"""Most that Whisper may write: twice what fast speech has. It can write one word a hundred times for a few seconds."""
_WINDOW_SECONDS = 30
_FILES = ("model.bin", "config.json", "tokenizer.json")

Ear = Callable[[Wave], str]
"""Hears float32 [N] at 16 kHz and writes what was said."""


def whisper(model: str | None, *, threads: int) -> Ear:
    """Whisper as an ear for English.

    Raises:
        SystemExit: no model was named, the folder is incomplete, or faster-whisper is not installed.
    """
    if model is None:
        raise SystemExit(_HOW_TO_GET_IT)
    if missing := [name for name in _FILES if Path(model).is_dir() and not (Path(model) / name).is_file()]:
        raise SystemExit(f"{model} has no {missing[0]}. {_HOW_TO_GET_IT}")
    try:
        from faster_whisper import WhisperModel  # a group of its own: only who judges speech needs it
    except ImportError:
        raise SystemExit(f"faster-whisper is not installed. {_HOW_TO_GET_IT}") from None
    return functools.partial(_hear, WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads))


def _hear(model: Any, wave: Wave) -> str:
    # A temperature of 0 alone: the same sound is always heard the same way.
    seconds = min(len(wave) / SAMPLE_RATE, _WINDOW_SECONDS)
    segments, _ = model.transcribe(
        wave,
        language="en",
        beam_size=5,
        temperature=0.0,
        max_new_tokens=_TOKENS + math.ceil(_TOKENS_A_SECOND * seconds),
        without_timestamps=True,
        condition_on_previous_text=False,
    )
    return "".join(segment.text for segment in segments).strip()


_normalized: Callable[[str], str] = EnglishTextNormalizer({})


def plain(text: str) -> str:
    """Small letters without signs; numbers, titles and short forms written one way."""
    return " ".join(_normalized(text).split())


@dataclass(frozen=True)
class Errors:
    """Words of one sentence."""

    wrong: int
    """Substituted, missing or too many."""
    words: int
    """That were to be said."""


def word_errors(said: str, heard: str) -> Errors:
    """Compare what was to be said with what was heard."""
    found = jiwer.process_words(plain(said), plain(heard))
    wrong = found.substitutions + found.deletions + found.insertions
    return Errors(wrong, found.substitutions + found.deletions + found.hits)


def rate(errors: Sequence[Errors]) -> float:
    """Wrong words over words."""
    return sum(e.wrong for e in errors) / sum(e.words for e in errors)


def interval(errors: Sequence[Errors], others: Sequence[Errors] | None = None) -> tuple[float, float]:
    """95 % bootstrap interval of a rate over its sentences, or of how much it is above that of the same sentences."""
    drawn = np.random.default_rng(0).integers(0, len(errors), (_RESAMPLES, len(errors)))
    rates = _rates(errors, drawn)
    if others is not None:
        rates = rates - _rates(others, drawn)
    low, high = np.quantile(rates, (0.025, 0.975))
    return float(low), float(high)


def _rates(errors: Sequence[Errors], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rates of the sentences that were drawn: float64 [resamples]."""
    wrong, words = (np.array([getattr(e, key) for e in errors])[drawn].sum(axis=1) for key in ("wrong", "words"))
    found: NDArray[np.float64] = wrong / words
    return found


def median_pitch(wave: Wave) -> float:
    """Median fundamental frequency in Hz of the voiced parts, by autocorrelation; 0 where there are none."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FRAME)[::_HOP]
    frames = frames[frames.std(axis=1) > _QUIET]
    spectrum = np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), 2 * _FRAME)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :_FRAME]
    correlation /= correlation[:, :1] * (1 - np.arange(_FRAME) / _FRAME).clip(0.1)
    first, last = SAMPLE_RATE // _HIGHEST_HZ, SAMPLE_RATE // _LOWEST_HZ
    voiced = correlation[:, first:last]
    voiced = voiced[voiced.max(axis=1, initial=0.0) >= _VOICED]
    if not len(voiced):
        return 0.0
    # A period's multiples correlate as well as the period: the top of the first hill that is nearly as high.
    near = (voiced > 0.92 * voiced.max(axis=1, keepdims=True)).argmax(axis=1)
    lags = [first + n + int(row[n : n + (first + n) // 4].argmax()) for row, n in zip(voiced, near, strict=True)]
    return float(SAMPLE_RATE / np.median(lags))

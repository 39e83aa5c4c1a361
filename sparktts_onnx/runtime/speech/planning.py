"""From an utterance to the segments that it is spoken in."""

import logging

from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import NothingToSpeakError
from sparktts_onnx.runtime.speech.request import Utterance
from sparktts_onnx.runtime.speech.segment import Segment
from sparktts_onnx.runtime.voices.style import LEVELS, VoiceStyle
from sparktts_onnx.text.alignment import written_parts
from sparktts_onnx.text.characters import unspoken_scripts
from sparktts_onnx.text.duration import expected_tokens, is_speakable, token_bounds
from sparktts_onnx.text.normalize import normalize
from sparktts_onnx.text.segments import TextSegment, split

_log = logging.getLogger(__name__)

SPEEDS = (0.6, 0.8, 1.0, 1.3, 1.7)
"""Rough rate of speech at each level of a style's speed, for planning lengths only."""


def plan_segments(utterance: Utterance, codec: CodecLayout) -> tuple[Segment, ...]:
    """Apply the lexicon, normalize, split, and set the bounds of every segment.

    Letters of a script that the model does not speak are reported as a warning.

    Raises:
        NothingToSpeakError: nothing is left to speak.
    """
    rate = codec.sample_rate / codec.hop_length
    budget = int(utterance.segment_seconds * rate)
    spoken = spoken_text(utterance)
    segments = split(spoken, budget, lambda text: expected_tokens(text, tokens_per_second=rate))
    segments = tuple(segment for segment in segments if is_speakable(segment.text))
    if not segments:
        raise NothingToSpeakError(f"there is nothing to speak in {utterance.text[:40]!r}; give at least one word")
    if scripts := unspoken_scripts(spoken):
        _log.warning(
            "the text has letters in %s; the model speaks English and Chinese: such words come out wrong or not at all",
            " and ".join(scripts),
        )
    written = written_parts(utterance.text, spoken, [segment.start for segment in segments])
    return tuple(
        _planned(utterance, segment, part, index, rate)
        for index, (segment, part) in enumerate(zip(segments, written, strict=True))
    )


def spoken_text(utterance: Utterance) -> str:
    """The text as it will be spoken: the lexicon's words, then numbers and the like written out."""
    text = utterance.text if utterance.lexicon is None else utterance.lexicon.apply(utterance.text)
    return normalize(text) if utterance.normalize else text


def _planned(utterance: Utterance, segment: TextSegment, written: str, index: int, rate: float) -> Segment:
    return Segment(
        text=segment.text,
        written=written,
        voice=utterance.voice,
        style=utterance.style,
        sampling=utterance.sampling,
        seed=utterance.seed,
        index=index,
        token_bounds=token_bounds(segment.text, _speed(utterance.style), tokens_per_second=rate),
        guards=utterance.guards,
        pause_seconds=segment.pause_seconds,
    )


def _speed(style: VoiceStyle | None) -> float:
    return 1.0 if style is None else SPEEDS[LEVELS.index(style.speed)]

"""From an utterance to the segments that it is spoken in."""

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import NothingToSpeakError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions
from sparktts_onnx.runtime.speech.feed import TextFeed
from sparktts_onnx.runtime.speech.request import Utterance
from sparktts_onnx.runtime.speech.segment import Segment, Segments
from sparktts_onnx.runtime.voices.style import LEVELS, VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.alignment import written_parts
from sparktts_onnx.text.boundaries import pause_after
from sparktts_onnx.text.characters import unspoken_scripts
from sparktts_onnx.text.duration import expected_tokens, is_speakable, token_bounds
from sparktts_onnx.text.normalize import NormalizeOptions, normalize
from sparktts_onnx.text.pieces import PiecewiseText
from sparktts_onnx.text.quotations import Strength
from sparktts_onnx.text.segments import Segmenter, TextSegment
from sparktts_onnx.text.ssml import Part

_log = logging.getLogger(__name__)

SPEEDS = (0.6, 0.8, 1.0, 1.3, 1.7)
"""Rough rate of speech at each level of a style's speed, for planning lengths only."""


def plan(
    utterance: Utterance,
    text: str | TextFeed,
    chunks: StreamOptions | None,
    codec: CodecLayout,
    cancellation: Cancellation,
) -> Segments:
    """The segments of an utterance; where `text` comes in pieces, as it is written."""
    early = chunks is not None and chunks.first_segment == "clause"
    if not isinstance(text, TextFeed):
        return Segments(plan_segments(utterance, codec, early=early))
    pieces = text.pieces(cancellation, None if chunks is None else chunks.flush_seconds)
    return Segments(plan_pieces(utterance, pieces, codec, early=early))


def plan_segments(utterance: Utterance, codec: CodecLayout, *, early: bool = False) -> tuple[Segment, ...]:
    """Apply the lexicon, normalize, split, and set the bounds of every segment; the first ends `early`, with a clause.

    Letters of a script that the model does not speak are reported as a warning.
    """
    rate = codec.sample_rate / codec.hop_length
    planned: list[Segment] = []
    lead = utterance.document.lead_seconds
    for part in utterance.document.parts:
        found = _part_planned(utterance, part, rate, index=len(planned), early=early and not planned)
        planned += found
        if planned and not found and part.pause_seconds:
            pause = planned[-1].pause_seconds + part.pause_seconds
            planned[-1] = dataclasses.replace(planned[-1], pause_seconds=pause)
        elif not planned:
            lead += part.pause_seconds or 0.0
    if not planned:
        raise NothingToSpeakError(f"there is nothing to speak in {utterance.text[:40]!r}; give at least one word")
    _warn_of_scripts(unspoken_scripts(" ".join(segment.text for segment in planned)))
    if any(segment.tempo != 1.0 for segment in planned):
        load_av("changing the speed of speech")
    planned[0] = dataclasses.replace(planned[0], lead_seconds=lead)
    if utterance.document.parts[-1].pause_seconds is not None:
        planned[-1] = dataclasses.replace(planned[-1], tail_seconds=planned[-1].pause_seconds)
    return tuple(planned)


def _part_planned(utterance: Utterance, part: Part, rate: float, *, index: int, early: bool) -> list[Segment]:
    """The segments of one part, numbered from `index` on; the pause behind the last is the part's."""
    spoken = spoken_text(utterance, part.spoken)
    segments = _segmenter(utterance, rate, early=early).whole(spoken)
    segments = tuple(segment for segment in segments if is_speakable(segment.text))
    if not segments:
        return []
    written = written_parts(part.written, spoken, [segment.start for segment in segments])
    planned = [
        _planned(utterance, part, segment, text, number, rate)
        for number, (segment, text) in enumerate(zip(segments, written, strict=True), index)
    ]
    pause = part.pause_seconds
    if pause is None:
        pause = pause_after(segments[-1].text, Strength.NONE, is_last=part is utterance.document.parts[-1])
    return [*planned[:-1], dataclasses.replace(planned[-1], pause_seconds=pause)]


def plan_pieces(
    utterance: Utterance, pieces: Iterable[str | None], codec: CodecLayout, *, early: bool = False
) -> Iterator[Segment]:
    """As `plan_segments` of all pieces together, each segment as soon as it is certain; None ends one there."""
    rate = codec.sample_rate / codec.hop_length
    spoken = partial(spoken_text, utterance)
    text = PiecewiseText(spoken, _segmenter(utterance, rate, early=early))
    index, scripts = 0, set[str]()
    for piece in chain(pieces, [None]):
        found = text.finish() if piece is None else text.feed(piece)
        if piece is None:
            found = [(_with_pause(segment), written) for segment, written in found]
            text = PiecewiseText(spoken, _segmenter(utterance, rate, early=early and index + len(found) == 0))
        for segment, written in found:
            if new := set(unspoken_scripts(segment.text)) - scripts:
                _warn_of_scripts(sorted(new))
                scripts |= new
            yield _planned(utterance, Part("", ""), segment, written, index, rate)
            index += 1
    if index == 0:
        raise NothingToSpeakError("there is nothing to speak in the text; give at least one word")


def _segmenter(utterance: Utterance, rate: float, *, early: bool) -> Segmenter:
    budget = int(utterance.segment_seconds * rate)
    return Segmenter(budget, lambda text: expected_tokens(text, tokens_per_second=rate), early=early)


def _with_pause(segment: TextSegment) -> TextSegment:
    """With what its last sign asks for, also where nothing is known to follow."""
    least = pause_after(segment.text, Strength.NONE, is_last=False)
    return dataclasses.replace(segment, pause_seconds=max(segment.pause_seconds, least))


def _warn_of_scripts(scripts: Sequence[str]) -> None:
    if scripts:
        _log.warning(
            "the text has letters in %s; the model speaks English and Chinese: such words come out wrong or not at all",
            " and ".join(scripts),
        )


def spoken_text(utterance: Utterance, text: str) -> str:
    """A text as it will be spoken: the lexicon's words, then numbers and the like written out."""
    text = text if utterance.lexicon is None else utterance.lexicon.apply(text)
    return normalize(text, NormalizeOptions(fallback=utterance.language)) if utterance.normalize else text


def _planned(utterance: Utterance, part: Part, segment: TextSegment, written: str, index: int, rate: float) -> Segment:
    voice, style, tempo = _manner(utterance, part)
    speed = 1.0 if style is None else SPEEDS[LEVELS.index(style.speed)]
    return Segment(
        text=segment.text,
        written=written,
        voice=voice,
        style=style,
        sampling=utterance.sampling,
        seed=utterance.seed,
        index=index,
        token_bounds=token_bounds(segment.text, speed, tokens_per_second=rate),
        retries=utterance.retries,
        check_words=utterance.check_words,
        pause_seconds=segment.pause_seconds,
        tempo=tempo,
    )


def _manner(utterance: Utterance, part: Part) -> tuple[Voice | None, VoiceStyle | None, float]:
    """Who speaks a part, the style that is asked of the model, and the tempo; a voice without levels is stretched."""
    voice, created = utterance.speaker(part)
    if part.pitch is None and part.speed is None:
        return voice, utterance.style if part.voice is None else None, part.tempo
    if created is None:
        return voice, None, part.tempo * SPEEDS[LEVELS.index(part.speed or "moderate")]
    style = dataclasses.replace(created, pitch=part.pitch or created.pitch, speed=part.speed or created.speed)
    return voice, style, part.tempo

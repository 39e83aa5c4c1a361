"""Speaks one segment: attempts, judged, until one is kept; its sound as events.

An attempt that nobody has heard can be rejected for any reason, and the next one draws with another seed. Where all are
rejected, the least implausible is kept. An attempt that was heard cannot be taken back: it ends where a guard stops it.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import OptionError, TextError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions, VocoderStream
from sparktts_onnx.runtime.language.grammar import CreationGrammar, SpeechGrammar
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.speech.attempt import AnswerGrammar, Attempt
from sparktts_onnx.runtime.speech.report import Clock
from sparktts_onnx.runtime.speech.segment import Chunk, Event, Segment, SegmentBegins, SegmentEnds
from sparktts_onnx.runtime.speech.words import WordWatch


class SegmentSpeaker:
    """Speaks segments with one bundle; safe to share between threads."""

    def __init__(self, manifest: Manifest, prompter: Prompter, scheduler: Scheduler, vocoder: Vocoder) -> None:
        self._manifest = manifest
        self._prompter = prompter
        self._scheduler = scheduler
        self._vocoder = vocoder

    def close(self) -> None:
        """End all answers, and wait until the language model has stopped."""
        self._scheduler.close()

    def speak(
        self,
        segment: Segment,
        chunks: StreamOptions | None,
        cancellation: Cancellation,
        written: Callable[[], None] = lambda: None,
    ) -> Iterator[Event]:
        """Events of one segment.

        Args:
            chunks: how to cut the sound; None gives it whole, so that every attempt can still be rejected.
            written: called when the language model has probably written the last token of the segment.

        Raises:
            GenerationError: cancelled, or a graph failed.
            OptionError: no attempt holds any speech.
            TextError: the prompt leaves no room for an answer.
        """
        work = _Work(segment, self._vocoder, cancellation)
        tried: list[Attempt] = []
        while len(tried) < segment.attempts:
            # An answer that is neither heard yet nor followed by another is better whole than cut.
            stops = chunks is not None or len(tried) + 1 < segment.attempts
            attempt = self._attempt(segment, len(tried), stops_for_words=stops)
            tried.append(attempt)
            yield from work.write(attempt, chunks)
            if attempt.plausible or work.heard or len(tried) == segment.attempts:
                written()
            if work.heard:
                break
            if attempt.plausible:
                attempt.listen(work.sound(attempt))
            if attempt.plausible:
                break
        kept = attempt if work.heard or attempt.plausible else min(tried, key=lambda each: each.distance)
        yield from work.finish(kept, retries=len(tried) - 1)

    def _attempt(self, segment: Segment, number: int, *, stops_for_words: bool) -> Attempt:
        prompt, grammar = self._prompt(segment)
        positions = self._manifest.language_model.max_positions
        room = positions - len(prompt)
        if room < grammar.before_speech + max(1, segment.token_bounds.shortest):
            raise TextError(
                f"a segment of {len(segment.text)} characters makes a prompt of {len(prompt)} tokens, and the language "
                f"model holds {positions}: use shorter segments, or a voice without a transcript"
            )
        limit = min(segment.sampling.max_new_tokens, room)
        sampling = dataclasses.replace(segment.sampling, max_new_tokens=limit)
        words = self._watch(segment)
        attention = None if words is None else words.attention
        request = Request(prompt, grammar, sampling, segment.attempt_seed(number), attention)
        return Attempt(
            segment, request, grammar, self._scheduler, self._manifest, words, stops_for_words=stops_for_words
        )

    def _watch(self, segment: Segment) -> WordWatch | None:
        """What follows the words of an attempt, where the bundle has the heads for it."""
        alignment, codec = self._manifest.alignment, self._manifest.codec
        if alignment is None or not alignment.heads:
            return None
        transcript = None if segment.style is not None or segment.voice is None else segment.voice.transcript
        text = self._prompter.locate(segment.text, transcript or "")
        return WordWatch(alignment, text, frame_seconds=codec.hop_length / codec.sample_rate)

    def _prompt(self, segment: Segment) -> tuple[tuple[int, ...], AnswerGrammar]:
        ids, codec, voice = self._manifest.token_ids, self._manifest.codec, segment.voice
        if segment.style is not None:
            speaker = None if voice is None else voice.global_ids
            return self._prompter.create(segment.text, segment.style), CreationGrammar(ids, codec, speaker=speaker)
        assert voice is not None, "a segment has a voice or a style"
        continues = voice.semantic_ids is not None
        return self._prompter.clone(segment.text, voice), SpeechGrammar(ids, codec, continues=continues)


class _Work:
    """The sound of one segment's attempts, and the time they take."""

    def __init__(self, segment: Segment, vocoder: Vocoder, cancellation: Cancellation) -> None:
        self._segment = segment
        self._vocoder = vocoder
        self._cancellation = cancellation
        self._stream: VocoderStream | None = None
        self._clock = Clock(listened=False)

    @property
    def heard(self) -> bool:
        """Whether some of the present attempt was given out."""
        return self._stream is not None

    def write(self, attempt: Attempt, chunks: StreamOptions | None) -> Iterator[Event]:
        """Let the language model write an attempt; its sound as it comes, from the first chunk that can be made on."""
        needed = math.inf if chunks is None else chunks.tokens_before_sound(self._vocoder.context)
        tokens = attempt.run(self._cancellation)
        while (token := self._written(tokens)) is not None:
            if self._stream is not None:
                yield from self._push(attempt, [token])
            elif chunks is not None and len(attempt.semantic_ids) >= needed:
                d_vector = self._vocoder.d_vector(attempt.voice.global_ids)
                self._stream = VocoderStream(self._vocoder, d_vector, chunks, check=self._cancellation.check)
                yield SegmentBegins(self._segment, attempt.voice)
                yield from self._push(attempt, attempt.semantic_ids)

    def sound(self, attempt: Attempt) -> Wave:
        """The whole sound of an attempt that is written and was not heard, float32 [N]."""
        if not attempt.sound:
            ids, speaker = attempt.semantic_ids, attempt.voice.global_ids
            with self._clock.timing("vocoder"):
                attempt.sound.append(self._vocoder.decode(ids, speaker, check=self._cancellation.check))
        return attempt.sound[0]

    def finish(self, attempt: Attempt, *, retries: int) -> Iterator[Event]:
        """What was not heard yet of the attempt that is kept, and how it went."""
        if not attempt.semantic_ids:  # it was cut off before its first, which only its limit can do
            raise OptionError(
                f"max_new_tokens is {self._segment.sampling.max_new_tokens}, which ends {self._segment.text[:40]!r} "
                "before its first sound; leave it out, or allow more",
                field="max_new_tokens",
            )
        if self._stream is None:
            wav = self.sound(attempt)
            yield SegmentBegins(self._segment, attempt.voice)
            yield Chunk(wav)
        else:
            with self._clock.timing("vocoder"):
                rest = self._stream.finish()
            attempt.listen(np.concatenate([*attempt.sound, rest]))
            yield Chunk(rest)
        yield SegmentEnds(
            segment=self._segment,
            tokens=len(attempt.semantic_ids),
            stop_reason=attempt.stop_reason,
            retries=retries,
            seconds=self._clock.stages,
            words=attempt.words,
        )

    def _written(self, tokens: Iterator[int]) -> int | None:
        with self._clock.timing("language_model"):
            return next(tokens, None)

    def _push(self, attempt: Attempt, tokens: list[int]) -> Iterator[Chunk]:
        assert self._stream is not None
        for token in tokens:
            with self._clock.timing("vocoder"):
                wav = self._stream.push(token)
            if wav is not None:
                attempt.sound.append(wav)
                yield Chunk(wav, attempt.heard(sum(map(len, attempt.sound)) / self._vocoder.codec.sample_rate))

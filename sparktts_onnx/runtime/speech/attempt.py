"""One attempt at a segment: an answer of the language model, watched while it is written and judged when it ends."""

import math
from collections.abc import Iterator

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.language.grammar import CreationGrammar, SpeechGrammar
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.speech import guards
from sparktts_onnx.runtime.speech.guards import LENGTH, SILENCE, TOO_SHORT
from sparktts_onnx.runtime.speech.result import END
from sparktts_onnx.runtime.speech.segment import HeardWord, Segment
from sparktts_onnx.runtime.speech.words import Evidence, WordWatch
from sparktts_onnx.runtime.voices.voice import Voice

AnswerGrammar = SpeechGrammar | CreationGrammar


class Attempt:
    """One answer to a segment."""

    def __init__(
        self,
        segment: Segment,
        request: Request,
        grammar: AnswerGrammar,
        scheduler: Scheduler,
        manifest: Manifest,
        words: WordWatch | None = None,
        *,
        stops_for_words: bool = True,
    ) -> None:
        """`words` watches the attention that the request records.

        `stops_for_words`: whether wrong words end the answer while it is written; at its end they are judged anyway.
        """
        self._segment = segment
        self._request = request
        self._grammar = grammar
        self._scheduler = scheduler
        self._manifest = manifest
        self._words = words
        self._stops_for_words = stops_for_words and segment.check_words
        self._evidence: Evidence | None = None
        self._silence = 0.0
        self.semantic_ids: list[int] = []
        self.sound: list[Wave] = []
        """What was made of it so far: pieces, float32 [N]."""
        self.stop_reason = LENGTH
        """`end` or `length` where no guard rejects the attempt, else the guard."""

    @property
    def voice(self) -> Voice:
        """Who speaks: the segment's voice, or the one that is made up, complete as soon as there is a semantic id."""
        if self._segment.voice is not None:
            return self._segment.voice
        assert isinstance(self._grammar, CreationGrammar), "without a voice the answer makes one up"
        style, made = self._segment.style, tuple(self._grammar.global_ids)
        return Voice(self._manifest.codec.fingerprint, made, style=style, origin=f"created: {style}")

    @property
    def plausible(self) -> bool:
        """Whether no guard rejects the attempt."""
        return self.stop_reason in (END, LENGTH)

    @property
    def distance(self) -> tuple[float, float]:
        """How implausible the attempt is, by its words and then by its sound; the best has the smallest distance."""
        if not self.semantic_ids:
            return math.inf, math.inf
        words = self._evidence.score if self._evidence is not None and self._segment.check_words else 0.0
        silence = self._silence if self.stop_reason == SILENCE else 0.0
        return words, guards.distance(self.semantic_ids, self._segment.token_bounds) + silence

    @property
    def words(self) -> tuple[HeardWord, ...] | None:
        """When each word of the text is heard, once the attempt is written; None where the bundle cannot tell."""
        return None if self._evidence is None else self._evidence.words

    def heard(self, seconds: float) -> tuple[HeardWord, ...] | None:
        """The same while the attempt is being written: those that end within the first `seconds` of its sound."""
        return None if self._words is None else self._words.heard(seconds)

    def run(self, cancellation: Cancellation) -> Iterator[int]:
        """Semantic ids as they come; afterwards `stop_reason` says why they ended."""
        semantic, bounds = self._manifest.token_ids.semantic_tokens, self._segment.token_bounds
        answer = self._scheduler.generate(self._request, cancellation)
        try:
            for step, token in enumerate(answer):
                cancellation.check()
                number = token - semantic.first
                if not 0 <= number < semantic.count:
                    continue
                self.semantic_ids.append(number)
                yield number
                fault = None if self._words is None else self._words.push(step)
                fault = guards.unfinished_fault(self.semantic_ids, bounds) or (fault if self._stops_for_words else None)
                if fault is not None:
                    self.stop_reason = fault
                    return
        finally:
            answer.close()
            if self._words is not None and self.semantic_ids:
                self._evidence = self._words.finish()
        cancellation.check()
        self.stop_reason = self._verdict() or (END if self._grammar.ended else LENGTH)

    def _verdict(self) -> str | None:
        """The guard that rejects the attempt now that it is written. Words are missing where a limit cut it off."""
        if len(self.semantic_ids) < max(1, self._segment.token_bounds.shortest):
            return TOO_SHORT
        words = self._evidence if self._grammar.ended and self._segment.check_words else None
        return None if words is None else words.fault

    def listen(self, wav: Wave) -> None:
        """Judge the attempt's sound, float32 [N]; the verdict of another guard stands."""
        self._silence = guards.longest_silence(wav, self._manifest.codec.sample_rate)
        if self.plausible and self._silence > guards.MOST_SILENCE_SECONDS:
            self.stop_reason = SILENCE

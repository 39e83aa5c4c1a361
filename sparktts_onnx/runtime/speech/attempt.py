"""One attempt at a segment: an answer of the language model, watched while it is written and judged when it ends."""

from collections.abc import Iterator

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.language.grammar import CreationGrammar, SpeechGrammar
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.speech.guards import LENGTH, SILENCE, TOO_SHORT, LengthGuard, longest_silence
from sparktts_onnx.runtime.speech.result import END
from sparktts_onnx.runtime.speech.segment import Segment

AnswerGrammar = SpeechGrammar | CreationGrammar


class Attempt:
    """One answer to a segment."""

    def __init__(
        self, segment: Segment, request: Request, grammar: AnswerGrammar, scheduler: Scheduler, manifest: Manifest
    ) -> None:
        self._segment = segment
        self._request = request
        self._grammar = grammar
        self._scheduler = scheduler
        self._manifest = manifest
        self._guard = LengthGuard(segment.token_bounds, segment.guards)
        self._silence = 0.0
        self.semantic_ids: list[int] = []
        self.sound: list[Wave] = []
        """What was made of it so far: pieces, float32 [N]."""
        self.stop_reason = LENGTH
        """`end` or `length` where no guard rejects the attempt, else the guard."""

    @property
    def global_ids(self) -> tuple[int, ...]:
        """Speaker codes; complete as soon as there is a semantic id."""
        if isinstance(self._grammar, CreationGrammar):
            return tuple(self._grammar.global_ids)
        return () if self._segment.voice is None else self._segment.voice.global_ids

    @property
    def plausible(self) -> bool:
        """Whether no guard rejects the attempt."""
        return self.stop_reason in (END, LENGTH)

    @property
    def distance(self) -> float:
        """How implausible the attempt is; the best has the smallest distance, 0 is plausible."""
        return self._guard.distance(self.semantic_ids) + (self._silence if self.stop_reason == SILENCE else 0.0)

    def run(self, cancellation: Cancellation) -> Iterator[int]:
        """Semantic ids as they come; afterwards `stop_reason` says why they ended.

        Raises:
            GenerationError: `cancellation` ended the answer, or the model failed.
        """
        semantic = self._manifest.token_ids.semantic_tokens
        answer = self._scheduler.generate(self._request, cancellation)
        try:
            for token in answer:
                cancellation.check()
                number = token - semantic.first
                if not 0 <= number < semantic.count:
                    continue
                self.semantic_ids.append(number)
                yield number
                if verdict := self._guard.watch(self.semantic_ids):
                    self.stop_reason = verdict
                    return
        finally:
            answer.close()
        cancellation.check()
        verdict = self._guard.judge(self.semantic_ids) if self.semantic_ids else TOO_SHORT
        self.stop_reason = verdict or (END if self._grammar.ended else LENGTH)

    def listen(self, wav: Wave) -> None:
        """Judge the attempt's sound, float32 [N]; the verdict of another guard stands."""
        self._silence = longest_silence(wav, self._manifest.codec.sample_rate)
        if self.plausible and self._silence > self._segment.guards.silence_seconds:
            self.stop_reason = SILENCE

"""One segment: from its text to semantic ids and sound, tried again where a guard rejects the attempt."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import GenerationError, OptionError, TextError
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.language.grammar import CreationGrammar, SpeechGrammar
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.speech.guards import (
    LENGTH,
    SILENCE,
    TOO_SHORT,
    GuardOptions,
    LengthGuard,
    longest_silence,
    once_heard,
)
from sparktts_onnx.runtime.speech.result import END
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.duration import TokenBounds

AnswerGrammar = SpeechGrammar | CreationGrammar


@dataclass(frozen=True)
class SegmentPlan:
    """Everything that decides how one segment is spoken."""

    text: str
    """Normalized."""
    written: str
    """The part of the utterance's text that it came from."""
    voice: Voice | None
    style: VoiceStyle | None
    """At least one of voice and style is given."""
    sampling: SamplingOptions
    seed: int
    """Of the whole utterance."""
    index: int
    """Position of the segment in its utterance; attempts draw from (seed, index, attempt)."""
    token_bounds: TokenBounds
    """How many semantic tokens the text can plausibly take."""
    guards: GuardOptions = field(default_factory=GuardOptions)


@dataclass(frozen=True)
class SpokenSegment:
    """A segment as it was spoken."""

    plan: SegmentPlan
    wav: Wave
    global_ids: tuple[int, ...]
    tokens: int
    stop_reason: str
    retries: int
    language_model_seconds: float
    vocoder_seconds: float


class Attempt:
    """One answer of the language model to a segment: iterate it for the semantic ids as they come."""

    def __init__(
        self, plan: SegmentPlan, request: Request, grammar: AnswerGrammar, scheduler: Scheduler, manifest: Manifest
    ) -> None:
        self._request = request
        self._grammar = grammar
        self._scheduler = scheduler
        self._semantic = manifest.token_ids.semantic_tokens
        self._given = () if plan.voice is None else plan.voice.global_ids
        self._guard = LengthGuard(plan.token_bounds, plan.guards)
        self.semantic_ids: list[int] = []
        self.stop_reason = LENGTH

    @property
    def global_ids(self) -> tuple[int, ...]:
        """Speaker codes; complete as soon as there is a semantic id."""
        grammar = self._grammar
        return tuple(grammar.global_ids) if isinstance(grammar, CreationGrammar) else self._given

    @property
    def distance(self) -> float:
        """How implausible the answer's length is; 0 where it is plausible."""
        return self._guard.distance(self.semantic_ids)

    def run(self, cancelled: threading.Event) -> Iterator[int]:
        """Semantic ids as they come; afterwards `stop_reason` tells why they ended."""
        answer = self._scheduler.generate(self._request)
        try:
            for token in answer:
                number = token - self._semantic.first
                if cancelled.is_set():
                    return
                if not 0 <= number < self._semantic.count:
                    continue
                self.semantic_ids.append(number)
                yield number
                if verdict := self._guard.watch(self.semantic_ids):
                    self.stop_reason = verdict
                    return
        finally:
            answer.close()
        self._judge()

    def _judge(self) -> None:
        ended = END if self._grammar.ended else LENGTH
        guard = self._guard.judge(self.semantic_ids) if self.semantic_ids else TOO_SHORT
        self.stop_reason = guard or ended


class SegmentSpeaker:
    """Speaks segments with one bundle; safe to share between threads."""

    def __init__(self, manifest: Manifest, prompter: Prompter, scheduler: Scheduler, vocoder: Vocoder) -> None:
        self._manifest = manifest
        self._prompter = prompter
        self._scheduler = scheduler
        self._vocoder = vocoder

    def speak(self, plan: SegmentPlan, cancelled: threading.Event) -> SpokenSegment:
        """Speak one segment; of several attempts, the first that no guard rejects, else the most plausible.

        Raises:
            GenerationError: `cancelled` was set.
            OptionError: no attempt holds any speech; see `require_speech`.
        """
        spoken: list[tuple[float, SpokenSegment]] = []
        for number in range(self.attempts(plan)):
            distance, segment = self._speak_once(plan, number, cancelled)
            spoken.append((distance, segment))
            if segment.stop_reason in (END, LENGTH):
                break
        best = min(spoken, key=lambda item: item[0])[1]
        require_speech(plan, best.tokens)
        return _with_totals(best, [segment for _, segment in spoken])

    def attempts(self, plan: SegmentPlan) -> int:
        """Attempts that a segment may take; a greedy answer would only repeat itself."""
        return 1 if plan.sampling.temperature == 0 else 1 + plan.guards.retries

    def attempt(self, plan: SegmentPlan, number: int) -> Attempt:
        """The numbered attempt at a segment, not yet run.

        Raises:
            TextError: the prompt leaves no room for an answer.
        """
        prompt, grammar = self._prompt(plan)
        room = self._manifest.language_model.max_positions - len(prompt)
        if room < grammar.before_speech + max(1, plan.token_bounds.shortest):
            raise TextError(
                f"a segment of {len(plan.text)} characters makes a prompt of {len(prompt)} tokens, and the language "
                f"model holds {self._manifest.language_model.max_positions}: use shorter segments, or a voice "
                "without a transcript"
            )
        limit = min(plan.sampling.max_new_tokens, room)
        sampling = dataclasses.replace(plan.sampling, max_new_tokens=limit)
        seed = np.random.SeedSequence([plan.seed, plan.index, number]).generate_state(1, np.uint64)[0]
        request = Request(prompt, grammar, sampling, int(seed))
        return Attempt(plan, request, grammar, self._scheduler, self._manifest)

    def _prompt(self, plan: SegmentPlan) -> tuple[tuple[int, ...], AnswerGrammar]:
        ids, codec = self._manifest.token_ids, self._manifest.codec
        if plan.style is not None:
            speaker = None if plan.voice is None else plan.voice.global_ids
            return self._prompter.create(plan.text, plan.style), CreationGrammar(ids, codec, speaker=speaker)
        assert plan.voice is not None, "a plan has a voice or a style"
        continues = plan.voice.semantic_ids is not None
        return self._prompter.clone(plan.text, plan.voice), SpeechGrammar(ids, codec, continues=continues)

    def _speak_once(self, plan: SegmentPlan, number: int, cancelled: threading.Event) -> tuple[float, SpokenSegment]:
        began = time.perf_counter()
        attempt = self.attempt(plan, number)
        ids = list(attempt.run(cancelled))
        if cancelled.is_set():
            raise GenerationError("the work was stopped before its end")
        written = time.perf_counter()
        wav = self._vocoder.decode(ids, attempt.global_ids) if ids else np.zeros(0, np.float32)
        stop_reason, distance = self._listen(plan, wav, attempt)
        segment = SpokenSegment(
            plan=plan,
            wav=wav,
            global_ids=attempt.global_ids,
            tokens=len(ids),
            stop_reason=stop_reason,
            retries=number,
            language_model_seconds=written - began,
            vocoder_seconds=time.perf_counter() - written,
        )
        return distance, segment

    def _listen(self, plan: SegmentPlan, wav: Wave, attempt: Attempt) -> tuple[str, float]:
        """Stop reason and implausibility of an attempt once its sound is known."""
        silence = longest_silence(wav, self._manifest.codec.sample_rate)
        stop_reason = once_heard(attempt.stop_reason, silence, plan.guards)
        return stop_reason, attempt.distance + (silence if stop_reason == SILENCE else 0)


def require_speech(plan: SegmentPlan, tokens: int) -> None:
    """See that the attempt at a segment that is kept, of so many semantic tokens, can be heard.

    Raises:
        OptionError: the answer was cut off before its first semantic id, which only its limit can do.
    """
    if not tokens:
        raise OptionError(
            f"max_new_tokens is {plan.sampling.max_new_tokens}, which ends {plan.text[:40]!r} before its first sound; "
            "leave it out, or allow more"
        )


def _with_totals(best: SpokenSegment, tried: list[SpokenSegment]) -> SpokenSegment:
    """The kept attempt, told with the number and the time of all of them."""
    return dataclasses.replace(
        best,
        retries=len(tried) - 1,
        language_model_seconds=sum(segment.language_model_seconds for segment in tried),
        vocoder_seconds=sum(segment.vocoder_seconds for segment in tried),
    )

"""Continuous batching: callers in any thread share one language model, a token at a time.

One worker thread owns the model. Before each step it lets answers join and leave; a long prompt is read in pieces
between steps, so that running answers do not wait for all of it. What a caller gets depends on its request alone.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sparktts_onnx.errors import GenerationError, SparkTTSError
from sparktts_onnx.runtime.cancellation import LISTEN_SECONDS, Cancellation, started_thread
from sparktts_onnx.runtime.language.attention import TextAttention
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.sampling import SamplingOptions, sample

PROMPT_PIECE = 128
"""Ids of a prompt that are read in one call. A constant: pieces of other sizes round differently."""
PIECES_BETWEEN_STEPS = 8
"""Most prompts of which a piece is read before those who speak already get their next id."""
_IDLE_SECONDS = 0.5
"""The worker ends when nothing was asked for this long; the next request starts another."""

_log = logging.getLogger(__name__)


class Grammar(Protocol):
    """Which tokens may come next; one fresh object a request."""

    def legal(self) -> Sequence[tuple[int, int]]:
        """Half-open ranges of token ids."""
        ...

    def accept(self, token_id: int) -> bool:
        """Take the next token; True when the answer is over."""
        ...


@dataclass(frozen=True)
class Request:
    """One answer to be written."""

    prompt_ids: tuple[int, ...]
    grammar: Grammar
    sampling: SamplingOptions
    seed: int
    attention: TextAttention | None = None
    """Filled while the answer is written; only where the bundle has alignment heads."""


class _Answer:
    """A request on its way; the worker writes it, one caller reads it."""

    def __init__(self, request: Request, cancellation: Cancellation) -> None:
        self.request = request
        self.cancellation = cancellation
        self.slot = -1
        self.read = 0
        """Prompt ids that the model has read."""
        self.token = -1
        """The last id written, not yet read by the model."""
        self.count = 0
        self.news: queue.SimpleQueue[int | SparkTTSError | None] = queue.SimpleQueue()
        """Ids, then None at the end or an error."""
        self.abandoned = False
        self._rng = np.random.default_rng(request.seed)

    @property
    def wanted(self) -> bool:
        """Whether somebody still reads."""
        return not self.abandoned and not self.cancellation.cancelled

    def stop(self) -> None:
        """Wake the caller, who reads to the end, and free the slot before the next step."""
        self.abandoned = True
        self.news.put(None)

    def choose(self, logits: np.ndarray[Any, Any], first_id: int) -> bool:
        """Write the next id; True when the answer is over."""
        token = _choose(logits, self.request, self._rng, first_id)
        self.token, self.count = token, self.count + 1
        over = self.request.grammar.accept(token) or self.count >= self.request.sampling.max_new_tokens
        self.news.put(token)
        return over


class Scheduler:
    """Writes answers for callers in any thread, as many side by side as the model has slots."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._changed = threading.Condition()
        self._waiting: deque[_Answer] = deque()
        self._running: list[_Answer] = []
        self._worker: threading.Thread | None = None
        self._closed = False

    def generate(self, request: Request, cancellation: Cancellation | None = None) -> Generator[int, None, None]:
        """Token ids as they are written; closing the iterator frees the slot before the next step.

        `cancellation` ends the answer early and wakes who waits for it, also while it waits for a slot.

        Raises:
            GenerationError: the model failed, or the scheduler was closed.
        """
        own = Cancellation()
        answer = _Answer(request, cancellation or own)
        with answer.cancellation.calling(answer.stop):
            self._submit(answer)
            try:
                while (news := self._listen(answer)) is not None:
                    if isinstance(news, SparkTTSError):
                        raise news
                    yield news
                    own.own()
            finally:
                answer.abandoned = True

    def close(self) -> None:
        """Stop at the next step; callers that still wait get an error. Returns when the worker has ended."""
        with self._changed:
            self._closed = True
            worker = self._worker
            self._changed.notify_all()
        if worker is not None and worker is not threading.current_thread():
            worker.join()

    def _submit(self, answer: _Answer) -> None:
        with self._changed:
            if self._closed:
                raise GenerationError("the model was closed; make a new one to go on speaking")
            if self._worker is None:
                self._worker = started_thread(self._work, name="spark-tts-language-model")
            self._waiting.append(answer)
            self._changed.notify_all()

    def _listen(self, answer: _Answer) -> int | SparkTTSError | None:
        while True:
            try:
                return answer.news.get(timeout=LISTEN_SECONDS)
            except queue.Empty:
                worker = self._worker
                if (worker is None or not worker.is_alive()) and answer.news.empty():
                    raise GenerationError("the language model's thread ended; start the process again") from None

    def _work(self) -> None:
        while self._admit():
            try:
                self._advance()
            except Exception as error:  # noqa: BLE001  Not swallowed: it goes to the callers, in their threads.
                self._fail(error)

    def _admit(self) -> bool:
        """Let answers leave and join; False when the worker should end."""
        with self._changed:
            self._running = [answer for answer in self._running if answer.wanted]
            self._waiting = deque(answer for answer in self._waiting if answer.wanted)
            if not self._waiting and not self._running and not self._closed:
                self._changed.wait(_IDLE_SECONDS)
            if self._closed:
                self._dismiss()
            free = sorted(set(range(self._model.slots)) - {answer.slot for answer in self._running})
            while free and self._waiting:
                answer = self._waiting.popleft()
                answer.slot = free.pop(0)
                self._running.append(answer)
            if not self._running:
                self._worker = None
                self._model.release_memory()
            return bool(self._running)

    def _dismiss(self) -> None:
        for answer in (*self._running, *self._waiting):
            answer.news.put(GenerationError("the model was closed while it was speaking"))
        self._running.clear()
        self._waiting.clear()

    def _advance(self) -> None:
        """One step of the answers in the making, and one piece of each prompt that is not read yet.

        Prompts that come together are all read before the next step, which takes about as long for one as for all.
        """
        speaking = [answer for answer in self._running if answer.count]
        if speaking:
            slots = [answer.slot for answer in speaking]
            logits = self._model.step(slots, [answer.token for answer in speaking])
            for answer, slot_logits in zip(speaking, logits, strict=True):
                self._write(answer, slot_logits)
        reading = [answer for answer in self._running if not answer.count]
        for answer in reading[:PIECES_BETWEEN_STEPS]:
            self._read_piece(answer)

    def _read_piece(self, answer: _Answer) -> None:
        ids, start = answer.request.prompt_ids, answer.read
        piece = ids[start : start + PROMPT_PIECE]
        feed = self._model.extend if start else self._model.prefill
        logits = feed(answer.slot, piece)
        answer.read += len(piece)
        if answer.read == len(ids):
            if (attention := answer.request.attention) is not None:
                attention.begin(self._model.keys(answer.slot, attention.columns), len(ids) - 1)
            self._write(answer, logits)

    def _write(self, answer: _Answer, logits: np.ndarray[Any, Any]) -> None:
        """Choose an answer's next id; what goes wrong in one request stays there."""
        if (attention := answer.request.attention) is not None:
            attention.record(self._model.queries(answer.slot))
        try:
            over = answer.choose(logits, self._model.layout.head_first_id)
        except SparkTTSError as error:
            self._end(answer, error)
        else:
            if over:
                self._end(answer, None)

    def _end(self, answer: _Answer, error: SparkTTSError | None) -> None:
        self._running.remove(answer)
        answer.news.put(error)

    def _fail(self, error: Exception) -> None:
        """Tell everybody whose slot took part; those who wait for a slot still get their turn."""
        _log.error("the language model failed", exc_info=error)
        for answer in self._running:
            answer.news.put(GenerationError(f"the language model failed: {error}"))
        self._running.clear()


def _choose(logits: np.ndarray[Any, Any], request: Request, rng: np.random.Generator, first_id: int) -> int:
    """A token id from the legal ranges; `logits` float32 [V] start at `first_id`."""
    spans = request.grammar.legal()
    parts = [logits[start - first_id : stop - first_id] for start, stop in spans]
    index = sample(parts[0] if len(parts) == 1 else np.concatenate(parts), request.sampling, rng)
    for start, stop in spans:
        if index < stop - start:
            return start + index
        index -= stop - start
    raise AssertionError("the index is among the legal ids")

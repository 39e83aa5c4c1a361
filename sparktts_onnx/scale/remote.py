"""The engine of a front end whose model is elsewhere: every call goes to a worker of the cluster."""

import hashlib
import io
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, Self, TypeVar

from ray.exceptions import NodeDiedError, ObjectLostError, RayActorError, RayError, WorkerCrashedError
from ray.serve.exceptions import RayServeException, ReplicaUnavailableError
from ray.serve.handle import DeploymentHandle, DeploymentResponseGenerator

from sparktts_onnx import (
    Enrollment,
    EnrollOptions,
    Manifest,
    SegmentInfo,
    SparkTTSError,
    SpeechInfo,
    StreamOptions,
    TextFeed,
    Voice,
    WordInfo,
)
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.scale.speaker import Chunk, Item

ATTEMPTS = 3
"""Workers that a request may see end before it is given up."""
_ENDED = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, ReplicaUnavailableError)
"""How Ray reports that a worker, or its machine, has ended."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class RemoteEngine:
    """Speaks on the cluster; called from threads of a front end, never from its event loop."""

    def __init__(self, speakers: DeploymentHandle, manifest: Manifest) -> None:
        self._speakers = speakers
        self.manifest = manifest

    def stream(
        self, text: str | TextFeed, *, stream_options: StreamOptions | None = None, **options: Any
    ) -> "RemoteStream":
        """Speak a text on the worker that has least to do, chunk by chunk; a text in pieces once it has ended.

        Which voice speaks does not matter there: a voice is a few hundred numbers that come along, and its prompt
        follows the text, so that nothing computed for one text could be used for another.
        """
        options.setdefault("seed", secrets.randbelow(1 << 31))  # a second attempt has to be the same
        speak = self._speakers.options(method_name="speak", stream=True)
        ask = partial(speak.remote, "stream", stream_options=stream_options, **options)
        return RemoteStream(text, ask)

    def revoice_stream(self, recording: BinaryIO, voice: Voice) -> "RemoteStream":
        """Give a recording another voice, on the worker that has least to do, chunk by chunk."""
        data, speak = recording.read(), self._speakers.options(method_name="speak", stream=True)
        return RemoteStream("", lambda _: speak.remote("revoice_stream", io.BytesIO(data), voice))

    def enroll(
        self, recordings: Sequence[BinaryIO], transcript: str | None = None, *, options: EnrollOptions | None = None
    ) -> Enrollment:
        """A voice from recordings, on the worker that has enrolled them before, if there is one."""
        data = [recording.read() for recording in recordings]
        key = _digest([hashlib.sha256(each).digest() for each in data], transcript, options)
        made: Enrollment = self._make(key, "enroll", list(map(io.BytesIO, data)), transcript, options=options)
        return made

    def create_voice(
        self,
        gender: str | float | None = None,
        pitch: str | float | None = None,
        speed: str | float | None = None,
        *,
        seed: int | None = None,
    ) -> Voice:
        """A voice that the model makes up, on the worker that has made it before, if there is one."""
        key = "" if seed is None else _digest(gender, pitch, speed, seed)
        made: Voice = self._make(key, "create_voice", gender, pitch, speed, seed=seed)
        return made

    def _make(self, key: str, method: str, *arguments: Any, **options: Any) -> Any:
        speakers = self._speakers.options(method_name="make", multiplexed_model_id=key)
        for _ in range(ATTEMPTS):
            try:
                return _checked(speakers.remote(method, *arguments, **options).result())
            except _ENDED:
                _log.warning("a worker ended; asking another")
            except (RayError, RayServeException) as error:
                raise _failed(error) from None
        raise _no_worker()


class RemoteStream:
    """Speech from a worker, as the server's `Stream`; from another one where that ends."""

    def __init__(self, text: str | TextFeed, ask: Callable[[str], DeploymentResponseGenerator[Item]]) -> None:
        """`ask` begins to speak a whole text."""
        self._text = text
        self._ask = ask
        self._lock = threading.Lock()
        self._cancelled = False
        self._response: DeploymentResponseGenerator[Item] | None = None
        self._heard = 0
        """Samples that the listener has."""
        self.words: tuple[WordInfo, ...] | None = None
        self.segments: tuple[SegmentInfo, ...] = ()
        self.info: SpeechInfo | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.cancel()

    def __iter__(self) -> Iterator[Chunk]:
        whole = self._text if isinstance(self._text, str) else "".join(filter(None, self._text.pieces()))
        for _ in range(ATTEMPTS):
            try:
                yield from self._attempt(whole)
                return
            except _ENDED:
                _log.warning("a worker ended while it spoke; another takes over")
            except (RayError, RayServeException) as error:
                if self._cancelled:
                    return
                raise _failed(error) from None
        raise _no_worker()

    def cancel(self) -> None:
        """Stop the work within one step, from any thread; after the end it does nothing."""
        with self._lock:
            self._cancelled = True
            response = self._response
        if isinstance(self._text, TextFeed):
            self._text.close()
        if response is not None and self.info is None:
            response.cancel()

    def _attempt(self, whole: str) -> Iterator[Chunk]:
        """What an attempt adds to what was heard: the same seed gives the same samples, on workers of one kind."""
        skipped = self._heard
        with self._lock:
            if self._cancelled:
                return
            self._response = self._ask(whole)
        self.words, self.segments = None, ()
        for item in self._response:
            answer = _checked(item)
            if isinstance(answer, SpeechInfo):
                self.info, self.words, self.segments = answer, answer.words, answer.segments
                continue
            self.words = None if answer.words is None else (*(self.words or ()), *answer.words)
            self.segments += answer.segments
            fresh = answer.chunk[skipped:]
            skipped -= len(answer.chunk) - len(fresh)
            self._heard += len(fresh)
            if len(fresh):
                yield fresh
        if self.info is None and not self._cancelled:
            raise GenerationError("the worker stopped before all was spoken")


def _checked(answer: _T | SparkTTSError) -> _T:
    """An answer; an error is raised instead."""
    if isinstance(answer, SparkTTSError):
        raise answer
    return answer


def _digest(*values: object) -> str:
    """One name for equal values, on every front end."""
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _failed(error: RayError | RayServeException) -> GenerationError:
    """Only the kind of a failure: what Ray says of it may hold a text, and its log has the place."""
    cause = getattr(error, "cause", None) or error
    return GenerationError(f"the work failed on the cluster ({type(cause).__name__}); its logs have the place")


def _no_worker() -> GenerationError:
    return GenerationError(f"{ATTEMPTS} workers ended while they worked on this; the cluster's logs have the reason")

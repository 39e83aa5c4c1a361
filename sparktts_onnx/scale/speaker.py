"""The worker that holds the model: one a replica, with several answers at once.

Errors leave it as values: raised here, Ray would write them to its logs, and a message may quote a text.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray import serve

from sparktts_onnx import Enrollment, SegmentInfo, SparkTTSError, SpeechInfo, SpeechStream, Voice, WordInfo
from sparktts_onnx.scale.cluster import ModelSettings

KEPT_VOICES = 256
"""Voices that a replica remembers having made: a few kilobytes each."""
_SPARE_THREADS = 2
"""Beside one for each answer: for answers that are being stopped, and for enrolling."""

Chunk = NDArray[np.float32]


@dataclass(frozen=True)
class Piece:
    """A chunk of sound, and what it ends."""

    chunk: Chunk
    words: tuple[WordInfo, ...] | None
    segments: tuple[SegmentInfo, ...]


Item = Piece | SpeechInfo | SparkTTSError
"""Pieces, then one of the others."""

_work: ContextVar[Callable[[], Enrollment | Voice]] = ContextVar("_work")


class Speaker:
    """The library's methods, by name, in threads, for calls that come through Ray."""

    def __init__(self, model: ModelSettings) -> None:
        self._tts = model.open()
        self._tts.bundle.fetch()
        self._threads = ThreadPoolExecutor(model.slots + _SPARE_THREADS, thread_name_prefix="speaker")
        self._tts.inference("This is a test.", gender="female", seed=0)  # the first answer loads and allocates

    def __del__(self) -> None:
        """Ray calls it when the replica ends."""
        if hasattr(self, "_threads"):
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._tts.close()

    async def speak(self, method: str, *arguments: Any, **options: Any) -> AsyncIterator[Item]:
        """What `stream` or `revoice_stream` gives, as it is made. When the caller leaves, the work stops."""
        answer = _Answer(partial(getattr(self._tts, method), *arguments, **options))
        try:
            while (item := await self._in_thread(answer.next)) is not None:
                yield item
        finally:
            answer.cancel()
            self._threads.submit(answer.close)

    async def make(self, method: str, *arguments: Any, **options: Any) -> Enrollment | Voice | SparkTTSError:
        """What `enroll` or `create_voice` gives; what this replica has made before costs nothing."""
        _work.set(partial(getattr(self._tts, method), *arguments, **options))
        key = serve.get_multiplexed_model_id()
        try:
            made: Enrollment | Voice = await (self._made(key) if key else self._make())
        except _FailedError as failed:
            return failed.error
        return made

    @serve.multiplexed(max_num_models_per_replica=KEPT_VOICES)  # type: ignore[untyped-decorator]
    async def _made(self, key: str) -> Enrollment | Voice:
        """Ray keeps what is returned under `key`, so no failure is, and sends further calls with that key here."""
        return await self._make()

    async def _make(self) -> Enrollment | Voice:
        try:
            made: Enrollment | Voice = await self._in_thread(_work.get())
        except SparkTTSError as error:
            raise _FailedError(error) from None
        return made

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Answer:
    """One answer, a step at a time, in whichever thread is free."""

    def __init__(self, begin: Callable[[], SpeechStream]) -> None:
        self._begin = begin
        self._stream: SpeechStream | None = None
        self._items = self._run()
        self._lock = threading.Lock()

    def next(self) -> Item | None:
        """The next item; None after the last."""
        with self._lock:
            return next(self._items, None)

    def cancel(self) -> None:
        """Let the step that runs be the last."""
        if self._stream is not None:
            self._stream.cancel()

    def close(self) -> None:
        """Free the slot, once no step runs."""
        with self._lock:
            self._items.close()

    def _run(self) -> Generator[Item]:
        words = segments = 0  # that were told
        try:
            with self._begin() as stream:
                self._stream = stream
                for chunk in stream:
                    said, ended = stream.words, stream.segments
                    yield Piece(chunk, said and said[words:], ended[segments:])
                    words, segments = len(said or ()), len(ended)
                if stream.info is not None:
                    yield stream.info
        except SparkTTSError as error:
            yield error


class _FailedError(Exception):
    """Takes an error past what Ray keeps. Ray logs its words: they are the kind only."""

    def __init__(self, error: SparkTTSError) -> None:
        super().__init__(type(error).__name__)
        self.error = error

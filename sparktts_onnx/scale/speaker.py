"""The worker that holds the model: one a replica, with several answers at once."""

import asyncio
import io
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import ContextVar
from functools import partial
from typing import Any

from ray import serve

from sparktts_onnx import Enrollment, EnrollOptions, SparkTTSError, SpeechInfo, SpeechStream, StreamOptions, Voice
from sparktts_onnx.scale.cluster import ModelSettings
from sparktts_onnx.scale.messages import Failure, Item, Told

KEPT_VOICES = 256
"""Voices that a replica remembers having made: a few kilobytes each."""
_SPARE_THREADS = 2
"""Beside one for each answer: for answers that are being stopped, and for enrolling."""

Made = Enrollment | Voice | Failure

_maker: ContextVar[Callable[[], Enrollment | Voice]] = ContextVar("_maker")


class Speaker:
    """Speaks and enrolls in threads, for calls that come through Ray."""

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

    async def speak(
        self, text: str, stream_options: StreamOptions | None, options: Mapping[str, Any]
    ) -> AsyncIterator[Item]:
        """Chunks as they are made, then the info; or a failure. When the caller leaves, the work stops."""
        begin = partial(self._tts.stream, text, stream_options=stream_options, **options)
        async with aclosing(self._items(begin)) as items:
            async for item in items:
                yield item

    async def revoice(self, recording: bytes, voice: Voice) -> AsyncIterator[Item]:
        """A recording in another voice; as `speak`."""
        async with aclosing(self._items(lambda: self._tts.revoice_stream(io.BytesIO(recording), voice))) as items:
            async for item in items:
                yield item

    async def _items(self, begin: Callable[[], SpeechStream]) -> AsyncGenerator[Item]:
        steps = _Steps(begin)
        try:
            while (item := await self._in_thread(steps.next)) is not None:
                yield item
        finally:
            steps.cancel()
            self._threads.submit(steps.close)

    async def enroll(self, recordings: list[bytes], transcript: str | None, options: EnrollOptions | None) -> Made:
        """A voice from recordings; one that this replica has made before costs nothing."""
        return await self._once(
            lambda: self._tts.enroll([io.BytesIO(data) for data in recordings], transcript, options=options)
        )

    async def create_voice(self, options: Mapping[str, Any]) -> Made:
        """A voice that the model makes up; as `enroll`."""
        return await self._once(lambda: self._tts.create_voice(**options))

    async def _once(self, make: Callable[[], Enrollment | Voice]) -> Made:
        _maker.set(make)
        key = serve.get_multiplexed_model_id()
        try:
            made: Made = await (self._made(key) if key else self._make())
        except _FailedError as error:
            return error.failure
        return made

    @serve.multiplexed(max_num_models_per_replica=KEPT_VOICES)  # type: ignore[untyped-decorator]
    async def _made(self, key: str) -> Enrollment | Voice:
        """Ray keeps what is returned under `key`, so no failure is, and sends further calls with that key here."""
        return await self._make()

    async def _make(self) -> Enrollment | Voice:
        try:
            made: Enrollment | Voice = await self._in_thread(_maker.get())
        except SparkTTSError as error:
            raise _FailedError(Failure.of(error)) from None
        return made

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Steps:
    """One answer, a step at a time, in whichever thread is free."""

    def __init__(self, begin: Callable[[], SpeechStream]) -> None:
        self._begin = begin
        self._stream: SpeechStream | None = None
        self._lock = threading.Lock()
        self._over = False
        self._waiting: Item | None = None
        self._words = self._segments = 0  # that were told

    def next(self) -> Item | None:
        """The next chunk or what it ends, then the info or a failure, then None."""
        with self._lock:
            if self._over:
                return None
            item, self._waiting = self._waiting, None
            item = self._step() if item is None else item
            self._over = isinstance(item, SpeechInfo | Failure) or item is None
            return item

    def cancel(self) -> None:
        """Let the step that runs be the last."""
        self._over = True
        if self._stream is not None:
            self._stream.cancel()

    def close(self) -> None:
        """Free the slot, once no step runs."""
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def _step(self) -> Item | None:
        try:
            if self._stream is None:
                self._stream = self._begin()
            chunk = next(self._stream, None)
        except SparkTTSError as error:
            return Failure.of(error)
        item = self._stream.info if chunk is None else chunk
        words, segments = self._stream.words, self._stream.segments
        if len(words or ()) == self._words and len(segments) == self._segments:
            return item
        told = Told(words and words[self._words :], segments[self._segments :])
        self._waiting, self._words, self._segments = item, len(words or ()), len(segments)
        return told


class _FailedError(Exception):
    """Takes a failure past what Ray keeps. Ray logs its words: they are the kind only."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind.__name__)
        self.failure = failure

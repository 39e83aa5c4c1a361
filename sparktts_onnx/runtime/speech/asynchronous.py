"""Streams for async code: a thread of each stream's own takes the sound, a task writes its text."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.runtime.speech.feed import TextFeed
from sparktts_onnx.runtime.speech.streaming import SpeechStream
from sparktts_onnx.threads import starting_threads

_T = TypeVar("_T")
Writing = Coroutine[None, None, None]


class AsyncSpeechStream(AsyncIterator[Wave]):
    """Chunks of speech, float32 [N] each, as soon as they can be made.

    Iterate it with `async for`; leave early with `aclose`, by using it with `async with`, or by cancelling the task.
    """

    def __init__(self, begin: Callable[[], SpeechStream], write: Callable[[], Writing] | None = None) -> None:
        """`begin` makes the stream, in its thread; `write` writes its text meanwhile."""
        self._begin = begin
        self._write = write
        self._writer: asyncio.Task[None] | None = None
        self._cancelled = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="astream")
        self.stream: SpeechStream | None = None
        """The stream behind it, from the first chunk on: `info`, `words` and `segments` are there."""

    async def __anext__(self) -> Wave:
        if self._write is not None and self._writer is None:
            self._writer = asyncio.create_task(self._write())
        try:
            chunk = None if self._cancelled else await self._in_thread(self._next)
        except BaseException:
            self.cancel()
            raise
        if chunk is None:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def cancel(self) -> None:
        """Stop the work at its next step without waiting for it; the iteration ends."""
        self._cancelled = True
        if self._writer is not None:
            self._writer.cancel()
        if self.stream is not None:
            self.stream.cancel()

    async def aclose(self) -> None:
        """Stop the work and wait until it has stopped; safe to call at any time, more than once."""
        self.cancel()
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self.stream is not None:
            await self._in_thread(self.stream.close)

    def _in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        with starting_threads():
            return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _next(self) -> Wave | None:
        if self.stream is None:
            self.stream = self._begin()
        if self._cancelled:
            self.stream.cancel()
        return next(self.stream, None)


async def write_all(text: AsyncIterable[str], feed: TextFeed) -> None:
    """Write what an async iterable gives, and how it ends."""
    error: BaseException | None = None
    try:
        async for piece in text:
            feed.write(piece)
    except BaseException as raised:  # noqa: BLE001  Not swallowed: who takes the speech gets it.
        error = raised
    feed.close(error)

"""The server's state: the engine, the voices, the places for work and the threads that do it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from sparktts_onnx import BuiltInVoices
from sparktts_onnx.errors import GenerationError, OptionError, VoiceError
from sparktts_onnx.server.admission import Admission
from sparktts_onnx.server.engine import SpeechEngine
from sparktts_onnx.server.errors import ApiError, from_library
from sparktts_onnx.server.job import Order, SpeechJob
from sparktts_onnx.server.logs import fields, place
from sparktts_onnx.server.metrics import Metrics
from sparktts_onnx.server.settings import ServerSettings
from sparktts_onnx.server.voicebook import VoiceBook
from sparktts_onnx.threads import starting_threads

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class SpeechService:
    """Everything that requests share; one for each app, used from one event loop."""

    def __init__(self, engine: SpeechEngine, settings: ServerSettings) -> None:
        """Over an engine, which stays the caller's to close.

        Raises:
            OptionError: the default voice cannot speak.
        """
        self.engine = engine
        self.settings = settings
        self.voices = VoiceBook(engine, settings)
        self._check_default_voice()
        self.admission = Admission(settings.slots, settings.queue_size, settings.most_inside)
        self.metrics = Metrics(self.admission)
        self.parsing = asyncio.Lock()
        """One large body at a time is turned into values."""
        self.state = "warming up"
        """`ready`, or why not."""
        self._threads = ThreadPoolExecutor(settings.slots, thread_name_prefix="speech")
        self._jobs: set[SpeechJob] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Requests are taken at once, while a first sentence is spoken; behind the block every thread is free."""
        warming = asyncio.create_task(self._warm_up())
        try:
            yield
        finally:
            self.state = "stopping"
            self.admission.stop()
            warming.cancel()
            for job in tuple(self._jobs):
                job.cancel()
            try:
                await in_thread(self._threads.shutdown)
            except ApiError:  # no thread can be started: nobody is served any more who would be held up
                self._threads.shutdown()

    def make_job(self, order: Order) -> SpeechJob:
        """An answer that is not begun yet; whoever made it has to cancel it in the end."""
        return SpeechJob(self.engine, order, self.settings.max_buffer_bytes)

    async def begin(self, job: SpeechJob) -> None:
        """Wait for a place, then start an answer; its place is free again as soon as its last sound is made.

        Raises:
            ApiError: 429 or 503 where there is no place.
        """
        begun = self._run(job.run, await self.admission.enter())
        self._jobs.add(job)
        begun.add_done_callback(lambda _: self._finished(job))

    async def do(self, work: Callable[[], _T]) -> _T:
        """Do other slow work for a client, in its turn.

        Raises:
            ApiError: 429, 503 or 504 where there is no place, or it took too long.
        """
        async with deadline(self.settings.request_seconds):
            leave = await self.admission.enter()
            return await asyncio.shield(self._run(work, leave))

    def _run(self, work: Callable[[], _T], leave: Callable[[], None]) -> asyncio.Future[_T]:
        try:
            with starting_threads():
                future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except GenerationError:
            leave()
            raise
        future.add_done_callback(lambda _: leave())
        return future

    def _finished(self, job: SpeechJob) -> None:
        self._jobs.discard(job)
        if job.info is not None:
            self.metrics.spoken(job.info)

    def _check_default_voice(self) -> None:
        try:
            self.voices.check(self.settings.default_voice, otherwise=f"built in are {', '.join(BuiltInVoices.STYLES)}")
        except VoiceError as error:
            raise OptionError(f"the default voice cannot speak: {error}", field="default_voice") from error

    async def _warm_up(self) -> None:
        began = time.monotonic()
        name = self.settings.default_voice
        job = self.make_job(Order("This is a test.", {"seed": 0}, lambda: {"voice": self.voices.find(name)}, "pcm"))
        try:
            await self.begin(job)
            while await job.read() is not None:
                pass
        except Exception as error:  # noqa: BLE001  Not swallowed: /ready and the log report it.
            self.state = "failed to warm up"
            _log.error("warm-up failed", extra=fields(**place(error), reason=str(error)))
        else:
            self.state = "ready"
            _log.info("ready", extra=fields(warm_up_seconds=round(time.monotonic() - began, 3)))
        finally:
            job.cancel()


async def in_thread(work: Callable[..., _T], *given: Any) -> _T:
    """Do short work beside the event loop.

    Raises:
        ApiError: 500, no thread can be started.
    """
    try:
        with starting_threads():
            begun = asyncio.get_running_loop().run_in_executor(None, partial(work, *given))
    except GenerationError as error:
        raise from_library(error) from error
    return await begun


@contextlib.asynccontextmanager
async def deadline(seconds: float, *, since: float | None = None) -> AsyncIterator[None]:
    """A time limit that the client is informed of, from now on or from a moment of `time.monotonic`."""
    try:
        async with asyncio.timeout(seconds if since is None else since + seconds - time.monotonic()):
            yield
    except TimeoutError:
        raise ApiError(504, f"this took longer than {seconds:g} s, the limit of this server", code="timeout") from None


def service_of(request: HTTPConnection) -> SpeechService:
    """The service of the app that a request came to."""
    service = request.app.state.service
    assert isinstance(service, SpeechService)
    return service


Service = Annotated[SpeechService, Depends(service_of)]
"""What a route declares to get it."""

"""One answer on its way to a client: waiting for it, watching the client, and recording how it ended."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from sparktts_onnx import SegmentInfo, SparkTTSError, Voice, WordInfo
from sparktts_onnx.server.errors import ApiError, field_at_fault, from_library, note, reported
from sparktts_onnx.server.job import Order
from sparktts_onnx.server.middleware import Unfinished
from sparktts_onnx.server.service import SpeechService, deadline

HELD_SECONDS = 0.09
"""The end of a last word that is kept back while a pause may follow it: soft sounds, a fade, what a resampler holds."""

_T = TypeVar("_T")


class Answer:
    """The event loop's side of a job."""

    def __init__(
        self, order: Order, service: SpeechService, log: dict[str, Any], request: Request | None = None
    ) -> None:
        """`request` is watched for its client's leaving until the first bytes."""
        self._order = order
        self._service = service
        self._request = request
        self._arrived = 0.0
        self._job = service.make_job(order)
        self._told = self._told_segments = 0
        self._log = log
        self._log["format"] = order.file_format
        self.characters = len(order.text) if isinstance(order.text, str) else 0
        """Of the text so far."""

    @property
    def content_type(self) -> str:
        """Media type of the sound; known with the first bytes."""
        return "application/octet-stream" if self._job.encoder is None else self._job.encoder.content_type

    @property
    def headers(self) -> dict[str, str]:
        """What is worth knowing before the first sound; known with the first bytes."""
        rate = self._order.sample_rate if self._job.encoder is None else self._job.encoder.sample_rate
        seed = {"X-Seed": str(self._order.options["seed"])} if "seed" in self._order.options else {}
        return {"X-Sample-Rate": str(rate), "X-Accel-Buffering": "no", **seed}

    async def begin(self) -> bytes:
        """Wait for a place and for the first bytes."""
        self._arrived = time.monotonic()
        try:
            first = await self._first()
        except SparkTTSError as error:
            self.close()
            raise self._refusal(error) from error
        except BaseException as error:
            self.close(client_left=isinstance(error, ClientDisconnect))
            raise
        if self._job.first_sound is not None:
            self._timed("first_audio_seconds", self._service.metrics.first_audio_seconds, self._job.first_sound)
        return first

    async def _first(self) -> bytes:
        async with deadline(self._service.settings.request_seconds):
            await self._while_connected(self._service.begin(self._job))
            self._timed("queue_seconds", self._service.metrics.queue_seconds, time.monotonic())
            first = await self._while_connected(self._job.read())
        if first is None:
            raise ApiError(503, "the server stopped before anything was spoken", code="stopping")
        return first

    async def _while_connected(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of `work`; ClientDisconnect is raised, and the work cancelled, where the client leaves first."""
        if self._request is None:
            return await work
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(self._request.receive))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientDisconnect
            return task.result()
        finally:
            task.cancel()
            gone.cancel()

    async def audio(self, first: bytes) -> AsyncIterator[bytes]:
        """All bytes; one that breaks off raises, so that nobody takes it for whole."""
        try:
            async for piece in self.pieces(first):
                yield piece
        except (SparkTTSError, ApiError) as error:
            self.failed(error)
            raise Unfinished from error

    async def events(self, first: bytes) -> AsyncIterator[bytes]:
        """The same as server-sent events, with a summary at the end."""
        try:
            async for piece in self.pieces(first):
                audio = base64.b64encode(piece).decode("ascii")
                yield self._words_event() + event({"type": "speech.audio.delta", "audio": audio})
        except (SparkTTSError, ApiError) as error:
            yield event({"type": "error", **self.failed(error).body()})
        else:
            yield self._words_event() + event({"type": "speech.audio.done", **self.done()})

    def close(self, *, client_left: bool = False) -> None:
        """Stop what still runs, and log how it went."""
        job = self._job
        self._log["characters"] = self.characters
        if client_left and not job.done and "code" not in self._log:
            self._service.metrics.abandoned.inc()
        job.cancel()
        if (info := job.info) is not None:
            self._log.update(
                audio_seconds=round(info.duration_seconds, 3),
                real_time_factor=round(info.real_time_factor, 3),
                tokens=info.tokens,
                segments=len(info.segments),
                retries=sum(segment.retries for segment in info.segments),
                stop_reason=info.stop_reason,
            )

    async def pieces(self, first: bytes) -> AsyncIterator[bytes]:
        """All bytes, with the reason raised where they break off."""
        yield first
        while True:
            async with deadline(self._service.settings.request_seconds, since=self._arrived):
                piece = await self._job.read()
            if piece is None:
                break
            yield piece
        if self._job.info is None:
            raise ApiError(503, "the server stopped before all was spoken", code="stopping")

    def _words_event(self) -> bytes:
        words = self.new_words() if self._order.words else []
        return event({"type": "speech.audio.words", "words": words}) if words else b""

    @property
    def voice(self) -> Voice | None:
        """Who spoke; known at the end."""
        return None if self._job.info is None else self._job.info.voice

    def new_words(self) -> list[dict[str, Any]]:
        """Words of the sound made so far that were not given yet."""
        words = (self._job.words or ())[self._told :]
        self._told += len(words)
        return [as_json(word) for word in words]

    def new_segments(self) -> Iterator[dict[str, Any]]:
        """Segments of the sound made so far that were not given yet."""
        for index, segment in enumerate(self._job.segments[self._told_segments :], self._told_segments):
            self._told_segments += 1
            yield {"index": index, "text": segment.written, **_span(segment)}

    def sent(self, size: int) -> dict[str, Any]:
        """What the first `size` bytes hold: seconds, and words where the bundle can tell."""
        seconds = self._job.seconds_in(size)
        words = [as_json(word) for word in self._job.heard or () if word.end_seconds <= seconds + HELD_SECONDS]
        can_tell = self._service.engine.manifest.no_word_times is None
        return {"sent_seconds": round(seconds, 3), "words": words if can_tell else None}

    def failed(self, error: Exception) -> ApiError:
        """The error as the client sees it; it is logged."""
        told = self._refusal(error) if isinstance(error, SparkTTSError) else reported(error)
        note(self._log, told)
        return told

    def _refusal(self, error: SparkTTSError) -> ApiError:
        param = field_at_fault(error, self._order.options)
        if self._order.recording is not None and param == "ref_audio":
            param = "file"
        refusal = from_library(error, param=param)
        refusal.__cause__ = error
        return refusal

    def done(self) -> dict[str, Any]:
        """The summary of an answer that ended well."""
        info = self._job.info
        assert info is not None, "an answer that ended well has its info"
        tokens = {"input_tokens": self.characters, "output_tokens": info.tokens}
        done: dict[str, Any] = {"usage": {**tokens, "total_tokens": sum(tokens.values())}, "info": info.to_dict()}
        del done["info"]["words"]
        if self._order.words:
            reason = self._service.engine.manifest.no_word_times
            done["words"] = [as_json(word) for word in info.words or ()] if reason is None else None
            done["words_problem"] = reason
        return done

    def _timed(self, name: str, histogram: Any, moment: float) -> None:
        seconds = moment - self._arrived
        histogram.observe(seconds)
        self._log[name] = round(seconds, 4)


class SpeechResponse(StreamingResponse):
    """Streams an answer, and ends its work however the streaming ends."""

    def __init__(self, answer: Answer, content: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(content, headers=answer.headers, media_type=media_type)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. What is not sent to its end has lost its client, unless the server itself stops it."""
        client_left = True
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            client_left = False
            raise
        finally:
            self._answer.close(client_left=client_left)


def as_json(word: WordInfo) -> dict[str, Any]:
    """A word as OpenAI's transcriptions have it."""
    return {"word": word.text, **_span(word)}


def _span(part: WordInfo | SegmentInfo) -> dict[str, float]:
    return {"start": round(part.start_seconds, 3), "end": round(part.end_seconds, 3)}


def event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""The Wyoming protocol, by which Home Assistant speaks: text whole or in pieces in, sound out while it is made.

A connection has one answer at a time. A task of its own sends it, so that a client that leaves is noticed at once.
"""

import asyncio
import dataclasses
import logging
from contextlib import suppress
from functools import partial
from typing import Any, cast
from urllib.parse import urlparse

from sparktts_onnx import SparkTTSError, StreamOptions, TextFeed, __version__
from sparktts_onnx.errors import MissingDependencyError, OptionError
from sparktts_onnx.server.content import checked
from sparktts_onnx.server.errors import ApiError, note, reported
from sparktts_onnx.server.job import Order
from sparktts_onnx.server.logs import fields, place
from sparktts_onnx.server.schemas import SpeechRequest, StartMessage
from sparktts_onnx.server.service import SpeechService, deadline, in_thread
from sparktts_onnx.server.settings import is_loopback
from sparktts_onnx.server.speech import check_length, make_order, order_for
from sparktts_onnx.server.voices import list_voices

try:
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.error import Error
    from wyoming.event import Event, Eventable
    from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
    from wyoming.ping import Ping, Pong
    from wyoming.server import AsyncEventHandler, AsyncServer
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
    )
except ModuleNotFoundError as error:
    raise MissingDependencyError("the Wyoming protocol", needs="wyoming", extra="wyoming") from error

_log = logging.getLogger(__name__)
_LANGUAGES = ["en", "zh"]
_ATTRIBUTION = Attribution(name="SparkAudio", url="https://github.com/SparkAudio/Spark-TTS")
IDLE_SECONDS = 300.0
"""A connection without an answer under way is closed where no event comes for so long."""
_PIECES = StreamOptions(first_segment="clause")
_NO_EVENT = (AttributeError, EOFError, KeyError, RecursionError, TypeError, UnicodeEncodeError)
"""What the package raises for bytes that are no event, and for events without what they must hold; the last for a pong
with half a character."""


class WyomingConversation(AsyncEventHandler):
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, service: SpeechService) -> None:
        super().__init__(cast(asyncio.StreamReader, _Bounded(reader, service.settings.max_body_bytes)), writer)
        self._service = service
        self._feed: TextFeed | None = None  # of the text in pieces that is open
        self._characters = 0
        self._answering: asyncio.Task[None] | None = None
        self._patience = self._listen()

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        try:
            await super().run()
        except (OSError, *_NO_EVENT) as error:  # the client is gone, or sends what is no event
            _log.info("connection lost", extra=fields(**place(error)))

    async def handle_event(self, event: Event) -> bool:
        """Take an event; False ends the connection."""
        self._patience.cancel()
        self._patience = self._listen()
        try:
            await self._take(event)
        except (ApiError, SparkTTSError) as error:
            await self._fail(error)
            return False
        except _NO_EVENT:
            await self._fail(ApiError(400, f"the event {event.type[:80]!r} lacks what it must hold", code="invalid"))
            return False
        return True

    async def disconnect(self) -> None:
        """Stop what is under way: the client has left."""
        self._patience.cancel()
        if self._feed is not None:
            self._feed.close()
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.wait([self._answering])

    def _listen(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(IDLE_SECONDS, self._idle)

    def _idle(self) -> None:
        """Nothing came for long: whoever hears an answer may be silent, others have left."""
        if self._answering is not None and not self._answering.done():
            self._patience = self._listen()
        else:
            self.writer.transport.abort()

    async def _take(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._send(await in_thread(_info, self._service))
        elif Ping.is_type(event.type):
            await self._send(Pong(text=Ping.from_event(event).text))
        elif SynthesizeStart.is_type(event.type):
            await self._start(SynthesizeStart.from_event(event))
        elif SynthesizeChunk.is_type(event.type):
            text = SynthesizeChunk.from_event(event).text
            self._characters += len(text)
            check_length(self._characters, self._service)
            self._open().write(text)
        elif SynthesizeStop.is_type(event.type):
            self._open().close()
            self._feed = None
        elif Synthesize.is_type(event.type) and self._feed is None:  # else for servers that take no pieces
            whole = Synthesize.from_event(event)
            await self._answer(partial(make_order, self._request(whole, input=whole.text), self._service))

    def _open(self) -> TextFeed:
        if self._feed is None:
            raise ApiError(400, "no text is open; send synthesize-start first", code="no_text")
        return self._feed

    async def _start(self, start: SynthesizeStart) -> None:
        if self._feed is not None:
            raise ApiError(400, "a text is open; send synthesize-stop first", code="text_open")
        self._feed, self._characters = TextFeed(), 0
        body = self._request(start)
        await self._answer(partial(order_for, body, self._feed, self._service), in_pieces=True)

    def _request(self, event: Synthesize | SynthesizeStart, **values: Any) -> SpeechRequest:
        rate = self._service.engine.manifest.codec.sample_rate
        values |= {"voice": event.voice and event.voice.name, "response_format": "pcm", "sample_rate": rate}
        values["input_format"] = event.text_format or "text"
        return checked(values, SpeechRequest if "input" in values else StartMessage)

    async def _answer(self, order: partial[Order], *, in_pieces: bool = False) -> None:
        """Begin an answer, behind the one before."""
        if self._answering is not None:
            await asyncio.wait([self._answering])
        self._answering = asyncio.create_task(self._speak(order, in_pieces=in_pieces))

    async def _speak(self, order: partial[Order], *, in_pieces: bool) -> None:
        try:
            async with deadline(self._service.settings.request_seconds):
                await self._send_sound(await in_thread(order), in_pieces=in_pieces)
        except ConnectionError:
            self.writer.close()
        except Exception as error:  # noqa: BLE001  Not swallowed: the client gets it, or the log.
            await self._fail(error)

    async def _send_sound(self, order: Order, *, in_pieces: bool) -> None:
        form = {"rate": cast(int, order.sample_rate), "width": 2, "channels": 1}
        if in_pieces:
            order = dataclasses.replace(order, stream_options=_PIECES)
        with self._service.admission.room():
            job = self._service.make_job(order)
            try:
                await self._service.begin(job)
                await self._send(AudioStart(**form))
                while (sound := await job.read()) is not None:
                    await self._send(AudioChunk(audio=sound, **form))
            finally:
                job.cancel()
        await self._send(AudioStop())
        if in_pieces:
            await self._send(SynthesizeStopped())

    async def _fail(self, error: Exception) -> None:
        """Tell the client what is wrong and end the connection: an answer that it waits for does not come."""
        told, log = reported(error), dict[str, Any]()
        note(log, told)
        if told.status_code >= 500:
            _log.error("an answer failed", extra=fields(**log))
        with suppress(ConnectionError):
            await self._send(Error(text=told.detail, code=told.code))
        self.writer.close()

    async def _send(self, event: Eventable) -> None:
        try:
            async with asyncio.timeout(self._service.settings.stall_seconds):
                await self.write_event(event.event())
        except TimeoutError:
            raise ConnectionAbortedError("the client takes nothing any more") from None


class _Bounded:
    """A reader that takes no larger event than a request may be: the package reads whatever length is announced."""

    def __init__(self, reader: asyncio.StreamReader, most: int) -> None:
        self._reader = reader
        self._most = most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def readexactly(self, size: int) -> bytes:
        if size > self._most:
            raise ConnectionAbortedError(f"an event of {size} bytes; the limit is {self._most}")
        return await self._reader.readexactly(size)


def _info(service: SpeechService) -> Info:
    voices = [
        TtsVoice(voice.name, _ATTRIBUTION, True, voice.prompt, None, _LANGUAGES)
        for voice in list_voices(service).data
        if voice.problem is None
    ]
    about = "Spark-TTS on ONNX Runtime"
    program = TtsProgram(
        "spark-tts", _ATTRIBUTION, True, about, __version__, voices, supports_synthesize_streaming=True
    )
    return Info(tts=[program])


def server_for(uri: str) -> AsyncServer:
    """A server for an address; one that others can reach is warned of.

    Raises:
        OptionError: it is no address.
    """
    try:
        server, address = AsyncServer.from_uri(uri), urlparse(uri)
    except ValueError as error:
        raise OptionError(
            f"uri is {uri!r}: {error}; expected one such as tcp://127.0.0.1:10200", field="uri"
        ) from error
    if address.scheme == "tcp" and not is_loopback(address.hostname or ""):
        _log.warning("%s lets everybody who reaches it speak: the Wyoming protocol has no key", uri)
    return server


def serve_wyoming(service: SpeechService, uri: str) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        OptionError: the address cannot be listened on.
    """
    server = server_for(uri)

    async def serve() -> None:
        async with service.running():
            _log.info("listening", extra=fields(address=uri))
            await server.run(partial(WyomingConversation, service=service))

    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve())
    except OSError as error:
        raise OptionError(f"cannot listen on {uri}: {error.strerror or error}; choose another", field="uri") from error

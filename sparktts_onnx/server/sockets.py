"""`GET /v1/audio/speech/stream`: a WebSocket. Text comes in while it is written, sound goes out while it is made.

One utterance at a time: `start`, `text` …, `end`. A task of its own sends what is made; the connection's own task reads
on meanwhile, so that a `cancel` or a client that leaves is noticed at once.
"""

import asyncio
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.status import WS_1012_SERVICE_RESTART

from sparktts_onnx import FORMATS, SparkTTSError, StreamOptions, TextFeed
from sparktts_onnx.server.answer import Answer
from sparktts_onnx.server.content import MOST_OTHER_VALUES, checked, json_object
from sparktts_onnx.server.errors import ApiError
from sparktts_onnx.server.job import Order
from sparktts_onnx.server.middleware import Unfinished, record
from sparktts_onnx.server.schemas import StartMessage, TextMessage
from sparktts_onnx.server.service import SpeechService, in_thread, service_of
from sparktts_onnx.server.speech import check_length, order_for

PATH = "/v1/audio/speech/stream"
_FRAME_BYTES = 16 << 10
"""Longest audio message: what is under way cannot be cancelled."""
_VOICE = ("voice", "ref_audio", "style")

router = APIRouter()


@router.websocket(PATH)
async def converse(websocket: WebSocket) -> None:
    """Speak the utterances of one client."""
    await SocketConversation(websocket, service_of(websocket)).run()


class _Utterance:
    """One utterance: its text comes in, its answer goes out."""

    def __init__(self, number: int, order: Order, service: SpeechService, log: dict[str, Any]) -> None:
        assert isinstance(order.text, TextFeed)
        self.number = number
        self.feed = order.text
        self.voice = order.voice
        self.began = time.monotonic()
        self.log = log
        self.answer = Answer(order, service, log)
        self.task: asyncio.Task[None] | None = None
        self.complete = False
        """Whether its text has ended."""
        self.sent = 0
        """Bytes of sound."""
        self.room = ExitStack()
        self.room.enter_context(service.admission.room())


class SocketConversation:
    """One connection: utterances one after another, with one voice unless the client names another."""

    def __init__(self, websocket: WebSocket, service: SpeechService) -> None:
        self._socket = websocket
        self._service = service
        self._number = 0
        self._present: _Utterance | None = None
        self._dropping = False
        """Whether the last utterance was cut off or refused: what still comes of its text is nobody's fault."""
        self._voice: Callable[[], Mapping[str, Any]] | None = None
        self._leaving = False
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        await self._socket.accept()
        self._socket.state.leave = self._leave
        stopped = True
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._read()
                stopped = False
                if self._present is not None and self._present.task is not None:
                    self._present.task.cancel()
        except* (WebSocketDisconnect, Unfinished):  # its task has noticed first
            stopped = False
        finally:
            if self._present is not None:
                self._end(self._present, 503 if stopped else 499, client_left=not stopped)
            self._socket.state.log["utterances"] = self._number

    async def _read(self) -> None:
        while True:
            waits = self._present is not None and not self._present.complete
            try:
                async with asyncio.timeout(self._service.settings.stall_seconds if waits else None):
                    message = await self._socket.receive()
            except TimeoutError:
                await self._stalled()
                continue
            if message["type"] == "websocket.disconnect":
                return
            if self._closing is not None:
                continue
            try:
                await self._take(message.get("text"))
            except ApiError as error:  # an utterance that is open goes on
                await self._send("error", utterance=None, **error.body())

    async def _take(self, message: str | None) -> None:
        if message is None:
            raise ApiError(400, "a binary message came; expected JSON in text messages", code="invalid_request")
        if sum(map(message.count, ",[{")) > MOST_OTHER_VALUES + self._service.settings.max_text_characters:
            raise ApiError(400, "the message holds too many values: leave out other fields", code="too_complex")
        data = json_object(message, "the message")
        kind = data.get("type")
        if kind == "start":
            await self._start(data)
        elif kind == "cancel":
            await self._cancel()
        elif kind in ("text", "flush", "end"):
            text = checked(data, TextMessage).text if kind == "text" else ""
            if self._present is not None and not self._present.complete:
                await self._more(self._present, kind, text)
            elif not self._dropping:
                raise ApiError(409, f"{kind} came where no text is open: send start first", code="no_utterance")
        else:
            message = f"the message's type is {str(kind)[:80]!r}; expected start, text, flush, end or cancel"
            raise ApiError(400, message, code="invalid_value", param="type")

    async def _start(self, data: Mapping[str, Any]) -> None:
        if self._present is not None:
            message = "an utterance is open: wait for its done, or cancel it"
            raise ApiError(409, message, code="utterance_open")
        self._dropping = True  # unless it is taken
        body = checked(data, StartMessage)
        order = await in_thread(order_for, body, TextFeed(), self._service)
        if self._voice is None or any(getattr(body, name) is not None for name in _VOICE):
            self._voice = functools.cache(order.voice)
        options = StreamOptions(first_segment=body.first_segment, flush_seconds=body.flush_seconds)
        order = dataclasses.replace(order, voice=self._voice, stream_options=options)
        log = {"request_id": self._socket.state.log["request_id"], "utterance": self._number + 1, "status": 200}
        self._present = utterance = _Utterance(self._number + 1, order, self._service, log)
        self._number, self._dropping = utterance.number, False
        form, rate = FORMATS[order.file_format], order.sample_rate or self._service.engine.manifest.codec.sample_rate
        await self._send(
            "started",
            utterance=utterance.number,
            content_type=form.content_type,
            sample_rate=form.carried_rate(rate),
            seed=order.options["seed"],
            word_times=self._service.engine.manifest.no_word_times is None,
        )
        if body.input:
            await self._more(utterance, "text", body.input)

    async def _more(self, utterance: _Utterance, kind: str, text: str) -> None:
        try:
            if kind == "text":
                check_length(utterance.answer.characters + len(text), self._service)
                utterance.feed.write(text)
                utterance.answer.characters += len(text)
            elif kind == "flush":
                utterance.feed.flush()
            else:
                utterance.feed.close()
                utterance.complete = True
        except (ApiError, SparkTTSError) as error:
            await self._stop(utterance)
            await self._failed(utterance, error)
            return
        if utterance.task is None and (text.strip() or utterance.complete):
            utterance.task = self._tasks.create_task(self._speak(utterance))

    async def _speak(self, utterance: _Utterance) -> None:
        answer = utterance.answer
        try:
            async for piece in answer.pieces(await answer.begin()):
                await self._tell(utterance)
                for start in range(0, len(piece), _FRAME_BYTES):
                    frame = piece[start : start + _FRAME_BYTES]
                    await self._socket.send_bytes(frame)
                    utterance.sent += len(frame)
            await self._tell(utterance)
            await self._send("done", utterance=utterance.number, **answer.done())
        except (WebSocketDisconnect, Unfinished):
            raise
        except Exception as error:  # noqa: BLE001  Not swallowed: the client and the log get it.
            await self._failed(utterance, error)
        else:
            if answer.voice is not None and "voice" not in utterance.voice():  # made up from a style
                self._voice = functools.partial(dict, voice=answer.voice)
            self._end(utterance, 200, done=True)

    async def _tell(self, utterance: _Utterance) -> None:
        if words := utterance.answer.new_words():
            await self._send("words", utterance=utterance.number, words=words)
        for segment in utterance.answer.new_segments():
            await self._send("segment", utterance=utterance.number, **segment)

    async def _cancel(self) -> None:
        """One that comes too late is no fault: `done` is on its way."""
        if (utterance := self._present) is None:
            return
        await self._stop(utterance)
        if self._present is utterance:
            utterance.log["outcome"] = "cancelled"
            self._end(utterance, 200)
            await self._send("cancelled", utterance=utterance.number, **utterance.answer.sent(utterance.sent))

    async def _stalled(self) -> None:
        if (utterance := self._present) is not None and not utterance.complete:
            await self._stop(utterance)
            message = f"no text came for {self._service.settings.stall_seconds:g} s: send end where a text ends"
            await self._failed(utterance, ApiError(408, message, code="timeout"))

    async def _stop(self, utterance: _Utterance) -> None:
        """Nothing more of it is sent; to be ended next."""
        if utterance.task is not None:
            utterance.task.cancel()
            await asyncio.wait({utterance.task})

    async def _failed(self, utterance: _Utterance, error: Exception) -> None:
        if self._present is utterance:
            reported = utterance.answer.failed(error)
            self._end(utterance, reported.status_code)
            await self._send("error", utterance=utterance.number, **reported.body())

    def _end(self, utterance: _Utterance, status: int, *, done: bool = False, client_left: bool = False) -> None:
        self._present, self._dropping = None, not done
        utterance.answer.close(client_left=client_left)
        utterance.room.close()
        utterance.log["status"] = status
        record(self._service.metrics, PATH, utterance.log, time.monotonic() - utterance.began)
        if self._leaving:
            self._leave()

    def _leave(self) -> None:
        """The server stops: close the socket once nothing is spoken over it."""
        self._leaving = True
        if self._present is None and self._closing is None:
            self._closing = asyncio.create_task(self._socket.close(WS_1012_SERVICE_RESTART))

    async def _send(self, kind: str, **values: Any) -> None:
        await self._socket.send_text(json.dumps({"type": kind, **values}, ensure_ascii=False))

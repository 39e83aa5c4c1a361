"""Connections that cost little until their request is complete: its head is bounded in bytes, in time and in number."""

import asyncio
import email.utils
import logging
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response

from sparktts_onnx.server.errors import refused

HEAD_BYTES = 32 << 10
"""Longest head of a request: browsers send up to 16 kB of cookies."""
MOST_RESTING = 256
"""Open connections without a request in progress; one more, and the one that rests longest is dropped."""
_PIECE_BYTES = 8 << 10
"""h11 checks the length of a head after each piece."""
_CLOSE_SECONDS = 10.0
_HEAD = {"Content-Type": "application/json", "Connection": "close"}
"""Of answers to what never becomes a request."""
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.WARNING)  # below, uvicorn logs addresses with their queries, and websockets what is said


def connections(stall_seconds: float) -> type[H11Protocol]:
    """The connections of one server, for uvicorn. A head that does not come in time costs its client the connection."""
    resting: dict[H11Protocol, None] = {}  # in the order in which they began to rest

    class Connection(H11Protocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._deadline: asyncio.TimerHandle | None = None
            self._upgraded = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._rest()
            self._expect()

        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), _PIECE_BYTES):
                if self.transport.is_closing():
                    return
                super().data_received(data[start : start + _PIECE_BYTES])
                if self._upgraded:  # nothing may follow before the answer to this
                    return
            if self._busy():
                self._leave()
            else:
                self._expect()

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            self._upgraded = True
            self._leave()
            super().handle_websocket_upgrade(event)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._busy():
                self._rest()
                if self.conn.their_state is h11.SEND_BODY:
                    self._expect()

        def send_400_response(self, msg: str) -> None:
            """As the base, in the envelope, and with the status that fits; where an answer has begun, it breaks off."""
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                status = HTTPStatus(getattr(sys.exc_info()[1], "error_status_hint", 400))
                told = refused(status, "this is no request of HTTP/1.1" if status == 400 else "")
                body = bytes(told.response().body)
                head = {**_HEAD, "Content-Length": str(len(body))}
                answer = h11.Response(status_code=status, headers=list(head.items()), reason=status.phrase.encode())
                for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            self._leave()
            super().connection_lost(exc)

        def _busy(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _rest(self) -> None:
            resting[self] = None
            if len(resting) > MOST_RESTING:
                oldest = next(iter(resting))
                del resting[oldest]
                oldest.transport.abort()

        def _expect(self) -> None:
            """Bytes came, or shall come: the rest of a head, or of a body that nobody reads any more."""
            if self._deadline is None:
                self._deadline = self.loop.call_later(stall_seconds, self.transport.abort)

        def _leave(self) -> None:
            resting.pop(self, None)
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Connection


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket whose utterance may be finished when the server stops, and whose peer cannot hold it open."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = self.conn.logger = _quiet
        self.conn.reject = _rejected  # type: ignore[method-assign]
        self.conn.debug = False

    def data_received(self, data: bytes) -> None:
        """A head that h11 takes and websockets does not, such as one that announces a body, is refused."""
        super().data_received(data)
        if not self.handshake_initiated:
            fault = getattr(self.conn.handshake_exc, "__cause__", None)
            ours = self.conn.reject(400, f"Failed to open a WebSocket connection: {fault}.\n").serialize()
            self.transport.write(b"".join(self.conn.data_to_send()) or ours)
            self.transport.close()

    async def send(self, message: Any) -> None:
        """As the base, which forgets that an answer in place of the handshake ends it, and would log an error."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True

    def shutdown(self) -> None:
        """The server stops: the application closes the socket, at once or behind an utterance."""
        leave = self.scope["state"].get("leave") if self.handshake_complete and not self.close_sent else None
        if leave is None:
            super().shutdown()
        else:
            leave()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done: whatever the peer does not take within seconds is dropped."""
        super().on_task_complete(task)
        self.loop.call_later(_CLOSE_SECONDS, self.transport.abort)


def _rejected(status: int | HTTPStatus, text: str) -> Response:
    """As `ServerProtocol.reject`, in the envelope."""
    status = HTTPStatus(status)
    body = bytes(refused(status, text).response().body)
    head = {**_HEAD, "Content-Length": str(len(body)), "Date": email.utils.formatdate(usegmt=True)}
    return Response(status.value, status.phrase, Headers(head), body)

"""Connections that cost little until their request is complete: its head is bounded in bytes, in time and in number."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES = 32 << 10
"""Longest head of a request: browsers send up to 16 kB of cookies."""
MOST_RESTING = 256
"""Open connections without a request in progress; one more, and the one that rests longest is dropped."""
_PIECE_BYTES = 8 << 10
"""h11 checks the length of a head after each piece."""


def connections(stall_seconds: float) -> type[H11Protocol]:
    """The connections of one server, for uvicorn. A head that does not come in time costs its client the connection."""
    resting: dict[H11Protocol, None] = {}  # in the order in which they began to rest

    class Connection(H11Protocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._rest()
            self._expect()

        def data_received(self, data: bytes) -> None:
            for start in range(0, len(data), _PIECE_BYTES):
                if self.transport.is_closing():
                    return
                super().data_received(data[start : start + _PIECE_BYTES])
            if self._busy():
                self._leave()
            else:
                self._expect()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._busy():
                self._rest()
                if self.conn.their_state is h11.SEND_BODY:
                    self._expect()

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

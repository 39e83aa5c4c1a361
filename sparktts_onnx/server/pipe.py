"""Bytes from a thread that makes them to an event loop that sends them, with a bound between the two."""

import asyncio
import threading
from collections import deque
from contextlib import suppress


class Abandoned(Exception):
    """Nobody reads any more."""


class Pipe:
    """Made in the event loop that reads it; one thread writes."""

    def __init__(self, limit_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ended = False
        self._error: Exception | None = None
        self.abandoned = False
        """Whether nobody reads any more."""
        self._news = asyncio.Event()

    def put(self, piece: bytes) -> None:
        """Add bytes, once there is room for them.

        Raises:
            Abandoned: nobody reads any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.abandoned or self._waiting_bytes < self._limit)
            if self.abandoned:
                raise Abandoned
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come; the reader gets the error, if there is one."""
        with self._changed:
            self._ended, self._error = True, error
        self._wake()

    async def get(self) -> bytes | None:
        """All bytes that are there, as soon as there are some; None at the end."""
        while True:
            self._news.clear()
            with self._changed:
                if self._pieces:
                    return self._take()
                if self._ended:
                    break
            await self._news.wait()
        if self._error is not None:
            raise self._error
        return None

    def abandon(self) -> None:
        """Tell the writer that nobody reads any more."""
        with self._changed:
            self.abandoned = True
            self._changed.notify_all()

    def _take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting_bytes = 0
        self._changed.notify_all()
        return data

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be woken
            self._loop.call_soon_threadsafe(self._news.set)

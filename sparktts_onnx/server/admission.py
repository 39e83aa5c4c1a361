"""Who may work now, who waits, and who is refused: a bounded queue in order of arrival."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from sparktts_onnx.server.errors import ApiError

_FIRST_GUESS_SECONDS = 2.0
_REMEMBERED = 32


class Admission:
    """Places for work in one event loop."""

    def __init__(self, slots: int, queue_size: int, most_inside: int) -> None:
        self._places = asyncio.Semaphore(slots)
        self._slots = slots
        self._queue_size = queue_size
        self._spent: deque[float] = deque([_FIRST_GUESS_SECONDS], _REMEMBERED)
        self._stopping = False
        self._most_inside = most_inside
        self._inside = 0
        self._sockets = 0
        self.waiting = 0
        """Requests in the queue."""
        self.active = 0
        """Requests in work."""

    def room(self) -> AbstractContextManager[None]:
        """Room for one more request, from its body until its answer is read: what all of them hold is bounded.

        Raises:
            ApiError: 429 where there is none.
        """
        if self._inside >= self._most_inside:
            raise self._full()
        return self._counted("_inside")

    def socket(self) -> AbstractContextManager[None]:
        """Room for one more WebSocket; raises as `room`."""
        if self._sockets >= self._most_inside:
            message = f"{self._sockets} sockets are open, as many as this server allows: close some, or use them again"
            raise ApiError(429, message, code="rate_limit_exceeded", headers={"Retry-After": "10"})
        return self._counted("_sockets")

    async def enter(self) -> Callable[[], None]:
        """Wait for a place; what gives it back, once, in the event loop's thread.

        Raises:
            ApiError: 429 where the queue is full, 503 where the server is stopping.
        """
        if self._stopping:
            raise ApiError(503, "the server is stopping", code="stopping", headers={"Retry-After": "10"})
        if self._places.locked() and self.waiting >= self._queue_size:
            raise self._full()
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        self.active += 1
        return partial(self._leave, time.monotonic())

    def stop(self) -> None:
        """Refuse whoever comes from now on."""
        self._stopping = True

    @contextmanager
    def _counted(self, counter: str) -> Iterator[None]:
        setattr(self, counter, getattr(self, counter) + 1)
        try:
            yield
        finally:
            setattr(self, counter, getattr(self, counter) - 1)

    def _full(self) -> ApiError:
        free = sum(self._spent) / len(self._spent) / self._slots  # seconds until a place in the queue should be
        return ApiError(
            429,
            f"too many requests, {self.active} in work, {self.waiting} waiting and {self._inside} in memory: "
            "try again in a moment",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(min(60, max(1, math.ceil(free))))},
        )

    def _leave(self, since: float) -> None:
        self._spent.append(time.monotonic() - since)
        self.active -= 1
        self._places.release()

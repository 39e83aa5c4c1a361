"""Cancelling: one object ends a piece of work from any thread, whatever the work is waiting for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sparktts_onnx.errors import GenerationError


class Cancellation:
    """Cancels one piece of work; safe to share between threads.

    The work belongs to the thread that takes its results. When the process ends and that thread cannot come back, the
    work counts as cancelled, so that no other thread of it keeps the process alive.
    """

    def __init__(self) -> None:
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._owner = threading.current_thread()

    @property
    def cancelled(self) -> bool:
        """Whether the work should end."""
        if self._cancelled:
            return True
        return not threading.main_thread().is_alive() and (self._owner.daemon or not self._owner.is_alive())

    def own(self) -> None:
        """The present thread takes the results from here on."""
        self._owner = threading.current_thread()

    def cancel(self) -> None:
        """End the work: call every function that was given to `calling`. Further calls do nothing."""
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block, `cancel` calls `callback`, from its own thread; at once if it was called before."""
        with self._lock:
            late = self._cancelled
            if not late:
                self._callbacks.append(callback)
        if late:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

    def check(self) -> None:
        """Go on with the work.

        Raises:
            GenerationError: the work was cancelled.
        """
        if self.cancelled:
            raise GenerationError("the work was cancelled before its end")

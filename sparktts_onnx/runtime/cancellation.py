"""Cancelling: one object ends a piece of work from any thread, whatever the work is waiting for."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sparktts_onnx.errors import GenerationError
from sparktts_onnx.threads import starting_threads

LISTEN_SECONDS = 0.5
"""A thread that waits looks this often whether it still should; on Windows it hears Ctrl-C only then."""


def started_thread(work: Callable[[], None], *, name: str, daemon: bool = False) -> threading.Thread:
    """A thread that works. A daemon inside ONNX Runtime when the interpreter ends aborts the process."""
    thread = threading.Thread(target=work, name=name, daemon=daemon)
    with starting_threads():
        thread.start()
    return thread


class Cancellation:
    """Cancels one piece of work; safe to share between threads.

    The work belongs to the thread that takes its results. When the process ends and that thread cannot come back, the
    work counts as cancelled, so that no other thread of it keeps the process alive.
    """

    def __init__(self, part_of: "Cancellation | None" = None) -> None:
        """`part_of`: work that this is a part of; once it is cancelled, so is this."""
        self._cancelled = False
        self._whole = part_of
        self._callbacks: list[Callable[[], None]] = []
        # Reentrant: the garbage collector may end a forgotten stream in any thread, at any moment.
        self._lock = threading.RLock()
        self._owner = threading.current_thread()
        self._threads: list[threading.Thread] = []
        self.error: str | None = None
        """Why the work was cancelled, where whoever takes its results should know."""

    @property
    def cancelled(self) -> bool:
        """Whether the work should end."""
        if self._cancelled or (self._whole is not None and self._whole.cancelled):
            return True
        return not threading.main_thread().is_alive() and (self._owner.daemon or not self._owner.is_alive())

    def own(self) -> None:
        """The present thread takes the results from here on."""
        self._owner = threading.current_thread()

    def cancel(self, error: str | None = None) -> None:
        """End the work without waiting for it: call every function that was given to `calling`."""
        with self._lock:
            self.error = self.error or error
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block, `cancel` calls `callback`, from its own thread; at once if it was called before."""
        with self._lock:
            self._callbacks.append(callback)
        if self._cancelled:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

    def check(self) -> None:
        """Go on with the work."""
        if self.cancelled:
            raise GenerationError(self.error or "the work was cancelled before its end")

    def start(self, work: Callable[[], None], *, name: str) -> None:
        """Do a part of the work in a thread of its own."""
        thread = started_thread(work, name=name)
        with self._lock:
            self._threads = [*(known for known in self._threads if known.is_alive()), thread]

    def join(self) -> None:
        """Wait for the threads of the work, once it is cancelled or done."""
        here = threading.current_thread()
        while working := [thread for thread in self._threads if thread.is_alive() and thread is not here]:
            working[0].join()  # it may have started another before it saw that it should end

"""Standard output and error that may be closed, full, or not take every letter: one message, and the work is done."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, cast


@contextmanager
def standard_streams() -> Iterator[None]:
    """For the time of a block, what is told goes nowhere where it cannot be told, and closed output says so."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path with other letters than the terminal's
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        sys.stderr = cast(Any, _Forgiving(sys.stderr or nowhere))
        if sys.stdout is None:
            sys.stdout = cast(Any, _Closed())
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def drop_unwritten() -> None:
    """Let go of what standard output could not take, so that nothing fails once more when the process ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _drop(sys.stdout)


def _drop(stream: Any) -> None:
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Forgiving:
    """Standard error: what cannot be told is lost, and nothing else. A message takes the place of a progress bar."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._drawn = 0  # letters of a line that is redrawn, as it begins with a carriage return

    def write(self, text: str) -> int:
        try:
            self._stream.write(self._over_bar(text))
            self._stream.flush()
        except (OSError, ValueError, AttributeError):
            _drop(self._stream)
        return len(text)

    def _over_bar(self, text: str) -> str:
        erased = f"\r{' ' * self._drawn}\r" if self._drawn and text[:1] not in ("", "\r", "\n") else ""
        if text.startswith("\r"):
            self._drawn = len(text.rpartition("\r")[2])
        elif text:
            self._drawn = 0
        return erased + text

    def flush(self) -> None:
        """Everything is written at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Closed:
    """Standard output that was closed before the process began."""

    def write(self, _: object) -> NoReturn:
        raise OSError(errno.EBADF, "standard output is closed")

    def flush(self) -> None:
        """There is nothing to write."""

    @property
    def buffer(self) -> "_Closed":
        """The same, for bytes."""
        return self

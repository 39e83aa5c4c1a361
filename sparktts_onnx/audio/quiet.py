"""C libraries that write to the error stream of their process: silenced while they work."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STDERR = 2
_lock = threading.Lock()
_working = 0
_kept = -1


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Nothing reaches the error stream of this process; also from several threads at once.

    libmpg123, which libsndfile reads MP3 with, describes every damaged frame there, and cannot be told not to.
    """
    global _working, _kept
    with _lock:
        if _working == 0:
            _kept = _silenced()
        _working += 1
    try:
        yield
    finally:
        with _lock:
            _working -= 1
            if _working == 0 and _kept >= 0:
                os.dup2(_kept, _STDERR)
                os.close(_kept)


def _silenced() -> int:
    """A handle of what the error stream was; -1 where it is closed."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:
        return -1
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, _STDERR)
    os.close(nothing)
    return kept

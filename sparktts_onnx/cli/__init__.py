"""The command line `spark-tts-onnx`: errors become one message and an exit status.

0 done    1 something failed    2 bad usage    130 interrupted
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sparktts_onnx.errors import OptionError, SparkTTSError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    try:
        with _ended_by_an_interrupt():
            from sparktts_onnx.cli.commands import run  # half a second, with everything that it needs
        return run(sys.argv[1:] if argv is None else argv)
    except OptionError as error:
        return _failed(str(error), 2)
    except SparkTTSError as error:
        return _failed(str(error), 1)
    except BrokenPipeError:
        return _failed("whoever reads the output has left", 1)
    except KeyboardInterrupt:
        return _interrupted()


@contextmanager
def _ended_by_an_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process at once: compiled modules that are loading turn the exception into ImportError."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(_interrupted()))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _interrupted() -> int:
    return _failed("interrupted", 130)


def _failed(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status

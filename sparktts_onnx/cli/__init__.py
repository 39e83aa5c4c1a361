"""The command line `spark-tts-onnx`: errors become one message and an exit status.

0 done    1 something failed    2 bad usage    130 interrupted
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from sparktts_onnx.cli.streams import drop_unwritten, standard_streams
from sparktts_onnx.errors import OptionError, SparkTTSError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    with standard_streams():
        try:
            return _run(argv) or _flushed()
        except SystemExit as stop:  # of a parser that has shown its help, or what it does not understand
            raise SystemExit(stop.code or _flushed()) from None
        finally:
            drop_unwritten()


def _run(argv: Sequence[str] | None) -> int:
    try:
        with _termination_as_interrupt():
            # Ctrl-C ends the process at once: compiled modules that are loading turn the exception into ImportError.
            with _replaced(signal.SIGINT, signal.default_int_handler, lambda *_: os._exit(_interrupted())):
                from sparktts_onnx.cli.commands import run  # half a second, with everything that it needs
            return run(sys.argv[1:] if argv is None else argv)
    except OptionError as error:
        return _failed(str(error), 2)
    except SparkTTSError as error:
        return _failed(str(error), 1)
    except BrokenPipeError:
        return _failed("broken pipe: the program that reads the output has ended", 1)
    except OSError as error:
        of_file = f": {error.filename}" if error.filename else ""
        return _failed(f"{error.strerror or error}{of_file}", 1)
    except MemoryError as error:
        return _failed(str(error) or "there is not enough memory", 1)
    except KeyboardInterrupt:
        return _interrupted()


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal as Ctrl-C, so that nothing is left half-written."""
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    with ExitStack() as stack:
        for number in signals:
            stack.enter_context(_replaced(number, signal.SIG_DFL, signal.default_int_handler))
        yield


@contextmanager
def _replaced(
    number: signal.Signals, usual: object, handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    """Handle a signal for the time of a block, where nobody has changed what is usual."""
    before = signal.getsignal(number)
    if before is not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _flushed() -> int:
    """Write what was printed, while it can still be told that it cannot be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _failed(f"standard output cannot be written: {error.strerror or error}", 1)
    return 0


def _interrupted() -> int:
    return _failed("interrupted", 130)


def _failed(message: str, status: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status

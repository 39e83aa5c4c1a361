"""Text that is still being written while it is spoken."""

import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any, Self

from sparktts_onnx.errors import OptionError, TextError
from sparktts_onnx.runtime.cancellation import LISTEN_SECONDS, Cancellation, started_thread
from sparktts_onnx.runtime.speech.request import MAX_TEXT_CHARACTERS, checked_piece


class TextFeed:
    """Text for `stream`, written while it is spoken; safe to use from any thread.

    feed = TextFeed()
    speech = tts.stream(feed)  # to be iterated by another thread
    feed.write("Hello, ")
    feed.flush()               # speak what is there, without waiting for more
    feed.close()               # the text ends here
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: deque[str | None] = deque()  # None: flush
        self._half = ""  # the first half of a surrogate pair, where a piece ended between the two
        self._characters = 0
        self._written_at = 0.0
        self._source: Iterator[str] | None = None
        self._closed = self._taken = self._unwanted = False
        self._error: BaseException | None = None

    @classmethod
    def of(cls, pieces: "Iterable[str] | TextFeed") -> "TextFeed":
        """The feed of an iterable of strings: a thread takes one after another, from when the first is wanted.

        Raises:
            TextError: it is no such iterable.
        """
        if isinstance(pieces, cls):
            return pieces
        if isinstance(pieces, bytes | bytearray | memoryview) or not isinstance(pieces, Iterable):
            raise TextError(f"the text is of type {type(pieces).__name__}; expected a str, or an iterable of them")
        feed = cls()
        feed._source = iter(pieces)
        return feed

    def write(self, text: str) -> None:
        """Add text; where speech was cancelled, nothing happens.

        Raises:
            TextError: not a str, wrongly decoded, too long in all, or the feed is closed.
        """
        with self._changed:
            if self._unwanted:
                return
            if self._closed:
                raise TextError("the text has ended; write before close, or to a new feed")
            whole, self._half = checked_piece(text, self._half)
            self._characters += len(whole)
            if self._characters > MAX_TEXT_CHARACTERS:
                raise TextError(f"the text has more than {MAX_TEXT_CHARACTERS} characters, the limit")
            self._add(whole)

    def flush(self) -> None:
        """Speak what was written without waiting for more, also in the middle of a sentence."""
        with self._changed:
            if not self._closed:
                self._add(None)

    def close(self, error: BaseException | None = None) -> None:
        """The text ends here; `error` reaches whoever takes the speech, behind all that was written."""
        with self._changed:
            if not self._closed:
                half = TextError(f"the text ends with {self._half!a}, half a character") if self._half else None
                self._closed, self._error = True, error or half
                if self._error is not None:
                    self._pieces.append(None)  # what was written before is spoken
                self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    def pieces(
        self, cancellation: Cancellation | None = None, flush_seconds: float | None = None
    ) -> Iterator[str | None]:
        """The text as it comes, once; None where it is to be spoken so far.

        Args:
            cancellation: of the speech; ends the wait. Without one, `close` does.
            flush_seconds: text that is followed by none for so long is spoken.

        Raises:
            GenerationError: cancelled.
            OptionError: taken before.
            whatever the source of the text raised.
        """
        cancellation = cancellation or Cancellation()
        with self._changed:
            if self._taken:
                raise OptionError("this text was spoken before; make a feed for each stream", field="text")
            self._taken = True
        if self._source is not None:
            started_thread(partial(self._pump, self._source), name="text", daemon=True)
        with cancellation.calling(self._drop):
            waiting = False  # for more text, behind some that is not spoken
            while True:
                limit = self._written_at + flush_seconds if waiting and flush_seconds is not None else float("inf")
                with self._changed:
                    if not self._wait(cancellation, limit):
                        return
                    piece = self._pieces.popleft() if self._pieces else None
                waiting = piece is not None
                yield piece

    def _wait(self, cancellation: Cancellation, limit: float) -> bool:
        """Wait for a piece, or until `limit`; False at the end."""
        while not self._pieces and not self._closed and not cancellation.cancelled:
            left = limit - time.monotonic()
            if left <= 0:
                return True
            self._changed.wait(min(left, LISTEN_SECONDS))
        cancellation.check()
        if not self._pieces and self._error is not None:
            raise self._error
        return bool(self._pieces)

    def _add(self, piece: str | None) -> None:
        self._pieces.append(piece)
        self._written_at = time.monotonic()
        self._changed.notify_all()

    def _drop(self) -> None:
        """Nobody takes the text any more."""
        with self._changed:
            self._unwanted = True
            self._pieces.clear()
            self._changed.notify_all()

    def _pump(self, source: Iterator[Any]) -> None:
        """Take all there is, in a daemon: nothing can end the wait inside somebody's iterator."""
        error: BaseException | None = None
        try:
            for piece in source:
                if self._unwanted:
                    break
                self.write(piece)
        except BaseException as raised:  # noqa: BLE001  Not swallowed: who takes the speech gets it.
            error = raised
        self.close(error)
        if isinstance(source, Generator):
            source.close()

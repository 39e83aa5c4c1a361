"""What every streaming encoder does the same way: resampling, order of calls, header repairs."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import soxr

from sparktts_onnx.audio.formats import Format
from sparktts_onnx.audio.signal import Wave


class StreamEncoder(ABC):
    """Turns chunks of speech into the bytes of one file, piece by piece.

    The pieces of `encode` and `finish`, joined, are a complete file that any player takes. What only the end
    can tell (a length in a header) is in `repairs`, for those who can seek back.
    """

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        self.format = form
        self.sample_rate = output_rate
        self.repairs: tuple[tuple[int, bytes], ...] = ()
        self._resampler = None
        if sample_rate != output_rate:
            self._resampler = soxr.ResampleStream(sample_rate, output_rate, 1, dtype="float32", quality="HQ")

    @property
    def content_type(self) -> str:
        """The media type of the bytes."""
        return self.format.content_type

    def encode(self, chunk: Wave) -> bytes:
        """The bytes that `chunk` float32 [n] makes ready: none yet, where the format needs more sound first."""
        return self._write(self._resampled(chunk, last=False))

    def finish(self) -> bytes:
        """The bytes of the end; nothing can be encoded after it."""
        return self._write(self._resampled(np.zeros(0, np.float32), last=True)) + self._close()

    def _resampled(self, chunk: Wave, *, last: bool) -> Wave:
        chunk = np.clip(np.asarray(chunk, np.float32), -1.0, 1.0)
        if self._resampler is None:
            return chunk
        # soxr overshoots on steep edges
        return np.asarray(self._resampler.resample_chunk(chunk, last=last), np.float32).clip(-1.0, 1.0)

    @abstractmethod
    def _write(self, wav: Wave) -> bytes:
        """Take float32 [n] at `sample_rate` and give the bytes that are ready."""

    @abstractmethod
    def _close(self) -> bytes:
        """Give the last bytes and free what was held."""


class ByteSink:
    """The file that a library writes into: appended bytes can be taken away, rewrites of old ones are kept apart."""

    def __init__(self, *, hold: bool = False) -> None:
        self._hold = hold
        self._fresh = bytearray()
        self._taken = 0
        self._position = 0
        self._repairs: list[tuple[int, bytes]] = []

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append `data`, or note it as a repair where the library went back."""
        content = bytes(data)
        inside = self._position - self._taken
        if self._position == self._taken + len(self._fresh):
            self._fresh += content
        elif self._hold:
            self._fresh[inside : inside + len(content)] = content
        else:
            self._repairs.append((self._position, content))
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as a file does."""
        start = (0, self._position, self._taken + len(self._fresh))[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Position in the whole file."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Nothing: libraries ask for the method, writers never call it."""
        return b""

    def flush(self) -> None:
        """Nothing to do: bytes wait in memory."""

    def take(self, *, last: bool = False) -> bytes:
        """The bytes appended since the last call; a sink that holds gives all of them with `last`."""
        if self._hold and not last:
            return b""
        ready = bytes(self._fresh)
        self._taken += len(ready)
        self._fresh.clear()
        return ready

    @property
    def repairs(self) -> tuple[tuple[int, bytes], ...]:
        """(offset, bytes) that the library wrote over what was already there, in order."""
        return tuple(self._repairs)

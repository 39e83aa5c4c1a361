"""One answer in the making: a thread speaks and encodes, the event loop reads the bytes."""

import asyncio
import io
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparktts_onnx import FORMATS, SegmentInfo, SpeechInfo, StreamOptions, TextFeed, Voice, WordInfo
from sparktts_onnx.audio.encoding import StreamEncoder, encoder
from sparktts_onnx.errors import NothingToSpeakError
from sparktts_onnx.server.engine import SpeechEngine, Stream

WHOLE_SEGMENTS = StreamOptions(look_ahead=66, first_chunk=3_000, largest_chunk=3_000)
"""For formats that cannot leave before the end: nothing is heard early, so a guard may take back any attempt."""

SILENCE_SECONDS = 0.2
"""Length of the answer to a text without a word."""


@dataclass(frozen=True)
class Order:
    """What is to be spoken, and how it shall leave."""

    text: str | TextFeed
    options: Mapping[str, Any]
    """`SpeechOptions` but the voice."""
    voice: Callable[[], Mapping[str, Any]]
    """Gives the options that say who speaks; may have to enroll or create a voice first."""
    file_format: str
    sample_rate: int | None = None
    """Samples a second; None for the model's own."""
    events: bool = False
    """Whether the bytes leave as server-sent events."""
    recording: bytes | None = None
    """A recording that is spoken again, in place of the text."""
    words: bool = False
    """Whether the client wants to know when each word is heard."""
    stream_options: StreamOptions | None = None
    """How sound that leaves while it is made is cut."""


class SpeechJob:
    """Runs an order in whichever thread calls `run`; everything else is for the event loop, in which it is made."""

    def __init__(self, engine: SpeechEngine, order: Order, buffer_bytes: int) -> None:
        """`buffer_bytes` is the most that waits to be read."""
        self._engine = engine
        self._codec = engine.manifest.codec
        self._order = order
        self._pipe = _Pipe(buffer_bytes)
        self._stream: Stream | None = None
        self.encoder: StreamEncoder | None = None
        """There from the first bytes on."""
        self.info: SpeechInfo | None = None
        """There after the last bytes."""
        self.words: tuple[WordInfo, ...] | None = None
        """Words heard in what was made so far; None where the bundle cannot tell."""
        self.segments: tuple[SegmentInfo, ...] = ()
        """Segments heard in what was made so far."""
        self.first_sound: float | None = None
        """When the first chunk was made, on the clock of `time.monotonic`."""
        self.done = False
        self._seconds = 0.0  # that the encoder has taken
        self._made = [(0, 0.0)]  # bytes and seconds behind each piece

    def run(self) -> None:
        """Do the work; whatever goes wrong reaches the reader."""
        failure: Exception | None = None
        try:
            with closing(self._pieces()) as pieces:
                for piece in filter(None, pieces):
                    self._made.append((self._made[-1][0] + len(piece), self._seconds))
                    self._pipe.put(piece)
        except _Abandoned:
            pass
        except Exception as error:  # noqa: BLE001  Not swallowed: the reader raises it.
            failure = error
        self.done = True
        self._pipe.end(failure)

    @property
    def heard(self) -> tuple[WordInfo, ...] | None:
        """Words that are certain by now, also of sound behind which a pause is held back until more text comes."""
        return self.words if self.done or self._stream is None else self._stream.words

    async def read(self) -> bytes | None:
        """The next bytes; None at the end."""
        return await self._pipe.get()

    def seconds_in(self, size: int) -> float:
        """Seconds of sound in the first `size` bytes; of a compressed format, about."""
        if self._order.file_format == "pcm" and self.encoder is not None:
            return size / 2 / self.encoder.sample_rate
        made = np.array(self._made)
        return float(np.interp(size, made[:, 0], made[:, 1]))

    def cancel(self) -> None:
        """Stop the work within one step; safe at any time, also after the end."""
        self._pipe.abandon()
        stream = self._stream
        if stream is not None and not self.done:
            stream.cancel()

    def _pieces(self) -> Generator[bytes]:
        if self._pipe.abandoned:
            return
        options = {**self._order.options, **self._order.voice()}
        try:
            yield from self._speech(options)
        except NothingToSpeakError:  # clients try an address with ".", and chat programs send signs by themselves
            yield from self._silence(options)

    def _new_encoder(self) -> StreamEncoder:
        return encoder(self._order.file_format, self._codec.sample_rate, output_rate=self._order.sample_rate)

    def _speech(self, options: dict[str, Any]) -> Generator[bytes]:
        with self._begin(options) as stream:
            self._stream = stream
            self.encoder = self._new_encoder()
            if self._pipe.abandoned:
                return
            for chunk in stream:
                self.first_sound = self.first_sound or time.monotonic()
                self.words, self.segments = stream.words, stream.segments
                self._seconds += len(chunk) / self._codec.sample_rate
                yield self.encoder.encode(chunk)
            self.words, self.segments = stream.words, stream.segments
            if not self._pipe.abandoned:
                yield self.encoder.finish()
                self.info = stream.info

    def _begin(self, options: dict[str, Any]) -> Stream:
        if self._order.recording is not None:
            return self._engine.revoice_stream(io.BytesIO(self._order.recording), options["voice"])
        stream_options = self._order.stream_options if FORMATS[self._order.file_format].streams else WHOLE_SEGMENTS
        return self._engine.stream(self._order.text, stream_options=stream_options, **options)

    def _silence(self, options: dict[str, Any]) -> Generator[bytes]:
        self.encoder = self._new_encoder()
        self.first_sound = time.monotonic()
        yield self.encoder.encode(np.zeros(round(SILENCE_SECONDS * self._codec.sample_rate), np.float32))
        yield self.encoder.finish()
        self.info = SpeechInfo(
            sample_rate=self._codec.sample_rate,
            duration_seconds=SILENCE_SECONDS,
            seconds={},
            real_time_factor=0.0,
            tokens=0,
            stop_reason="end",
            seed=options["seed"],
            voice=options.get("voice") or Voice(self._codec.fingerprint, ()),
            segments=(),
            providers={},
            warnings=("the text holds no word: the sound is a short silence",),
        )


class _Abandoned(Exception):
    """Nobody reads any more."""


class _Pipe:
    """Bytes from one thread to the event loop in which it is made, with a bound on what waits between the two."""

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
            _Abandoned: nobody reads any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.abandoned or self._waiting_bytes < self._limit)
            if self.abandoned:
                raise _Abandoned
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
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
            await self._news.wait()

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

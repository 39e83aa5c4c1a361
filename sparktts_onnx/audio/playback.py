"""Speech aloud while it is being made, through PortAudio."""

import queue
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import soxr

from sparktts_onnx.audio.optional import load_sounddevice
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import GenerationError, OutputError
from sparktts_onnx.threads import starting_threads

WAITING_CHUNKS = 64
"""Chunks made ahead of the ear; more and the maker waits, so that memory stays flat."""
NOTICE_SECONDS = 0.1
"""How soon a wish for silence, or a device that failed, is noticed."""


def play(chunks: Iterable[Wave], sample_rate: int) -> float:
    """Play `chunks` float32 [n] as they come and return, once all were heard, how many seconds they lasted.

    The chunks are made in the calling thread while another one plays, so making is never held up by
    listening; an exception in between (also Ctrl-C) silences the device at once.
    """
    samples = 0
    with Player(sample_rate) as player:
        for chunk in chunks:
            player.play(chunk)
            samples += len(chunk)
    return samples / sample_rate


class Player:
    """The default output device, fed from any thread; leaving the `with` block waits until all was heard."""

    def __init__(self, sample_rate: int) -> None:
        self._sounddevice = _portaudio()
        self._rate = self._device_rate(sample_rate)
        self._resampler = None
        if self._rate != sample_rate:
            self._resampler = soxr.ResampleStream(sample_rate, self._rate, 1, dtype="float32", quality="HQ")
        self._stream = self._opened()
        self._waiting: queue.Queue[Wave | None] = queue.Queue(WAITING_CHUNKS)
        self._failure: Exception | None = None
        self._silenced = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sparktts-playback", daemon=True)
        try:
            with starting_threads():
                self._thread.start()
        except GenerationError:
            self._stream.close(ignore_errors=True)
            raise

    def play(self, chunk: Wave) -> None:
        """Let `chunk` float32 [n] be heard after what waits already."""
        self._put(self._at_device_rate(chunk, last=False))

    def __enter__(self) -> "Player":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._put(self._at_device_rate(np.zeros(0, np.float32), last=True))
                self._put(None)
                self._thread.join()
                self._raise_failure()
        finally:
            self._silence()

    def _run(self) -> None:
        """Write what waits to the device, until the end is found, silence is asked for, or the device fails."""
        slice_ = max(1, round(NOTICE_SECONDS * self._rate))
        try:
            while (chunk := self._waiting.get()) is not None:
                for start in range(0, len(chunk), slice_):
                    if self._silenced.is_set():
                        return
                    self._stream.write(chunk[start : start + slice_, np.newaxis])  # [n, channels]
            if not self._silenced.is_set():
                self._stream.stop()  # returns when all was heard
        except self._sounddevice.PortAudioError as error:
            self._failure = error

    def _put(self, chunk: Wave | None) -> None:
        while True:
            self._raise_failure()
            try:
                return self._waiting.put(chunk, timeout=NOTICE_SECONDS)
            except queue.Full:
                continue

    def _silence(self) -> None:
        """Stop what still plays, and free the device and the thread."""
        self._silenced.set()
        while self._thread.is_alive():
            with suppress(queue.Full):
                self._waiting.put_nowait(None)  # wakes a thread that waits for more
            self._thread.join(NOTICE_SECONDS)
        self._stream.close(ignore_errors=True)  # what the device still has is dropped

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise OutputError(f"the sound device stopped playing: {self._failure}") from self._failure

    def _at_device_rate(self, chunk: Wave, *, last: bool) -> Wave:
        if self._resampler is None:
            return chunk
        return np.asarray(self._resampler.resample_chunk(chunk, last=last), np.float32)

    def _device_rate(self, rate: int) -> int:
        """`rate` where the default device takes it, else the device's own."""
        try:
            device = self._sounddevice.query_devices(kind="output")
        except (self._sounddevice.PortAudioError, ValueError) as error:
            raise OutputError(f"there is no sound device to play on ({error}): write a file instead") from error
        try:
            self._sounddevice.check_output_settings(channels=1, dtype="float32", samplerate=rate)
        except (self._sounddevice.PortAudioError, ValueError):
            return int(device["default_samplerate"])
        return rate

    def _opened(self) -> Any:
        try:
            stream = self._sounddevice.OutputStream(samplerate=self._rate, channels=1, dtype="float32")
            stream.start()
        except self._sounddevice.PortAudioError as error:
            raise OutputError(f"the sound device cannot be opened ({error}): write a file instead") from error
        return stream


def _portaudio() -> Any:
    """sounddevice, whose import fails in its own way where the system has no PortAudio."""
    try:
        return load_sounddevice("playing speech")
    except OSError as error:
        raise OutputError(
            f"playing speech needs the PortAudio library of the system ({error}): "
            "on Debian and Ubuntu, apt install libportaudio2"
        ) from error

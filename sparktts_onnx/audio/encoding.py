"""Speech as bytes that leave while it is still being made: one encoder a family of formats."""

import logging
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from sparktts_onnx._version import __version__
from sparktts_onnx.audio.formats import Format, format_named
from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.audio.signal import Wave

SOFTWARE = f"sparktts-onnx {__version__}"
TITLE = "Synthetic speech"
COMMENT = f"AI-generated: synthetic speech, not a recording of a person. Made with {SOFTWARE}."
"""Complete by itself: MP3 and AAC keep no software of ours, every format keeps a comment."""
UNKNOWN_SIZE = 0xFFFFFFFF
"""Sizes in the header of a WAV that is still being made; readers take it as: until the file ends."""
BYTES_PER_SAMPLE = 2
AAC_BIT_RATE = 64_000
MP3_LEVEL = 0.6
"""libsndfile's compression level: 64 kbit/s at 16 kHz, clear for speech; a constant bitrate can be streamed."""
OPUS_PAGE_MS = 100.0
"""Sound in one Ogg page. libsndfile's default of a second would hold the first word back that long."""
SET_OGG_PAGE_LATENCY_MS = 0x1302
"""libsndfile's command number; soundfile has no name for it."""
log = logging.getLogger(__name__)


class StreamEncoder(ABC):
    """Turns chunks of speech into the bytes of one file, piece by piece.

    The pieces of `encode` and `finish`, joined, are a complete file that any player takes. What only the end
    can tell (a length in a header) is in `repairs`, for those who can seek back.
    """

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        self.format = form
        self.sample_rate = output_rate
        self.repairs: Sequence[tuple[int, bytes]] = ()
        self._resampler = None
        if sample_rate != output_rate:
            self._resampler = soxr.ResampleStream(sample_rate, output_rate, 1, dtype="float32", quality="HQ")

    @property
    def content_type(self) -> str:
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

    def _close(self) -> bytes:
        """Give the last bytes and free what was held."""
        return b""


class ByteSink:
    """The file that a library writes into: appended bytes can be taken away, rewrites of old ones are kept apart."""

    def __init__(self, *, hold: bool = False) -> None:
        self._hold = hold
        self._fresh = bytearray()
        self._taken = 0
        self._position = 0
        self.repairs: list[tuple[int, bytes]] = []
        """(offset, bytes) that the library wrote over what was already there, in order."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append `data`, or note it as a repair where the library went back."""
        content = bytes(data)
        inside = self._position - self._taken
        if self._position == self._taken + len(self._fresh):
            self._fresh += content
        elif self._hold:
            self._fresh[inside : inside + len(content)] = content
        else:
            self.repairs.append((self._position, content))
        self._position += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._position, self._taken + len(self._fresh))[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def take(self, *, last: bool = False) -> bytes:
        """The bytes appended since the last call; a sink that holds gives all of them with `last`."""
        if self._hold and not last:
            return b""
        ready = bytes(self._fresh)
        self._taken += len(ready)
        self._fresh.clear()
        return ready


def pcm_bytes(wav: Wave) -> bytes:
    """float32 [n] in [-1, 1] as signed 16-bit little-endian samples."""
    samples: NDArray[np.int16] = np.rint(wav * 32767.0).astype("<i2")
    return samples.tobytes()


class PcmEncoder(StreamEncoder):
    """Signed 16-bit little-endian samples and nothing else: there is no place for metadata."""

    @property
    def content_type(self) -> str:
        """The media type, with the rate that the bytes do not say."""
        return f"{self.format.content_type}; rate={self.sample_rate}"

    def _write(self, wav: Wave) -> bytes:
        return pcm_bytes(wav)


class WavEncoder(StreamEncoder):
    """16-bit mono WAV. Its metadata stand behind the samples, where only a file has them.

    The first 44 bytes are a plain header, which is what clients skip to get at the samples; and in a stream of
    unknown length, whatever follows the samples would be played as one of them.
    """

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        super().__init__(form, sample_rate, output_rate)
        self._header = wav_header(self.sample_rate)
        self._header_bytes = len(self._header)
        self._data_bytes = 0

    def _write(self, wav: Wave) -> bytes:
        data = pcm_bytes(wav)
        self._data_bytes += len(data)
        header, self._header = self._header, b""
        return header + data

    def _close(self) -> bytes:
        info = _info()
        end = self._header_bytes + self._data_bytes
        if end - 8 + len(info) < UNKNOWN_SIZE:
            self.repairs = (
                (4, struct.pack("<I", end - 8 + len(info))),
                (self._header_bytes - 4, struct.pack("<I", self._data_bytes)),
                (end, info),
            )
        return b""


def wav_header(sample_rate: int) -> bytes:
    """Everything before the samples of a 16-bit mono WAV whose length is not known yet."""
    fields = (1, 1, sample_rate, sample_rate * BYTES_PER_SAMPLE, BYTES_PER_SAMPLE, 8 * BYTES_PER_SAMPLE)
    riff = struct.pack("<4sI4s", b"RIFF", UNKNOWN_SIZE, b"WAVE")
    data = struct.pack("<4sI", b"data", UNKNOWN_SIZE)
    return riff + _chunk(b"fmt ", struct.pack("<HHIIHH", *fields)) + data


def _info() -> bytes:
    """What every written file says about itself, as the chunk that a RIFF file keeps it in."""
    texts = ((b"INAM", TITLE), (b"ICMT", COMMENT), (b"ISFT", SOFTWARE))
    return _chunk(b"LIST", b"INFO" + b"".join(_chunk(name, text.encode("ascii") + b"\0") for name, text in texts))


def _chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk: name, size, content, padded to an even length."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


class SndfileEncoder(StreamEncoder):
    """MP3, Opus and FLAC: one open libsndfile writer into a sink that hands its bytes on."""

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        super().__init__(form, sample_rate, output_rate)
        self._sink = ByteSink(hold=not form.streams)
        self._file = _opened(self._sink, form, self.sample_rate)
        self._file.title = TITLE
        self._file.comment = COMMENT
        if form.name != "mp3":
            self._file.software = SOFTWARE

    def _write(self, wav: Wave) -> bytes:
        if len(wav):
            self._file.write(wav)
        return self._sink.take()

    def _close(self) -> bytes:
        self._file.close()
        self.repairs = self._sink.repairs
        return self._sink.take(last=True)


def _opened(sink: ByteSink, form: Format, rate: int) -> soundfile.SoundFile:
    """A libsndfile writer set up for speech that leaves as it is made."""
    mp3 = {"bitrate_mode": "CONSTANT", "compression_level": MP3_LEVEL} if form.name == "mp3" else {}
    file = soundfile.SoundFile(sink, "w", rate, 1, subtype=form.codec, format=form.container, **mp3)
    if form.container == "OGG":
        _shorten_pages(file)
    return file


def _shorten_pages(file: soundfile.SoundFile) -> None:
    """Ask libsndfile for short Ogg pages; where soundfile no longer shows its library, pages stay long."""
    library, ffi = getattr(soundfile, "_snd", None), getattr(soundfile, "_ffi", None)
    handle = getattr(file, "_file", None)
    if library is None or ffi is None or handle is None:
        log.warning("this soundfile cannot shorten Ogg pages: streamed Opus comes a second at a time")
        return
    value = ffi.new("double *", OPUS_PAGE_MS)
    library.sf_command(handle, SET_OGG_PAGE_LATENCY_MS, value, ffi.sizeof("double"))


class AacEncoder(StreamEncoder):
    """AAC through PyAV, ADTS for streams and M4A for files: one open FFmpeg muxer into a sink."""

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        super().__init__(form, sample_rate, output_rate)
        self._av = load_av(f"writing {form.name}")
        self._sink = ByteSink(hold=not form.streams)
        options = {"write_id3v2": "1"} if form.container == "adts" else {}
        self._file = self._av.open(self._sink, "w", format=form.container, options=options)
        self._file.metadata.update(title=TITLE, comment=COMMENT, encoding_tool=SOFTWARE)
        self._stream = self._file.add_stream(form.codec, rate=self.sample_rate, layout="mono")
        self._stream.bit_rate = AAC_BIT_RATE
        self._samples = 0

    def _write(self, wav: Wave) -> bytes:
        if len(wav):
            planes = np.ascontiguousarray(wav[np.newaxis])  # [channels, n]
            frame = self._av.AudioFrame.from_ndarray(planes, format="fltp", layout="mono")
            frame.sample_rate = self.sample_rate
            frame.pts = self._samples
            self._samples += len(wav)
            self._file.mux(self._stream.encode(frame))
        return self._sink.take()

    def _close(self) -> bytes:
        self._file.mux(self._stream.encode(None))
        self._file.close()
        self.repairs = self._sink.repairs
        return self._sink.take(last=True)


_ENCODERS: dict[str, type[StreamEncoder]] = {
    "pcm": PcmEncoder,
    "wav": WavEncoder,
    "libsndfile": SndfileEncoder,
    "PyAV": AacEncoder,
}
"""By the library that writes a format, or its name where there is none."""


def encoder(name: str, sample_rate: int, *, output_rate: int | None = None) -> StreamEncoder:
    """A fresh encoder for speech at `sample_rate`, into format `name`.

    `output_rate` is the rate that the bytes shall carry, if another; a format that cannot carry it takes the
    next one it can, and the encoder's `sample_rate` says which.
    """
    form = format_named(name)
    carried = form.carried_rate(output_rate or sample_rate)
    return _ENCODERS[form.library or form.name](form, sample_rate, carried)

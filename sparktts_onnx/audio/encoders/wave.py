"""Samples as they are: raw 16-bit PCM, and WAV with a header that does not know its end yet."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.encoders.base import StreamEncoder
from sparktts_onnx.audio.formats import Format
from sparktts_onnx.audio.metadata import SYNTHETIC, Tags
from sparktts_onnx.audio.signal import Wave

UNKNOWN_SIZE = 0xFFFFFFFF
"""Sizes in the header of a WAV that is still being made; readers take it as: until the file ends."""

BYTES_PER_SAMPLE = 2


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

    def _close(self) -> bytes:
        return b""


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
        info = _info(SYNTHETIC)
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


def _info(tags: Tags) -> bytes:
    """Tags as the chunk that a RIFF file keeps them in."""
    texts = ((b"INAM", tags.title), (b"ICMT", tags.comment), (b"ISFT", tags.software))
    return _chunk(b"LIST", b"INFO" + b"".join(_chunk(name, text.encode("ascii") + b"\0") for name, text in texts))


def _chunk(name: bytes, content: bytes) -> bytes:
    """A RIFF chunk: name, size, content, padded to an even length."""
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)

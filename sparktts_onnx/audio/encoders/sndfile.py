"""MP3, Opus and FLAC through libsndfile, which writes into memory as it goes."""

from __future__ import annotations

import logging

import soundfile

from sparktts_onnx.audio.encoders.base import ByteSink, StreamEncoder
from sparktts_onnx.audio.formats import Format
from sparktts_onnx.audio.metadata import SYNTHETIC
from sparktts_onnx.audio.signal import Wave

log = logging.getLogger(__name__)

MP3_LEVEL = 0.6
"""libsndfile's compression level: 64 kbit/s at 16 kHz, clear for speech; a constant bitrate can be streamed."""

OPUS_PAGE_MS = 100.0
"""Sound in one Ogg page. libsndfile's default of a second would hold the first word back that long."""

SET_OGG_PAGE_LATENCY_MS = 0x1302
"""libsndfile's command number; soundfile has no name for it."""


class SndfileEncoder(StreamEncoder):
    """One open libsndfile writer into a sink that hands its bytes on."""

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        super().__init__(form, sample_rate, output_rate)
        self._sink = ByteSink(hold=not form.streams)
        self._file = _opened(self._sink, form, self.sample_rate)
        self._file.title = SYNTHETIC.title
        self._file.comment = SYNTHETIC.comment
        if form.name != "mp3":
            self._file.software = SYNTHETIC.software

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

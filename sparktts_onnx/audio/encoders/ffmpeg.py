"""AAC through PyAV (FFmpeg's libraries): ADTS for streams, M4A for files."""

from __future__ import annotations

import numpy as np

from sparktts_onnx.audio.encoders.base import ByteSink, StreamEncoder
from sparktts_onnx.audio.formats import Format
from sparktts_onnx.audio.metadata import SYNTHETIC
from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.audio.signal import Wave

BIT_RATE = 64_000


class AacEncoder(StreamEncoder):
    """One open FFmpeg muxer into a sink that hands its bytes on."""

    def __init__(self, form: Format, sample_rate: int, output_rate: int) -> None:
        super().__init__(form, sample_rate, output_rate)
        self._av = load_av(f"writing {form.name}")
        self._sink = ByteSink(hold=not form.streams)
        options = {"write_id3v2": "1"} if form.container == "adts" else {}
        self._file = self._av.open(self._sink, "w", format=form.container, options=options)
        self._file.metadata.update(title=SYNTHETIC.title, comment=SYNTHETIC.comment, encoding_tool=SYNTHETIC.software)
        self._stream = self._file.add_stream(form.codec, rate=self.sample_rate, layout="mono")
        self._stream.bit_rate = BIT_RATE
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

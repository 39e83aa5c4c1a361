"""Speech as bytes that leave while it is still being made."""

from __future__ import annotations

from sparktts_onnx.audio.encoders.base import StreamEncoder
from sparktts_onnx.audio.encoders.ffmpeg import AacEncoder
from sparktts_onnx.audio.encoders.sndfile import SndfileEncoder
from sparktts_onnx.audio.encoders.wave import PcmEncoder, WavEncoder
from sparktts_onnx.audio.formats import format_named

__all__ = ["StreamEncoder", "encoder"]

_ENCODERS: dict[str, type[StreamEncoder]] = {
    "pcm": PcmEncoder,
    "wav": WavEncoder,
    "flac": SndfileEncoder,
    "mp3": SndfileEncoder,
    "opus": SndfileEncoder,
    "aac": AacEncoder,
    "m4a": AacEncoder,
}


def encoder(name: str, sample_rate: int, *, output_rate: int | None = None) -> StreamEncoder:
    """A fresh encoder for speech at `sample_rate`, into format `name`.

    `output_rate` is the rate that the bytes shall carry, if another; a format that cannot carry it takes the
    next one it can, and the encoder's `sample_rate` says which.
    """
    form = format_named(name)
    carried = form.carried_rate(output_rate or sample_rate)
    return _ENCODERS[form.name](form, sample_rate, carried)

"""Enrollment: from a prompt recording to the ids of a voice.

wav ─┬─ wav2vec2 ─ encoder ─ quantizer_tokenize ─▶ semantic ids
     └─ reference clip ─ speaker_encoder ────────▶ global ids
"""

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import reference_clip
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.graphs.sessions import Sessions


class Enroller:
    """Turns recordings into ids with the graphs of one bundle."""

    def __init__(self, sessions: Sessions, codec: CodecLayout) -> None:
        self._sessions = sessions
        self._codec = codec

    def global_ids(self, wav: NDArray[np.float32], *, whole: bool = False) -> tuple[int, ...]:
        """Speaker codes of the first seconds of a recording float32 [N], as the original; or of the `whole`."""
        codec = self._codec
        samples = max(codec.reference_samples, len(wav)) if whole else codec.reference_samples
        seconds = samples / codec.sample_rate
        clip = reference_clip(wav, sample_rate=codec.sample_rate, seconds=seconds, hop=codec.reference_hop)
        tokens = self._sessions.run("speaker_encoder", {"ref_wav": clip[None]})[0]
        return _plain(tokens.reshape(-1))

    def semantic_ids(self, wav: NDArray[np.float32]) -> tuple[int, ...]:
        """Content codes of a whole recording, float32 [N]."""
        if self._codec.fixed_frames is None:
            return _plain(self._content(wav))
        return self._content_in_windows(wav, self._codec.fixed_frames)

    def _content(self, wav: NDArray[np.float32]) -> NDArray[np.int64]:
        features = self._sessions.run("wav2vec2", {"wav": wav[None]})[0]
        z = self._sessions.run("encoder", {"features": features})[0]
        tokens: NDArray[np.int64] = self._sessions.run("quantizer_tokenize", {"z": z})[0][0]
        return tokens

    def _content_in_windows(self, wav: NDArray[np.float32], frames: int) -> tuple[int, ...]:
        """Codes from graphs of a fixed length: side by side, the last one ending where the recording ends.

        wav2vec2 hears a whole recording at once, so codes near a window's border are approximate.
        """
        hop = self._codec.hop_length
        window = self._sessions.input_shape("wav2vec2")[1]
        border = window - frames * hop
        total = max(1, (len(wav) - border) // hop)
        if len(wav) < window:
            return _plain(self._content(np.resize(wav, window))[:total])
        codes: list[int] = []
        while len(codes) < total:
            start = min(len(codes), total - frames)
            piece = self._content(wav[start * hop : start * hop + window])
            codes += _plain(piece[len(codes) - start :])
        return tuple(codes)


def _plain(tokens: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(i) for i in tokens)

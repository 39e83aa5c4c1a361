"""Vocoder: from semantic ids and global ids to a waveform, in windows, so memory does not grow with the audio.

    semantic ids ─ quantizer_detokenize ─▶ z_q ─┐
                                                ├─ prenet ─▶ x ─ decoder ─▶ wav
    global ids ─ speaker_detokenize ─▶ d_vector ┘

A sample depends on tokens at most `context` away on either side, so a window that is computed with that much around
it and then cropped equals the same stretch of one long computation. The prenet reaches far and is cheap, the decoder
reaches a few frames and is not: their windows are separate, and the decoder's are computed side by side. On a
processor the decoder knows what of a window is surplus, and drops it as soon as it is not needed any more.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.runtime.graphs.sessions import Sessions

PRENET_WINDOW = 500
"""Tokens a prenet window gives; with a context of 56 a side it computes 1.2 times what it keeps."""
DECODER_WINDOW = 25
"""Most frames a decoder window gives; with a context of 10 a side its first layer computes 1.8 times what it keeps,
its last ones 1.08 times. Memory grows with this and with the windows that are computed side by side."""
ACCELERATOR_PRENET_WINDOW = 2000
ACCELERATOR_WINDOW = 128
"""Frames that a decoder window takes, surplus and all, where an accelerator computes: it plans convolutions anew when a
length changes, which takes ten times as long as computing them."""

Check = Callable[[], None]
"""Called after each window; an exception that it raises ends the work."""
DecoderWindow = tuple[Wave, int, int]
"""What the decoder computes in one call, x float32 [1, D, F], and its frames [start, stop) whose samples are kept."""


class Vocoder:
    """Makes sound with the graphs of one bundle."""

    def __init__(self, sessions: Sessions, codec: CodecLayout) -> None:
        self._sessions = sessions
        self.codec = codec
        self._reach = ceil(codec.decoder_context / codec.frames_per_token)
        self.context = codec.prenet_context + self._reach
        """Tokens to each side that a token's samples depend on."""

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Load its graphs while the `with` block loads others."""
        with self._sessions.loading(("decoder", "prenet", "speaker_detokenize", "quantizer_detokenize")):
            yield
        self._sessions.check()

    def d_vector(self, global_ids: Sequence[int]) -> Wave:
        """The speaker's condition, float32 [1, D]."""
        tokens = np.asarray(global_ids, np.int64).reshape(1, 1, -1)
        return self._sessions.run("speaker_detokenize", {"global_tokens": tokens})[0]

    def decode(self, semantic_ids: Sequence[int], global_ids: Sequence[int], *, check: Check = lambda: None) -> Wave:
        """The waveform of a whole answer, float32 [N], in [-1, 1]."""
        tokens = np.asarray(semantic_ids, np.int64)
        return joined(self.render(tokens, self.d_vector(global_ids), 0, len(tokens)), check)

    def render(self, tokens: NDArray[np.int64], d_vector: Wave, start: int, stop: int) -> Iterator[Wave]:
        """Samples of tokens [start, stop), in pieces; `tokens` int64 [T] is all that is known around them.

        Exact where `tokens` reaches `context` past `stop`, or ends where the answer ends.
        """
        if self.codec.fixed_frames is not None:
            windows = self._fixed_windows(tokens, d_vector, (start, stop), self.codec.fixed_frames)
        else:
            windows = self._windows(tokens, d_vector, start, stop)
        yield from self._decode(windows, d_vector)

    def _decode(self, windows: Iterable[DecoderWindow], d_vector: Wave) -> Iterator[Wave]:
        """The kept samples of each window."""
        trims = self._sessions.on_cpu and "surplus" in self._sessions.options("decoder")
        hop = self.codec.hop_length // self.codec.frames_per_token
        kept: deque[slice] = deque()

        def inputs() -> Iterator[dict[str, NDArray[Any]]]:
            for x, start, stop in windows:
                given: dict[str, NDArray[Any]] = {"x": x, "d_vector": d_vector}
                if trims:
                    given["surplus"] = np.array([start, x.shape[2] - stop], np.int64)
                kept.append(slice(None) if trims else slice(start * hop, stop * hop))
                yield given

        for outputs in self._sessions.run_each(inputs()):
            yield outputs[0][0, 0, kept.popleft()]

    def _windows(self, tokens: NDArray[np.int64], d_vector: Wave, start: int, stop: int) -> Iterator[DecoderWindow]:
        step = PRENET_WINDOW if self._sessions.on_cpu else ACCELERATOR_PRENET_WINDOW
        for a in range(start, stop, step):
            b = min(a + step, stop)
            low, high = max(0, a - self._reach), min(len(tokens), b + self._reach)
            x = self._prenet(tokens, d_vector, low, high)
            yield from self._decoder_windows(x, (a - low, b - low))

    def _prenet(self, tokens: NDArray[np.int64], d_vector: Wave, start: int, stop: int) -> Wave:
        """x of tokens [start, stop): float32 [1, D, F], F frames a token."""
        low = max(0, start - self.codec.prenet_context)
        high = min(len(tokens), stop + self.codec.prenet_context)
        x = self._frames(tokens[low:high], d_vector)
        frames = self.codec.frames_per_token
        return x[:, :, (start - low) * frames : (stop - low) * frames]

    def _frames(self, tokens: NDArray[np.int64], d_vector: Wave) -> Wave:
        """x of all `tokens`: float32 [1, D, F], F frames a token."""
        z_q = self._sessions.run("quantizer_detokenize", {"semantic_tokens": tokens[None]})[0]
        return self._sessions.run("prenet", {"z_q": z_q, "d_vector": d_vector})[0]

    def _decoder_windows(self, x: Wave, tokens: tuple[int, int]) -> Iterator[DecoderWindow]:
        """Windows that give the samples of a range of tokens of x float32 [1, D, F]."""
        frames, reach = self.codec.frames_per_token, self.codec.decoder_context
        start, stop = tokens[0] * frames, tokens[1] * frames
        if self._sessions.on_cpu:
            width, step = None, window_length(stop - start, lanes=self._sessions.lanes, reach=reach)
        else:
            width, step = accelerator_window(x.shape[2], reach=reach)
        for a in range(start, stop, step):
            b = min(a + step, stop)
            low, high = max(0, a - reach), b + reach
            if width is not None:
                low = max(0, min(low, x.shape[2] - width))
                high = low + width
            yield (x[:, :, low:high], a - low, b - low)

    def _fixed_windows(
        self, tokens: NDArray[np.int64], d_vector: Wave, kept: tuple[int, int], fixed: int
    ) -> Iterator[DecoderWindow]:
        """The same with graphs that take exactly `fixed` tokens: one window through all of them."""
        step, frames = max(1, fixed - 2 * self.context), self.codec.frames_per_token
        for a in range(*kept, step):
            b = min(a + step, kept[1])
            around = max(0, a - self.context), min(len(tokens), b + self.context)
            low = _fixed_start(around, (a, b), fixed)
            window = tokens[low : low + fixed]
            # An answer shorter than the graphs ends in its last token, repeated: the only padding that is speech.
            x = self._frames(np.pad(window, (0, fixed - len(window)), mode="edge"), d_vector)
            yield (x, (a - low) * frames, (b - low) * frames)


def joined(pieces: Iterable[Wave], check: Check) -> Wave:
    """One waveform, float32 [N], of pieces that are made one after the other."""
    made = [np.zeros(0, np.float32)]
    for piece in pieces:
        check()
        made.append(piece)
    return np.concatenate(made)


def accelerator_window(frames: int, *, reach: int) -> tuple[int, int]:
    """Frames that each window takes, of `frames` that are known, and most that it gives."""
    width = max(ACCELERATOR_WINDOW, 4 * reach)
    return (width, width - 2 * reach) if width <= frames else (frames, frames)


def window_length(frames: int, *, lanes: int, reach: int) -> int:
    """Frames a window should give so that `lanes` side by side are done first; each computes `reach` more a side.

    What one window can give is not divided: most of each part would be what the other computes too.
    """
    fewest = ceil(frames / DECODER_WINDOW)
    if fewest <= 1:
        return max(1, frames)
    lengths = [ceil(frames / count) for count in range(fewest, fewest + lanes)]
    return min(lengths, key=lambda length: ceil(ceil(frames / length) / lanes) * (length + 2 * reach))


def _fixed_start(around: tuple[int, int], kept: tuple[int, int], fixed: int) -> int:
    """Where a window of `fixed` tokens begins that holds `kept` and as much `around` it as there is room for."""
    surplus = around[1] - around[0] - fixed
    if surplus <= 0:
        return max(0, around[0] + surplus)
    return min(max(around[0] + surplus // 2, kept[1] - fixed), kept[0])

"""Vocoder for ids that are still arriving: chunks of sound as soon as they can be made.

A chunk is computed with all the left context there is and with as many tokens after it as were asked for
(look-ahead). With the vocoder's full context the stream equals the one-shot decode; with less, a chunk's edge was
computed from less than the whole truth, so the next chunk is cross-faded in over what the last one already knew.
The first chunk is short and waits for less look-ahead than the others, so that it is heard soon.
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

import numpy as np

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import OptionError
from sparktts_onnx.runtime.codec.vocoder import Check, Vocoder, joined
from sparktts_onnx.runtime.values import number, whole_number

MAX_STREAM_TOKENS = 3000
"""Limit on every length in `StreamOptions`: a minute of speech."""
MAX_FLUSH_SECONDS = 3600

FirstSegment = Literal["sentence", "clause"]


@dataclass(frozen=True)
class StreamOptions:
    """How a stream trades delay against exactness and work."""

    look_ahead: int = 10
    """Tokens after a chunk that must be there before it is computed."""
    first_chunk: int = 8
    """Tokens of the first chunk; with its look-ahead, what has to be generated before the first sound."""
    largest_chunk: int = 100
    """Chunks grow by half up to this many tokens."""
    first_segment: FirstSegment = "sentence"
    """Where the first segment may end; a clause is there sooner, where the text comes in pieces."""
    flush_seconds: float | None = None
    """Text in pieces that no other follows for so long is spoken as it is; None waits."""
    first_look_ahead: int = 5
    """Look-ahead of the first chunk, where it is less; not heeded where `look_ahead` is all that a token depends on."""

    def __post_init__(self) -> None:
        whole_number("look_ahead", self.look_ahead, 0, MAX_STREAM_TOKENS)
        whole_number("first_look_ahead", self.first_look_ahead, 0, MAX_STREAM_TOKENS)
        whole_number("largest_chunk", self.largest_chunk, 1, MAX_STREAM_TOKENS)
        whole_number("first_chunk", self.first_chunk, 1, self.largest_chunk)
        if self.first_segment not in get_args(FirstSegment):
            expected = "expected sentence or clause"
            raise OptionError(f"first_segment is {self.first_segment!r}; {expected}", field="first_segment")
        if self.flush_seconds is not None:
            number("flush_seconds", self.flush_seconds, 0, MAX_FLUSH_SECONDS)

    def look_ahead_of_first(self, context: int) -> int:
        """Tokens after the first chunk that must be there, with a vocoder of that context."""
        return self.look_ahead if self.look_ahead >= context else min(self.look_ahead, self.first_look_ahead)

    def tokens_before_sound(self, context: int) -> int:
        """Tokens that must be there before the first chunk is computed."""
        return self.first_chunk + self.look_ahead_of_first(context)


class VocoderStream:
    """Sound of one answer, chunk by chunk."""

    def __init__(
        self, vocoder: Vocoder, d_vector: Wave, options: StreamOptions, *, check: Check = lambda: None
    ) -> None:
        self._vocoder = vocoder
        self._d_vector = d_vector
        self._options = options
        self._check = check
        self._tokens: list[int] = []
        self._spoken = 0
        self._chunk = options.first_chunk
        self._look_ahead = options.look_ahead_of_first(vocoder.context)
        self._overlap: Wave = np.zeros(0, np.float32)

    def push(self, token: int) -> Wave | None:
        """Take the next semantic id; the next chunk float32 [N] if it can be computed now."""
        self._tokens.append(token)
        if len(self._tokens) < self._spoken + self._chunk + self._look_ahead:
            return None
        chunk = self._render(self._spoken + self._chunk)
        self._chunk = min(ceil(1.5 * self._chunk), self._options.largest_chunk)
        self._look_ahead = self._options.look_ahead
        return chunk

    def finish(self) -> Wave:
        """What is left when the answer is over, float32 [N]; possibly empty."""
        return self._render(len(self._tokens))

    def _render(self, stop: int) -> Wave:
        tokens = np.asarray(self._tokens, np.int64)
        # What is known of the next token is a guess, worth fading from only where this chunk is one too.
        fades = 0 < self._look_ahead < self._vocoder.context
        known = min(len(tokens), stop + 1) if fades else stop
        wav = joined(self._vocoder.render(tokens, self._d_vector, self._spoken, known), self._check)
        keep = len(wav) * (stop - self._spoken) // max(1, known - self._spoken)
        wav = self._fade_in(wav)
        self._spoken = stop
        self._overlap = wav[keep : keep + self._vocoder.codec.hop_length]
        return wav[:keep]

    def _fade_in(self, wav: Wave) -> Wave:
        """Go over from what the last chunk expected here to what this one knows."""
        n = min(len(self._overlap), len(wav))
        if n == 0:
            return wav
        weight = np.linspace(0, 1, n, endpoint=False, dtype=np.float32)
        head = self._overlap[:n] * (1 - weight) + wav[:n] * weight
        return np.concatenate([head, wav[n:]])

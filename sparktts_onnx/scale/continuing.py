"""One speech out of several attempts at it: where a worker ends, another begins anew, and what was heard is skipped.

The same request with the same seed gives the same samples, so that a listener hears no seam. Should another kind of
processor round otherwise and speak otherwise, that is found out before anything is heard, and told.
"""

import hashlib

import numpy as np

from sparktts_onnx import GenerationError
from sparktts_onnx.scale.messages import Chunk


class Continuation:
    """What of an attempt's samples is new to the listener."""

    def __init__(self) -> None:
        self._heard = hashlib.sha256()
        self._samples = 0
        self._repeated = hashlib.sha256()
        self._to_skip = 0

    @property
    def samples(self) -> int:
        """Samples that the listener has."""
        return self._samples

    def restart(self) -> None:
        """Another attempt begins."""
        self._repeated = hashlib.sha256()
        self._to_skip = self._samples

    def new(self, chunk: Chunk) -> Chunk:
        """The part of `chunk` float32 [n] that was not heard yet.

        Raises:
            GenerationError: this attempt is another speech than the one that was begun.
        """
        repeated, fresh = chunk[: self._to_skip], chunk[self._to_skip :]
        if len(repeated):
            self._repeated.update(_bytes(repeated))
            self._to_skip -= len(repeated)
            if self._to_skip == 0 and self._repeated.digest() != self._heard.digest():
                raise _other_speech()
        self._heard.update(_bytes(fresh))
        self._samples += len(fresh)
        return fresh

    def finish(self) -> None:
        """The attempt is complete.

        Raises:
            GenerationError: it is shorter than what was heard.
        """
        if self._to_skip:
            raise _other_speech()


def _bytes(chunk: Chunk) -> bytes:
    return np.ascontiguousarray(chunk, np.float32).tobytes()


def _other_speech() -> GenerationError:
    return GenerationError(
        "the worker that spoke has ended, and the one that took over speaks otherwise: use workers of one kind"
    )

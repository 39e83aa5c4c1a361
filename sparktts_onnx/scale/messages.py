"""What travels between the front end and the workers.

Errors travel as values: raised in a worker, Ray would write them to its logs, and a message may quote a text.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx import SegmentInfo, SparkTTSError, SpeechInfo, WordInfo

_T = TypeVar("_T")

Chunk = NDArray[np.float32]


@dataclass(frozen=True)
class Failure:
    """A library error on its way."""

    kind: type[SparkTTSError]
    message: str
    field: str | None
    file: Path | None

    @classmethod
    def of(cls, error: SparkTTSError) -> "Failure":
        """An error, packed."""
        return cls(type(error), error.message, error.field, error.file)

    def unpack(self) -> SparkTTSError:
        """The error; its own `__init__` is not run again, as the message is complete."""
        error = self.kind.__new__(self.kind, self.message)
        error.field, error.file = self.field, self.file
        return error


@dataclass(frozen=True)
class Told:
    """What the next chunk ends."""

    words: tuple[WordInfo, ...] | None
    segments: tuple[SegmentInfo, ...]


Item = Chunk | Told | SpeechInfo | Failure
"""Chunks of sound, then one of the last two."""


def checked(answer: _T | Failure) -> _T:
    """An answer; a failure is raised instead."""
    if isinstance(answer, Failure):
        raise answer.unpack()
    return answer

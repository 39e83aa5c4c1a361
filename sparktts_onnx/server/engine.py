"""What the server needs of the library: `SparkTTSONNX` has it, and so may a stand-in that speaks elsewhere."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx import Enrollment, Manifest, SegmentInfo, SpeechInfo, Voice, WordInfo


class Stream(Protocol):
    """Speech on its way, chunk by chunk, at the rate of the bundle's codec."""

    @property
    def info(self) -> SpeechInfo | None:
        """There after the last chunk."""

    @property
    def words(self) -> tuple[WordInfo, ...] | None:
        """Words heard so far; None before the first chunk, and where the bundle cannot tell."""

    @property
    def segments(self) -> tuple[SegmentInfo, ...]:
        """Segments heard so far."""

    def __iter__(self) -> Iterator[NDArray[np.float32]]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...

    def cancel(self) -> None:
        """End the iteration within one step, from any thread."""


class SpeechEngine(Protocol):
    """Speaks and enrolls; called from several threads at once."""

    @property
    def manifest(self) -> Manifest:
        """The bundle's contract, for the codec's sizes."""

    @property
    def stream(self) -> Callable[..., Stream]:
        """`stream(text, stream_options=…, **SpeechOptions)` speaks a text, or a `TextFeed`, chunk by chunk."""

    @property
    def revoice_stream(self) -> Callable[..., Stream]:
        """`revoice_stream(recording, voice)` gives an open file's words another voice, chunk by chunk."""

    @property
    def enroll(self) -> Callable[..., Enrollment]:
        """`enroll(recordings, transcript, options=…)` makes a voice of open files."""

    @property
    def create_voice(self) -> Callable[..., Voice]:
        """`create_voice(gender, pitch, speed, seed=…)` lets the model make one up."""

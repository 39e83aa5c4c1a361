"""An engine for tests: honors what the server asks of the library, and misbehaves on request.

Every step makes one chunk of 0.1 s. Words in the text tell it what to do: see `StandIn`.
"""

import dataclasses
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self

import nano
import numpy as np
from numpy.typing import NDArray

from sparktts_onnx import (
    Enrollment,
    EnrollOptions,
    Manifest,
    SegmentInfo,
    SpeechInfo,
    StreamOptions,
    TextFeed,
    Voice,
    VoiceStyle,
    WordInfo,
)
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead, read_manifest
from sparktts_onnx.errors import GenerationError, RecordingError
from sparktts_onnx.runtime.cancellation import Cancellation

RATE = 16_000
STEP_SAMPLES = RATE // 10
HELD_SAMPLES = 100


class StandInStream:
    """Chunks of a tone that follows from text, voice and seed alone."""

    def __init__(self, engine: "StandIn", text: str | TextFeed, options: dict[str, Any]) -> None:
        self._engine = engine
        self._feed = text
        self._text = text if isinstance(text, str) else ""
        self._options = options
        self._cancelled = threading.Event()
        self._cancellation = Cancellation()
        self._chunks = self._run()
        self.sample_rate = RATE
        self.info: SpeechInfo | None = None
        self.words: tuple[WordInfo, ...] | None = None
        self.segments: tuple[SegmentInfo, ...] = ()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self._chunks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chunks.close()

    def cancel(self) -> None:
        """Stop at the next step."""
        self._cancelled.set()
        self._cancellation.cancel()

    def _run(self) -> Iterator[NDArray[np.float32]]:
        engine = self._engine
        with engine.working():
            if isinstance(self._feed, TextFeed):
                try:
                    for piece in self._feed.pieces(self._cancellation):
                        self._text += "|" if piece is None else piece
                except GenerationError:
                    engine.cancelled += 1
                    return
            words = self._text.split()
            engine.spoken.append(self._text)
            for number in range(engine.steps_of(self._text)):
                engine.gate.wait()
                if "slowly" in words:
                    self._cancelled.wait(engine.step_seconds)
                if self._cancelled.is_set():
                    engine.cancelled += 1
                    return
                if "break" in words and number == 3:
                    raise GenerationError("the language model failed, as it was asked to")
                if "crash" in words:
                    raise ZeroDivisionError(f"a bug, met while speaking {self._text!r}")
                engine.steps += 1
                held = words[number : number + 1] == ["held"]
                if engine.manifest.no_word_times is None:
                    self.words = engine.words(self._text)[: number + 1 - held]
                chunk = engine.chunk(self._text, self._options, number)
                yield chunk[:-HELD_SAMPLES] if held else chunk
                if held:
                    self.words = engine.words(self._text)[: number + 1]
                    self._cancelled.wait(20)
        self.info = engine.info(self._text, self._options)
        self.words, self.segments = self.info.words, self.info.segments


class StandIn:
    """Words it obeys: `slowly` (waits `step_seconds` a step), `break` (fails at the fourth step), `crash` (has a bug),
    `held` (keeps the end of its sound back, as a pause may follow, until it is cancelled).

    `long` speaks for 600 steps instead of 5. While `gate` is cleared nothing moves.
    """

    def __init__(self, *, step_seconds: float = 0.05, word_times: bool = True) -> None:
        self._manifest = read_manifest(nano.BUNDLE)
        if word_times:
            heads = Alignment((AlignmentHead(0, 0, 0),), rope_dim=16)
            self._manifest = dataclasses.replace(self._manifest, alignment=heads)
        self._lock = threading.Lock()
        self.step_seconds = step_seconds
        self.gate = threading.Event()
        self.gate.set()
        self.steps = 0
        """Steps done by all streams."""
        self.cancelled = 0
        """Streams that were stopped."""
        self.enrolled = 0
        self.active = 0
        self.most_active = 0
        """Streams that ever ran side by side."""
        self.asked: list[tuple[str | TextFeed, dict[str, Any]]] = []
        """Texts and options of every stream."""
        self.spoken: list[str] = []
        """Whole texts; a flush is a bar."""

    @property
    def manifest(self) -> Manifest:
        """The nano bundle's, perhaps with a head that follows the words."""
        return self._manifest

    def stream(
        self, text: str | TextFeed, *, stream_options: StreamOptions | None = None, **options: Any
    ) -> StandInStream:
        """A stream; the options are noted."""
        with self._lock:
            self.asked.append((text, options))
        return StandInStream(self, text, options)

    def revoice_stream(self, recording: BinaryIO, voice: Voice) -> StandInStream:
        """A stream that follows from the bytes and the voice; the text that it is made of is the bytes' digest."""
        data = recording.read()
        if b"RIFF" not in data[:4]:
            raise RecordingError("the recording is not recognized as audio")
        return self.stream(hashlib.sha256(data).hexdigest(), voice=voice, seed=0)

    def enroll(
        self, recordings: Sequence[BinaryIO], transcript: str | None = None, *, options: EnrollOptions | None = None
    ) -> Enrollment:
        """A voice that follows from the bytes."""
        data = recordings[0].read()
        if b"RIFF" not in data[:4]:
            raise RecordingError("the recording cannot be read as audio")
        self.enrolled += 1
        return Enrollment(self.voice(data.hex(), transcript), (_Report(),))

    def create_voice(
        self,
        gender: str | float | None = None,
        pitch: str | float | None = None,
        speed: str | float | None = None,
        *,
        seed: int | None = None,
    ) -> Voice:
        """A voice that follows from the arguments."""
        style = VoiceStyle.of(gender, pitch, speed)
        return dataclasses.replace(self.voice(f"{gender} {pitch} {speed} {seed}", None), style=style)

    def voice(self, source: str, transcript: str | None) -> Voice:
        """A voice of the nano bundle's codec."""
        digest = hashlib.sha256(source.encode()).digest()
        return Voice(
            codec=self._manifest.codec.fingerprint,
            global_ids=tuple(byte % nano.GLOBAL_CODES for byte in digest[: nano.GLOBAL_TOKENS]),
            semantic_ids=(1, 2, 3) if transcript else None,
            transcript=transcript,
            origin="a recording",
        )

    def working(self) -> "_Working":
        """Counts who works at the same time."""
        return _Working(self)

    def steps_of(self, text: str) -> int:
        """How long a text is spoken."""
        return 600 if "long" in text.split() else 5

    def chunk(self, text: str, options: dict[str, Any], number: int) -> NDArray[np.float32]:
        """float32 [STEP_SAMPLES]: one step of an answer."""
        who = options["voice"].global_ids if options.get("voice") else options.get("gender")
        digest = hashlib.sha256(f"{text}|{who}|{options.get('seed')}".encode()).digest()
        pitch = 100 + 4 * digest[0] + 8 * digest[1 + number % 8]
        return (0.3 * np.sin(2 * np.pi * pitch * np.arange(STEP_SAMPLES) / RATE)).astype(np.float32)

    def words(self, text: str) -> tuple[WordInfo, ...]:
        """A step each."""
        step = STEP_SAMPLES / RATE
        return tuple(WordInfo(word, i * step, (i + 1) * step, 0) for i, word in enumerate(text.split()))

    def info(self, text: str, options: dict[str, Any]) -> SpeechInfo:
        """What is told at the end."""
        seconds = self.steps_of(text) * STEP_SAMPLES / RATE
        return SpeechInfo(
            sample_rate=RATE,
            duration_seconds=seconds,
            seconds={"total": 0.1},
            real_time_factor=seconds / 0.1,
            tokens=round(50 * seconds),
            stop_reason="end",
            seed=options["seed"],
            voice=options.get("voice") or self.voice("created", None),
            segments=(SegmentInfo(text, text, 0.0, seconds, round(50 * seconds), "end", 0),),
            providers={},
            words=self.words(text)[: self.steps_of(text)] if self.manifest.no_word_times is None else None,
        )


class _Working:
    def __init__(self, engine: StandIn) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        with self._engine._lock:
            self._engine.active += 1
            self._engine.most_active = max(self._engine.most_active, self._engine.active)

    def __exit__(self, *error: object) -> None:
        with self._engine._lock:
            self._engine.active -= 1


class _Report:
    notes = ("only 1.0 s of speech",)


def until(condition: Any, *, seconds: float = 10.0) -> bool:
    """Whether a condition comes true within a generous time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True

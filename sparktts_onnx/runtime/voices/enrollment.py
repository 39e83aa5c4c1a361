"""Enrollment: from prompt recordings to a voice.

recordings ─ read and judged ─▶ prompt ─┬─ wav2vec2 ─ encoder ─ quantizer_tokenize ─▶ semantic ids
                                        └─ reference clip ─ speaker_encoder ────────▶ global ids
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.checks import RecordingReport, best_window, inspect_recording, trim_silence
from sparktts_onnx.audio.reading import MAX_SECONDS, Source, describe_source, load_recording, reference_clip
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.errors import OptionError, RecordingError
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.values import broken_character, instance_of, number
from sparktts_onnx.runtime.voices.content import ContentEncoder
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.duration import expected_seconds

WINDOWS = ("first", "best", "all")
LONGEST_SILENCE_SECONDS = 0.5
"""Silence at an end of a recording with a transcript: the model speaks a longer one on, or slurs over it."""
FASTEST, SLOWEST = 0.5, 2.5
"""Parts of the expected time that somebody may take to say a text."""
HESITATION_SECONDS = 1.0
"""What anybody may take beyond that."""


@dataclass(frozen=True)
class EnrollOptions:
    """How recordings are turned into a voice."""

    MOST_TRANSCRIBED_SECONDS: ClassVar[float] = 120.0
    """Of recordings with a transcript: wav2vec2 takes memory with the square of their length."""
    window: str = "first"
    """What the speaker encoder hears: the `first` seconds, as the original; the `best` stretch of all recordings
    (most speech, least noise and clipping); or `all` of the speech, joined."""
    trim: bool | None = None
    """Cut silence from both ends of every recording. None: only where a transcript is given, and only silence longer
    than half a second; the speaker encoder hears the whole recording all the same."""
    max_seconds: float = MAX_SECONDS
    """A longer recording is refused."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise OptionError(f"window is {self.window!r}; expected one of {', '.join(WINDOWS)}", field="window")
        instance_of("trim", self.trim, bool | None, "True, False or None")
        number("max_seconds", self.max_seconds, 0.1, MAX_SECONDS)


@dataclass(frozen=True)
class Enrollment:
    """A new voice."""

    voice: Voice
    reports: tuple[RecordingReport, ...]
    """What was measured in each recording; what there is to say about the transcript is among the first one's notes."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know: the notes of all recordings, each with the recording's name."""
        return tuple(f"{report.name}: {note}" for report in self.reports for note in report.notes)


class Enroller:
    """Turns recordings into voices with the graphs of one bundle."""

    def __init__(self, sessions: Sessions, codec: CodecLayout) -> None:
        self._sessions = sessions
        self._codec = codec
        self.content = ContentEncoder(sessions, codec)

    def enroll(
        self, recordings: Sequence[Source], transcript: str | None, *, name: str | None, options: EnrollOptions
    ) -> Enrollment:
        """A voice from recordings of one speaker; with a transcript, also its manner of speaking."""
        spoken = instance_of("transcript", transcript or "", str, "a text")
        if broken := broken_character(spoken):
            raise OptionError(f"transcript holds {broken}, which is not a character; use UTF-8", field="transcript")
        known = bool(spoken.strip())
        wav, reference, reports = _read(recordings, spoken, self._codec, options)
        seconds, most = len(wav) / self._codec.sample_rate, options.MOST_TRANSCRIBED_SECONDS
        if known and seconds > most:
            raise RecordingError(
                f"{seconds:.0f} s of recordings are too long for a transcript, at most {most:.0f} s are possible: give "
                "some sentences and what is said in them, or no transcript"
            )
        voice = Voice(
            codec=self._codec.fingerprint,
            global_ids=self.global_ids(reference, whole=options.window == "all"),
            semantic_ids=self.semantic_ids(wav) if known else None,
            transcript=spoken if known else None,
            name=name,
            origin=", ".join(report.name for report in reports),
        )
        return Enrollment(voice, tuple(reports))

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
        return _plain(self.content.ids(wav))


def _read(
    sources: Sequence[Source], transcript: str, codec: CodecLayout, options: EnrollOptions
) -> tuple[Wave, Wave, list[RecordingReport]]:
    """(all recordings, one after another; what the speaker is heard in; what was measured), as the original reads one.

    The sound is float32 [N].
    """
    if isinstance(sources, str | os.PathLike) or hasattr(sources, "read"):
        raise OptionError(f"recordings is {sources!r}; expected a list of paths or open files", field="recordings")
    if not sources:
        raise OptionError("there is no recording; give at least one")
    rate = codec.sample_rate
    wavs: list[Wave] = []
    reports: list[RecordingReport] = []
    for source in sources:
        recording = load_recording(source, sample_rate=rate, max_seconds=options.max_seconds)
        report = inspect_recording(recording.wav.astype(np.float32), rate)
        notes = (*recording.notes, *report.notes)
        reports.append(dataclasses.replace(report, name=_name(source), notes=notes))
        wav = recording.normalized() if codec.volume_normalize else recording.wav.astype(np.float32)
        wavs.append(trim_silence(wav, rate) if options.trim else wav)
    reference = _reference(wavs, codec, options)
    if transcript.strip():
        reports[0] = _with_transcript(reports, transcript)
        if options.trim is None:
            wavs = [trim_silence(wav, rate, longest_seconds=LONGEST_SILENCE_SECONDS) for wav in wavs]
    return np.concatenate(wavs), reference, reports


def _name(source: Source) -> str:
    """The file's name without its folder: voice files are passed on."""
    return describe_source(Path(source).name if isinstance(source, str | os.PathLike) else source)


def _reference(wavs: list[Wave], codec: CodecLayout, options: EnrollOptions) -> Wave:
    if options.window == "best":
        seconds = codec.reference_samples / codec.sample_rate
        return best_window(wavs, codec.sample_rate, seconds=seconds)
    if options.window == "all" and codec.fixed_frames is not None:
        raise OptionError("window is 'all', but the graphs of this bundle have a fixed length; use 'best' or 'first'")
    return np.concatenate(wavs)


def _with_transcript(reports: Sequence[RecordingReport], transcript: str) -> RecordingReport:
    """The first report, with a note where nobody could have said the transcript in the time that is spoken."""
    spoken = sum(report.speech_seconds for report in reports)
    expected = expected_seconds(transcript)
    if not spoken or FASTEST * expected <= spoken <= SLOWEST * expected + HESITATION_SECONDS:
        return reports[0]
    much = "much" if spoken < expected else "little"
    note = (
        f"the transcript has {len(transcript.strip())} characters for {spoken:.1f} s of speech, too {much} to be what "
        "is said: give exactly the words of the recording, or no transcript"
    )
    return dataclasses.replace(reports[0], notes=(note, *reports[0].notes), transcript_fits=False)


def _plain(tokens: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(i) for i in tokens)

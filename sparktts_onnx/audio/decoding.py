"""Recordings as blocks of samples: through libsndfile, and through PyAV what phones and browsers record."""

import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from sparktts_onnx.audio.lengths import cut_ogg, says_mp3_size
from sparktts_onnx.audio.optional import load_av
from sparktts_onnx.audio.quiet import quiet_stderr
from sparktts_onnx.errors import MissingDependencyError, RecordingError

BLOCK_SAMPLES = 1 << 18
"""Samples of all channels read at once: resampled as they are read, so that memory follows the result."""
_HEAD_BYTES = 16
_UNRECOGNIZED = (1, 7)
"""libsndfile's codes for a format that it does not know; 7 is what it says where libmpg123 gives up."""
_LARGEST_REPAIRED = 1 << 29
_CHUNKS = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"fact", b"smpl", b"junk", b"JUNK")
"""What may follow the samples of a WAV."""
_MISSING_SECONDS = 0.25
"""What a file may have less than it says: encoders count their own delay, or do not."""
_SHORT_DATA = re.compile(r"^ *(?:data|riff|Riff size|SSND|BODY|Data Size) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
"""libsndfile's log: how many bytes of samples the header says there are, and how many there are; RF64, W64, WAV, AIFF,
SVX, AU."""
_LENGTH_UNKNOWN = 0x7FFFF000
"""Lengths from here on are what programs write that do not know it."""


@dataclass(frozen=True)
class AudioSource:
    """A recording that is being read."""

    sample_rate: int
    channels: int
    blocks: Iterator[NDArray[np.float64]]
    """float64 [n, channels], until the end."""
    notes: list[str] = field(default_factory=list)
    """What is not as the file says; complete behind the last block."""


def opened(file: BinaryIO, suffix: str, name: str) -> AbstractContextManager[AudioSource]:
    """The sound of a file from its beginning; `suffix` is a hint where the contents say nothing.

    Raises:
        RecordingError: it is not recognized as audio, or damaged, or needs PyAV, which is not installed.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if (container := _container(head)) is not None:
        return _with_av(file, container, name)
    return _with_soundfile(_repaired(file, head), suffix, name, mp3=suffix == ".mp3" or _is_mp3(head))


def _container(head: bytes) -> str | None:
    """FFmpeg's name of a container that libsndfile does not read.

    Only these are handed on: other formats that FFmpeg knows are lists of addresses, which it would open.
    """
    if head[4:8] == b"ftyp":  # m4a, mp4, 3gp, mov
        return "mov"
    if head.startswith(b"\x1aE\xdf\xa3"):  # webm, mka
        return "matroska"
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xF6 == 0xF0:
        return "aac"
    if head.startswith(b"#!AMR"):
        return "amr"
    return "asf" if head.startswith(b"0&\xb2u\x8ef\xcf\x11") else None


def _is_mp3(head: bytes) -> bool:
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


@contextmanager
def _with_soundfile(file: BinaryIO, suffix: str, name: str, *, mp3: bool) -> Iterator[AudioSource]:
    try:
        with quiet_stderr() if mp3 else nullcontext():
            opened_file = _sndfile(file, suffix)
        with opened_file as sound:
            notes: list[str] = []
            blocks = _read(sound, file, notes)
            yield AudioSource(sound.samplerate, sound.channels, _quietly(blocks) if mp3 else blocks, notes)
    except soundfile.LibsndfileError as error:
        if error.code in _UNRECOGNIZED:
            raise RecordingError(
                f"{name} is not recognized as audio: give a WAV, FLAC, Ogg, Opus or MP3 file; "
                "with PyAV also m4a, mp4 and webm"
            ) from error
        raise RecordingError(
            f"{name} cannot be read as audio ({str(error.error_string).strip()}): "
            "give a WAV, FLAC, Ogg, Opus or MP3 file; convert others first, for example with ffmpeg"
        ) from error


def _sndfile(file: BinaryIO, suffix: str) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(_Steady(file))
    except soundfile.LibsndfileError as error:
        if suffix != ".mp3" or error.code not in _UNRECOGNIZED:
            raise
        return soundfile.SoundFile(file.name)  # by that ending libsndfile looks for MP3 behind what stands first


class _Steady:
    """A file for libsndfile, which a damaged header sends to places before its beginning: it stays where it is then.

    libsndfile sees by `tell` that it was not moved. An error could not reach anybody through its callbacks.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.tell, self._file = file.read, file.tell, file

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> None:
        """Move, or not."""
        with suppress(OSError, ValueError):
            self._file.seek(offset, whence)


def _read(sound: soundfile.SoundFile, file: BinaryIO, notes: list[str]) -> Iterator[NDArray[np.float64]]:
    frames, samples = max(1, BLOCK_SAMPLES // sound.channels), 0
    while len(block := sound.read(frames, dtype="float64", always_2d=True)):
        samples += len(block)
        yield block
    _note_missing(notes, _promised(sound, file) / sound.samplerate, samples / sound.samplerate)
    if sound.format == "OGG" and cut_ogg(file):
        notes.append("the file ends early, in the middle of its data")


def _promised(sound: soundfile.SoundFile, file: BinaryIO) -> float:
    """Samples that the file says it has, where it says so; looked for behind the last one, as the file is moved."""
    if found := _SHORT_DATA.search(sound.extra_info):
        said, there = int(found[1]), int(found[2])
        return sound.frames * said / there if there < said < _LENGTH_UNKNOWN else 0
    return sound.frames if sound.format != "MP3" or says_mp3_size(file) else 0


def _note_missing(notes: list[str], promised: float, found: float) -> None:
    """Tell where a file ends before the seconds that it says it has."""
    if promised > found + _MISSING_SECONDS:
        notes.append(f"the file ends early: it says that it has {promised:.1f} s of sound, and has {found:.1f} s")


def _quietly(blocks: Iterator[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    """The same blocks; the process's error stream is silenced only while one is read."""
    while True:
        with quiet_stderr():
            block = next(blocks, None)
        if block is None:
            return
        yield block


@contextmanager
def _with_av(file: BinaryIO, container: str, name: str) -> Iterator[AudioSource]:
    try:
        av = load_av("reading it")
    except MissingDependencyError as error:
        raise RecordingError(
            f"{name} is of a kind that needs PyAV (m4a, mp4, webm and the like): pip install 'sparktts-onnx[aac]', or "
            "convert it to WAV, for example with ffmpeg"
        ) from error
    try:
        with quiet_stderr():
            opened_media = av.open(file, format=container, metadata_errors="replace")
        with opened_media as media:
            if not media.streams.audio:
                raise RecordingError(f"{name} holds no sound: give an audio file")
            stream = media.streams.audio[0]
            if stream.codec_context is None:
                raise RecordingError(f"{name} is of a codec that PyAV does not know: convert it with another program")
            notes: list[str] = []
            blocks = _counted(_decoded(av, media, stream), _seconds(media, stream), stream.rate, notes)
            yield AudioSource(stream.rate, stream.channels, _quietly(blocks), notes)
    except av.FFmpegError as error:
        raise RecordingError(
            f"{name} cannot be read as audio ({error.strerror}): it is damaged or cut; give another recording"
        ) from error


def _seconds(media: Any, stream: Any) -> float:
    """How long the sound is, as a file says that knows it; 0 where it does not."""
    if "mp4" in media.format.name and stream.duration:
        return float(stream.duration * stream.time_base)
    whole = media.duration if "matroska" in media.format.name and len(media.streams) == 1 else None
    return (whole or 0) / 1e6


def _counted(
    blocks: Iterator[NDArray[np.float64]], promised: float, rate: int, notes: list[str]
) -> Iterator[NDArray[np.float64]]:
    samples = 0
    for block in blocks:
        samples += len(block)
        yield block
    _note_missing(notes, promised, samples / rate)


def _decoded(av: Any, media: Any, stream: Any) -> Iterator[NDArray[np.float64]]:
    """Blocks of the rate and the channels that the stream begins with; files that were joined change them."""
    layout, rate = stream.layout, stream.rate
    planar: Any = None
    before: object = None
    for frame in media.decode(stream):
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if form != before:
            yield from _planes(planar, None)
            planar, before = av.AudioResampler(format="dblp", layout=layout, rate=rate), form
        yield from _planes(planar, frame)
    yield from _planes(planar, None)


def _planes(planar: Any, frame: Any) -> Iterator[NDArray[np.float64]]:
    """float64 [n, channels] of a frame, or of what is left behind the last one."""
    for block in [] if planar is None else planar.resample(frame):
        yield np.ascontiguousarray(block.to_ndarray().T)


def _repaired(file: BinaryIO, head: bytes) -> BinaryIO:
    """A WAV whose header says that it has no samples, though some follow: as if it did not know its length.

    Recorders that were interrupted, and programs that write to a pipe, leave such files.
    """
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return file
    position = 12
    while True:
        file.seek(position)
        chunk = file.read(8)
        size = int.from_bytes(chunk[4:], "little")
        if len(chunk) < 8 or chunk[:4] == b"data":
            break
        position += 8 + size + size % 2
    follows = file.read(4)
    file.seek(0)
    if len(chunk) < 8 or size or len(follows) < 4 or follows in _CHUNKS:
        return file
    data = bytearray(file.read(_LARGEST_REPAIRED))
    data[4:8] = data[position + 4 : position + 8] = b"\xff" * 4
    return io.BytesIO(data)

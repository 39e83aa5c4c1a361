"""Files that hold several recordings, one behind another: where each begins, and where the last one is cut off."""

import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import BinaryIO

_SEARCHED = 1 << 20
_MOST = 4096
"""Recordings in one file that are looked for."""
_LARGEST = 0x7FFFF000
"""Lengths from here on are what programs write that do not know it."""
_FLAC = tuple(b"fLaC" + last + b"\x00\x00\x22" for last in (b"\x00", b"\x80"))
"""How a FLAC begins, with its first block of metadata, which has one size."""
_OGG = b"OggS\x00\x02" + bytes(8)
"""How a stream in Ogg begins."""
_OGG_HEAD = 27
_MP3_HEAD = 64
_SMALLEST_MP3 = 4096
"""Two frames and more: some encoders leave the first frame out of the length."""
_FIRST = 2
"""The flag of an Ogg page that begins a stream."""


def recordings_in(file: BinaryIO, head: bytes) -> list[int]:
    """Where recordings begin, of the first thousands: 0 alone for most files; `head` is their first bytes."""
    if head.startswith(b"OggS"):
        starts = _ogg(file)
    elif head.startswith(b"fLaC"):
        starts = iter(sorted({0, *(place for start in _FLAC for place in islice(_found(file, start, 4), _MOST))}))
    elif head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        starts = _chained(file, _wav_end)
    else:
        starts = _chained(file, _mp3_end)
    return list(islice(starts, _MOST))


def cut_ogg(file: BinaryIO) -> bool:
    """Whether a file of Ogg ends within a page."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - _OGG_HEAD - 255))
    start = file.tell()
    last = file.read().rfind(b"OggS\x00")
    return last >= 0 and _page_end(file, start + last) > size


def says_mp3_size(file: BinaryIO) -> bool:
    """Whether a file of MP3 says how long it is, so that a decoder does not guess."""
    file.seek(_behind_id3(file, 0))
    return _mp3_size(file.read(_MP3_HEAD)) is not None


class PartOfFile(io.RawIOBase):
    """The bytes of a file from one place to another, as a file."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        super().__init__()
        self._file, self._start, self._size = file, start, end - start
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if place < 0:
            raise ValueError("a place before the beginning")
        self._place = place
        return place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As of a file."""
        self._file.seek(self._start + self._place)
        data = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _found(file: BinaryIO, wanted: bytes, after: int) -> Iterator[int]:
    """Where some bytes are, from a place on."""
    file.seek(after)
    place, held = after, b""
    while data := file.read(_SEARCHED):
        held += data
        at = held.find(wanted)
        while at >= 0:
            yield place + at
            at = held.find(wanted, at + 1)
        kept = len(wanted) - 1
        place, held = place + len(held) - kept, held[-kept:]


def _ogg(file: BinaryIO) -> Iterator[int]:
    """Streams that are there side by side begin with a page each, one behind another: that is one recording."""
    yield 0
    end = _first_pages_end(file, 0)
    for place in list(islice(_found(file, _OGG, end), _MOST)):
        if place >= end:
            yield place
            end = _first_pages_end(file, place)


def _first_pages_end(file: BinaryIO, place: int) -> int:
    file.seek(place)
    while (head := file.read(_OGG_HEAD)).startswith(b"OggS") and len(head) == _OGG_HEAD and head[5] & _FIRST:
        place = _page_end(file, place)
        file.seek(place)
    return place


def _page_end(file: BinaryIO, place: int) -> int:
    file.seek(place)
    head = file.read(_OGG_HEAD)
    sizes = file.read(head[-1]) if len(head) == _OGG_HEAD else b""
    return place + _OGG_HEAD + len(sizes) + sum(sizes)


def _chained(file: BinaryIO, end_of: Callable[[BinaryIO, int], int | None]) -> Iterator[int]:
    """0, and each place where a recording ends and another one begins."""
    place: int | None = 0
    while place is not None:
        yield place
        place = end_of(file, place)


def _wav_end(file: BinaryIO, place: int) -> int | None:
    file.seek(place + 4)
    end = place + 8 + int.from_bytes(file.read(4), "little")
    file.seek(end)
    head = file.read(12)
    return end if end - place < _LARGEST and head[:4] == b"RIFF" and head[8:] == b"WAVE" else None


def _mp3_end(file: BinaryIO, place: int) -> int | None:
    """By the length in the first frame, where an encoder wrote one; decoders read no further than that."""
    first = _behind_id3(file, place)
    file.seek(first)
    frame = file.read(_MP3_HEAD)
    size = _mp3_size(frame)
    if size is None:
        return None
    file.seek(first + size)
    end = first + size + (128 if file.read(3) == b"TAG" else 0)
    file.seek(end)
    head = file.read(_SMALLEST_MP3)
    return end if len(head) == _SMALLEST_MP3 and (head.startswith(b"ID3") or _kind(head) == _kind(frame)) else None


def _mp3_size(frame: bytes) -> int | None:
    """Bytes of a recording of MP3, as its first frame says; None where it says nothing of lengths."""
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:  # of layer III
        return None
    mono, newest = frame[3] >> 6 == 3, frame[1] & 0x18 == 0x18
    side = (17 if mono else 32) if newest else (9 if mono else 17)
    tag = frame[4 + side : 20 + side]
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 16 or tag[7] & 3 != 3:  # with frames and bytes
        return None
    return int.from_bytes(tag[12:16]) or None


def _kind(frame: bytes) -> tuple[int, int]:
    """What all frames of a recording of MP3 share: version and layer, and the rate."""
    return frame[0] << 8 | frame[1] & 0xFE, frame[2] & 0x0C


def _behind_id3(file: BinaryIO, place: int) -> int:
    file.seek(place)
    head = file.read(10)
    if not head.startswith(b"ID3") or len(head) < 10:
        return place
    return place + 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])

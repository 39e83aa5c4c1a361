"""What a file says of its own length, where libsndfile does not tell."""

import io
from typing import BinaryIO

_OGG_HEAD = 27
_MP3_HEAD = 64


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
    frame = file.read(_MP3_HEAD)
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:  # of layer III
        return False
    mono, newest = frame[3] >> 6 == 3, frame[1] & 0x18 == 0x18
    side = (17 if mono else 32) if newest else (9 if mono else 17)
    tag = frame[4 + side : 20 + side]
    return tag[:4] in (b"Xing", b"Info") and len(tag) == 16 and tag[7] & 3 == 3  # with frames and bytes


def _page_end(file: BinaryIO, place: int) -> int:
    file.seek(place)
    head = file.read(_OGG_HEAD)
    sizes = file.read(head[-1]) if len(head) == _OGG_HEAD else b""
    return place + _OGG_HEAD + len(sizes) + sum(sizes)


def _behind_id3(file: BinaryIO, place: int) -> int:
    file.seek(place)
    head = file.read(10)
    if not head.startswith(b"ID3") or len(head) < 10:
        return place
    return place + 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])

"""Names of files on every system, texts from files, and what is said where one cannot be written."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from sparktts_onnx.errors import OutputError, TextError

MAX_FILE_NAME_BYTES = 200
"""Without an ending; the usual limit is 255 with it."""
MAX_TEXT_BYTES = 4_000_000
"""A million characters in UTF-8, the most that is spoken at once."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    [
        *("con", "prn", "aux", "nul", "conin$", "conout$"),
        *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"),
    ]
)
"""Names that Windows keeps for devices, whatever follows a dot."""


def names_a_file_everywhere(name: str) -> bool:
    """Whether every system takes a name for a file's, with an ending behind it, and shows the file."""
    if not name or not name.isprintable() or name != name.strip(" .") or _FORBIDDEN & set(name):
        return False
    is_short = len(name.encode("utf-8", "replace")) <= MAX_FILE_NAME_BYTES
    return is_short and name.split(".")[0].strip().casefold() not in _DEVICES


def file_name_key(name: str) -> str:
    """What two names share that are one file's on some system: neither case nor how letters are composed counts."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def read_text_file(path: Path | None, what: str = "the text file", *, most: int = MAX_TEXT_BYTES) -> str:
    """The text of a UTF-8 file, or of standard input, of at most so many bytes; -1 is any number.

    `what` the file is to the reader of a message.
    """
    name = "standard input" if path is None else f"{what} {path}"
    with _reading(name), nullcontext(_standard_input()) if path is None else path.open("rb") as file:
        data = file.read(most + 1 if most >= 0 else -1)
        if 0 <= most < len(data):
            raise TextError(f"{name} has more than {most} bytes, which is more text than is spoken at once")
        return data.decode("utf-8-sig").replace("\r\n", "\n")


def standard_input_pieces() -> Iterator[str]:
    """The text of standard input, in UTF-8, as it comes.

    Raises:
        TextError: it cannot be read, also where it ends within a character.
    """
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
    with _reading("standard input"):
        source = _standard_input()
        # Not through the buffer, whose lock would abort the interpreter at its end if a thread still waited in it.
        raw = getattr(source, "raw", source)
        while data := raw.read(1 << 16):
            yield decoder.decode(data)
        yield decoder.decode(b"", final=True)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise TextError("standard input is closed; give the text with --text or in a file")
    return sys.stdin.buffer


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses in the block is an `OutputError` about the file."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise TextError(f"{name} is not UTF-8 text: {error}; save it as UTF-8") from error
    except (OSError, ValueError) as error:  # a name with a NUL, standard input that was closed meanwhile
        raise TextError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error

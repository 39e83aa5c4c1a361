"""Names of files on every system, and texts from files."""

import sys
import unicodedata
from pathlib import Path

from sparktts_onnx.errors import TextError

MAX_FILE_NAME_BYTES = 200
"""Without an ending; the usual limit is 255 with it."""
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


def read_text_file(path: Path | None) -> str:
    """The text of a UTF-8 file, or of standard input."""
    name = "standard input" if path is None else str(path)
    if path is None and sys.stdin is None:
        raise TextError("standard input is closed; give the text with --text or in a file")
    try:
        data = sys.stdin.buffer.read() if path is None else path.read_bytes()
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise TextError(f"{name} is not UTF-8 text: {error}; save it as UTF-8") from error
    except (OSError, ValueError) as error:  # a name with a NUL, standard input that was closed meanwhile
        raise TextError(f"the text file {name} cannot be read: {getattr(error, 'strerror', None) or error}") from error

"""Speech into files: every format, marked as synthetic, there whole or not at all."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from sparktts_onnx.audio.encoding import encoder
from sparktts_onnx.audio.formats import format_of
from sparktts_onnx.audio.parts import see_writable, whole_file
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import OptionError, OutputError

BLOCK_SAMPLES = 1 << 16


def save(path: str | os.PathLike[str], wav: Wave, sample_rate: int, format: str | None = None) -> Path:
    """Write `wav` float32 [N] to `path`; the format is that of the ending unless named."""
    wav = np.asarray(wav)
    if wav.ndim != 1 or wav.dtype.kind != "f":
        raise OptionError(f"wav is {wav.dtype} {list(wav.shape)}; expected float32 [N] in [-1, 1]", field="wav")
    if not np.isfinite(wav).all():
        raise OptionError("wav has samples that are not finite numbers; expected float32 [N] in [-1, 1]", field="wav")
    if not isinstance(sample_rate, int | np.integer) or sample_rate < 1:
        raise OptionError(f"sample_rate is {sample_rate!r}; expected a whole number from 1", field="sample_rate")
    with SpeechFile(path, sample_rate, format) as file:
        for start in range(0, len(wav), BLOCK_SAMPLES):
            file.write(wav[start : start + BLOCK_SAMPLES])
    return file.path


class SpeechFile:
    """A file of speech that is written chunk by chunk and appears under its name when it is complete.

    Use it with `with`; an exception inside leaves what was there before.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate: int, format: str | None = None) -> None:
        self.path = Path(path)
        self._encoder = encoder(format or format_of(path).name, sample_rate)
        see_writable(self.path)

    def write(self, chunk: Wave) -> None:
        """Append `chunk` float32 [n]."""
        data = self._encoder.encode(chunk)
        with _as_output_error(self.path):
            self._file.write(data)

    def __enter__(self) -> "SpeechFile":
        with _as_output_error(self.path), ExitStack() as opened:
            self._file = opened.enter_context(opened.enter_context(whole_file(self.path)).open("xb"))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            with suppress(OSError):  # closing writes what is buffered: the reason is already on its way up
                self._opened.__exit__(kind, *rest)
            return
        with _as_output_error(self.path), self._opened:
            self._file.write(self._encoder.finish())
            for offset, data in self._encoder.repairs:
                self._file.seek(offset)
                self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())


def free_name(folder: Path, suffix: str) -> Path:
    """A file name by the present time that nothing has yet, nor another thread or process at this moment."""
    stem = time.strftime("%Y%m%d-%H%M%S")
    return folder / f"{stem}-{secrets.token_hex(4)}{suffix}"


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Say in one message why `path` cannot be written."""
    try:
        yield
    except ValueError as error:  # a NUL in the name
        raise OutputError(f"cannot write {str(path)!r}: {error}; choose another name") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"cannot write {path}: the disk is full; free some space or choose another") from error
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; choose another place or name") from error

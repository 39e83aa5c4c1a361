"""Every error that this package raises on purpose.

A message says what was wrong, what was found, what was expected, and what to do about it.
"""

from pathlib import Path
from typing import Any


class SparkTTSError(Exception):
    """Base of every error of this package; its text is one message for a person, and programs read the attributes."""

    field: str | None = None
    """The option or argument at fault, where there is one."""
    file: Path | None = None
    """The file or folder at fault, where there is one; the text begins with it."""

    def __init__(self, message: str = "", *, field: str | None = None, file: Path | None = None) -> None:
        super().__init__(message)
        self.field, self.file = field, file

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, such as come from another process, have the message as it is: no `__init__` makes it again."""
        return type(self).__new__, (type(self), *self.args), vars(self)

    def __str__(self) -> str:
        return self.message if self.file is None else f"{self.file}: {self.message}"

    @property
    def message(self) -> str:
        """The text without the file's path, for readers who should not know it."""
        return str(self.args[0]) if self.args else ""


class BundleError(SparkTTSError):
    """A bundle is missing, incomplete, altered, or of another format version."""


class CheckpointError(SparkTTSError):
    """A checkpoint folder cannot be read."""


class ExportError(SparkTTSError):
    """A graph could not be written."""


class VerificationError(ExportError):
    """A graph was written and does not agree with the model."""


class RecordingError(SparkTTSError):
    """A prompt recording cannot be used."""


class TextError(SparkTTSError):
    """A text cannot be spoken, or a text file cannot be read."""


class NothingToSpeakError(TextError):
    """A text holds no word: it is empty, or signs alone."""


class VoiceError(SparkTTSError):
    """A voice is unknown, unreadable, or belongs to another codec."""


class NameTakenError(VoiceError):
    """Another voice has that name."""


class OptionError(SparkTTSError, ValueError):
    """An option is out of range."""


class ProviderError(SparkTTSError):
    """An execution provider is not available."""


class GenerationError(SparkTTSError):
    """A graph gave something that cannot be spoken, or could not be computed."""


class OutputError(SparkTTSError):
    """A result cannot be written or played."""


class HubError(SparkTTSError):
    """A model cannot be had from the hub, or not be put there."""


class MissingDependencyError(SparkTTSError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, *, needs: str, extra: str) -> None:
        super().__init__(f"{what} needs {needs}, which is not installed: pip install 'sparktts-onnx[{extra}]'")

"""Libraries that only some users need: loaded when used, named with their extra when absent."""

import importlib
from typing import Any

from sparktts_onnx.errors import MissingDependencyError


def load_av(what: str) -> Any:
    """PyAV, for AAC and for changing speed."""
    return _load("av", what, needs="PyAV", extra="aac")


def load_sounddevice(what: str) -> Any:
    """The binding to PortAudio, for playing aloud."""
    return _load("sounddevice", what, needs="sounddevice", extra="play")


def _load(module: str, what: str, *, needs: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise MissingDependencyError(what, needs=needs, extra=extra) from error

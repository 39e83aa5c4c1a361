"""Spark-TTS on ONNX Runtime: zero-shot text-to-speech without PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparktts_onnx.public import *  # noqa: F403
else:

    def __getattr__(name):
        """A public name. All are loaded with the first, in half a second in which a command can already be stopped."""
        public = import_module("sparktts_onnx.public")
        if name in ("__all__", *public.__all__):
            return getattr(public, name)
        if name in globals():  # a module of the package, which has just been loaded with the others
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *import_module("sparktts_onnx.public").__all__})

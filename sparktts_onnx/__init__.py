"""Spark-TTS on ONNX Runtime: zero-shot text-to-speech without PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparktts_onnx.public import *  # noqa: F403
else:

    def __getattr__(name):
        """A public name. All are loaded with the first, in half a second in which a command can already be stopped."""
        return getattr(import_module("sparktts_onnx.public"), name)

    def __dir__():
        return import_module("sparktts_onnx.public").__all__

"""The command line `spark-tts-onnx`."""

from sparktts_onnx.cli.main import main

__all__ = ["main"]

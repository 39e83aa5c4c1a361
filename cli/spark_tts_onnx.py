"""Speak from the command line (`python -m cli.spark_tts_onnx --help`); also gives the library's class by name."""

from sparktts_onnx.cli import main

__all__ = ["SparkTTSONNX", "main"]

if __name__ == "__main__":  # The class takes a moment to load, and `main` knows what to do when it is stopped then.
    raise SystemExit(main())

from sparktts_onnx import SparkTTSONNX

"""Speak from the command line (`python -m cli.spark_tts_onnx --help`); also gives the library's class by name."""

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.cli import main

__all__ = ["SparkTTSONNX", "main"]

if __name__ == "__main__":
    raise SystemExit(main())

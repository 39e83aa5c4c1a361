"""Command lines that work from a clone: `python -m cli.spark_tts_onnx`."""

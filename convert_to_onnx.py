"""Convert a Spark-TTS checkpoint to a bundle of ONNX graphs: `python convert_to_onnx.py --help`."""

from sparktts_onnx.export.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

"""Convert a Spark-TTS checkpoint to a bundle of ONNX graphs: `python convert_to_onnx.py --help`."""

import sys

from sparktts_onnx.cli import main

if __name__ == "__main__":
    raise SystemExit(main(["convert", *sys.argv[1:]]))

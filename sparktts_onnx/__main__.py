"""`python -m sparktts_onnx`: the command line, also where no script was installed."""

from sparktts_onnx.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

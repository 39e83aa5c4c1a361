"""Fails where the environment holds a library that the runtime has to do without."""

import importlib.util

FORBIDDEN = ("torch", "transformers", "onnx", "onnxscript", "safetensors", "fastapi")

found = [name for name in FORBIDDEN if importlib.util.find_spec(name) is not None]
if found:
    raise SystemExit(f"error: this environment should not have {', '.join(found)}")

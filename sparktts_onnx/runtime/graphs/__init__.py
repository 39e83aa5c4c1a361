"""ONNX Runtime: sessions, providers, tuning, packed weights."""

"""The runtime: text and a voice in, speech out; numpy and ONNX Runtime only."""

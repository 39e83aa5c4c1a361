"""From a checkpoint folder to a verified bundle of ONNX graphs; the only part that needs PyTorch."""

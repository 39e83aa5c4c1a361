"""BiCodec in PyTorch, written from the description of the published model."""

from sparktts_onnx.export.modules.bicodec import BiCodec
from sparktts_onnx.export.modules.config import BiCodecConfig

__all__ = ["BiCodec", "BiCodecConfig"]

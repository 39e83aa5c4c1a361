"""Text before speech: how it is read, where it is cut, and how long it takes."""

from sparktts_onnx.text.duration import TokenBounds, expected_seconds, expected_tokens, is_speakable, token_bounds
from sparktts_onnx.text.lexicon import Lexicon
from sparktts_onnx.text.normalize import NormalizeOptions, detect_language, normalize
from sparktts_onnx.text.segments import (
    DEFAULT_BUDGET,
    DEFAULT_JOIN_BELOW,
    Segmenter,
    TextSegment,
    iter_segments,
    split,
)

__all__ = [
    "DEFAULT_BUDGET",
    "DEFAULT_JOIN_BELOW",
    "Lexicon",
    "NormalizeOptions",
    "TextSegment",
    "Segmenter",
    "TokenBounds",
    "detect_language",
    "expected_seconds",
    "expected_tokens",
    "is_speakable",
    "iter_segments",
    "normalize",
    "split",
    "token_bounds",
]

"""The public names; the package gives them under its own name."""

from sparktts_onnx import errors
from sparktts_onnx._version import __version__
from sparktts_onnx.audio.formats import FORMATS
from sparktts_onnx.audio.playback import play
from sparktts_onnx.audio.subtitles import Cue, srt, webvtt
from sparktts_onnx.audio.writing import save as save_speech
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import SparkTTSError
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions
from sparktts_onnx.runtime.pipeline import SparkTTSONNX
from sparktts_onnx.runtime.speech.batching import BatchResult
from sparktts_onnx.runtime.speech.feed import TextFeed
from sparktts_onnx.runtime.speech.request import SpeechOptions
from sparktts_onnx.runtime.speech.result import SegmentInfo, SpeechInfo, WordInfo
from sparktts_onnx.runtime.speech.streaming import SpeechStream
from sparktts_onnx.runtime.voices.built_in import BuiltInVoices
from sparktts_onnx.runtime.voices.enrollment import Enrollment, EnrollOptions
from sparktts_onnx.runtime.voices.library import VoiceEntry, VoiceLibrary
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.lexicon import Lexicon
from sparktts_onnx.text.ssml import Ssml

__all__ = [
    "BatchResult",
    "BuiltInVoices",
    "Cue",
    "EnrollOptions",
    "Enrollment",
    "FORMATS",
    "Lexicon",
    "Manifest",
    "SegmentInfo",
    "SparkTTSError",
    "SparkTTSONNX",
    "SpeechInfo",
    "SpeechOptions",
    "SpeechStream",
    "Ssml",
    "StreamOptions",
    "TextFeed",
    "Voice",
    "VoiceEntry",
    "VoiceLibrary",
    "VoiceStyle",
    "WordInfo",
    "__version__",
    "errors",
    "play",
    "save_speech",
    "srt",
    "webvtt",
]

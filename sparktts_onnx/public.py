"""The public names; the package gives them under its own name."""

from sparktts_onnx import errors
from sparktts_onnx._version import __version__
from sparktts_onnx.audio.checks import RecordingReport
from sparktts_onnx.audio.encoding import StreamEncoder, encoder
from sparktts_onnx.audio.formats import FORMATS
from sparktts_onnx.audio.playback import play
from sparktts_onnx.audio.subtitles import Cue, srt, webvtt
from sparktts_onnx.audio.writing import save as save_speech
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import SparkTTSError
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions
from sparktts_onnx.runtime.pipeline import DEFAULT_SLOTS, SparkTTSONNX
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
    "DEFAULT_SLOTS",
    "EnrollOptions",
    "Enrollment",
    "FORMATS",
    "Lexicon",
    "Manifest",
    "RecordingReport",
    "SegmentInfo",
    "SparkTTSError",
    "SparkTTSONNX",
    "SpeechInfo",
    "SpeechOptions",
    "SpeechStream",
    "Ssml",
    "StreamEncoder",
    "StreamOptions",
    "TextFeed",
    "Voice",
    "VoiceEntry",
    "VoiceLibrary",
    "VoiceStyle",
    "WordInfo",
    "__version__",
    "encoder",
    "errors",
    "play",
    "save_speech",
    "srt",
    "webvtt",
]

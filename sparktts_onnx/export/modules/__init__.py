"""BiCodec in PyTorch, written from the description of the published model."""

from torch import nn

from sparktts_onnx.export.modules.config import BiCodecConfig
from sparktts_onnx.export.modules.feature_codec import FeatureDecoder, FeatureEncoder
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.modules.mel import MelSpectrogram
from sparktts_onnx.export.modules.quantizer import VectorQuantizer
from sparktts_onnx.export.modules.speaker import SpeakerEncoder


class BiCodec(nn.Module):
    """All of it; the names of its parts are the names in the published state_dict."""

    def __init__(self, config: BiCodecConfig) -> None:
        super().__init__()
        self.encoder = FeatureEncoder(config.encoder)
        self.decoder = WaveGenerator(config.decoder)
        self.quantizer = VectorQuantizer(config.quantizer)
        self.speaker_encoder = SpeakerEncoder(config.speaker_encoder)
        self.prenet = FeatureDecoder(config.prenet)
        self.postnet = FeatureDecoder(config.postnet)
        self.mel_transformer = MelSpectrogram(config.mel_params)

"""BiCodec as a whole; the names of its parts are the names in the published state_dict."""

from typing import cast

from torch import Tensor, nn

from sparktts_onnx.export.modules.config import BiCodecConfig
from sparktts_onnx.export.modules.feature_codec import FeatureDecoder, FeatureEncoder
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.modules.mel import MelSpectrogram
from sparktts_onnx.export.modules.quantizer import VectorQuantizer
from sparktts_onnx.export.modules.speaker import SpeakerEncoder


class BiCodec(nn.Module):
    """Recording to semantic and global ids, and the ids back to a recording."""

    def __init__(self, config: BiCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FeatureEncoder(config.encoder)
        self.decoder = WaveGenerator(config.decoder)
        self.quantizer = VectorQuantizer(config.quantizer)
        self.speaker_encoder = SpeakerEncoder(config.speaker_encoder)
        self.prenet = FeatureDecoder(config.prenet)
        self.postnet = FeatureDecoder(config.postnet)
        self.mel_transformer = MelSpectrogram(config.mel_params)

    def tokenize(self, features: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Features float32 [B, T, D] and clip float32 [B, N] to ids int64 [B, T] and int64 [B, 1, G]."""
        semantic_ids = self.quantizer.tokenize(self.encoder(features))
        global_ids, _ = self.speaker_encoder.tokenize(self.mel_transformer(reference))
        return semantic_ids, global_ids

    def detokenize(self, semantic_ids: Tensor, global_ids: Tensor) -> Tensor:
        """int64 [B, T] and int64 [B, 1, G] to samples float32 [B, 1, N]."""
        speaker = self.speaker_encoder.detokenize(global_ids)  # [B, D]
        features = self.prenet(self.quantizer.detokenize(semantic_ids), speaker)
        return cast(Tensor, self.decoder(features + speaker.unsqueeze(-1)))

"""The encoder (wav2vec2 features to latents) and the feature decoder (the prenet and the postnet)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sparktts_onnx.export.modules.config import FeatureDecoderConfig, FeatureEncoderConfig
from sparktts_onnx.export.modules.convnext import SamplingBlock, VocosBackbone

STAGE_LAYERS = 2
"""ConvNeXt blocks behind each sampling block; fixed in the original."""


def _stages(config: FeatureEncoderConfig, sampling: Callable[[int], SamplingBlock]) -> nn.Sequential:
    """A sampling block for each ratio, with ConvNeXt blocks behind it."""
    dim, hidden = config.vocos_dim, config.vocos_intermediate_dim
    return nn.Sequential(
        *(
            nn.Sequential(sampling(ratio), VocosBackbone(dim, dim, intermediate_dim=hidden, num_layers=STAGE_LAYERS))
            for ratio in config.sample_ratios
        )
    )


class FeatureEncoder(nn.Module):
    """wav2vec2 features to the latents that the quantizer reads."""

    def __init__(self, config: FeatureEncoderConfig) -> None:
        super().__init__()
        dim, hidden = config.vocos_dim, config.vocos_intermediate_dim
        self.encoder = VocosBackbone(
            config.input_channels, dim, intermediate_dim=hidden, num_layers=config.vocos_num_layers
        )
        self.downsample = _stages(config, lambda ratio: SamplingBlock(dim, downsample=ratio))
        self.project = nn.Linear(dim, config.out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """float32 [B, T, D] to float32 [B, D, T]."""
        x = self.encoder(features.transpose(1, 2))  # [B, T, C]
        result: Tensor = self.project(self.downsample(x)).transpose(1, 2)
        return result


class FeatureDecoder(nn.Module):
    """Latents to features, conditioned on the speaker's vector where the config says so."""

    def __init__(self, config: FeatureDecoderConfig) -> None:
        super().__init__()
        dim, hidden = config.vocos_dim, config.vocos_intermediate_dim
        self.linear_pre = nn.Linear(config.input_channels, dim)
        self.downsample = _stages(config, lambda ratio: SamplingBlock(dim, upsample=ratio))
        self.vocos_backbone = VocosBackbone(
            dim, dim, intermediate_dim=hidden, num_layers=config.vocos_num_layers, condition_dim=config.condition_dim
        )
        self.linear = nn.Linear(dim, config.out_channels)
        self.use_tanh = config.use_tanh_at_final

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """float32 [B, D, T], float32 [B, K] to float32 [B, D, T]."""
        x = self.downsample(self.linear_pre(x.transpose(1, 2))).transpose(1, 2)  # [B, C, T]
        x = self.linear(self.vocos_backbone(x, condition)).transpose(1, 2)
        return torch.tanh(x) if self.use_tanh else x

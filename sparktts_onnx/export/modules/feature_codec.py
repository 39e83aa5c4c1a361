"""The encoder (wav2vec2 features to latents) and the decoder (prenet and postnet) of features, of ConvNeXt blocks."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.modules.config import FeatureDecoderConfig, FeatureEncoderConfig

NORM_EPS = 1e-6
LEAKY_SLOPE = 0.2
STAGE_LAYERS = 2
"""ConvNeXt blocks behind each sampling block; fixed in the original."""


class AdaptiveLayerNorm(nn.Module):
    """A LayerNorm whose scale and shift are linear in a condition vector."""

    def __init__(self, dim: int, condition_dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.scale = nn.Linear(condition_dim, dim)
        self.shift = nn.Linear(condition_dim, dim)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """float32 [B, T, C], float32 [B, K] to float32 [B, T, C]."""
        plain = F.layer_norm(x, (self.dim,), eps=NORM_EPS)
        scale: Tensor = self.scale(condition).unsqueeze(1)
        shift: Tensor = self.shift(condition).unsqueeze(1)
        return plain * scale + shift


def make_norm(dim: int, condition_dim: int | None) -> nn.Module:
    """A plain or an adaptive LayerNorm over the channels."""
    return nn.LayerNorm(dim, eps=NORM_EPS) if condition_dim is None else AdaptiveLayerNorm(dim, condition_dim)


def apply_norm(norm: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    """Call either kind of norm on float32 [B, T, C]."""
    return cast(Tensor, norm(x, condition) if isinstance(norm, AdaptiveLayerNorm) else norm(x))


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, norm, a two-layer perceptron, a learned scale, and the input added."""

    def __init__(self, dim: int, intermediate_dim: int, condition_dim: int | None, *, scale: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = make_norm(dim, condition_dim)
        self.pwconv1 = nn.Linear(dim, intermediate_dim)
        self.pwconv2 = nn.Linear(intermediate_dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        y = self.dwconv(x).transpose(1, 2)  # [B, T, C]
        y = apply_norm(self.norm, y, condition)
        y = self.gamma * cast(Tensor, self.pwconv2(F.gelu(self.pwconv1(y))))
        return x + y.transpose(1, 2)


class VocosBackbone(nn.Module):
    """An embedding convolution, ConvNeXt blocks, and a final norm."""

    def __init__(
        self, config: FeatureEncoderConfig, input_channels: int, num_layers: int, condition_dim: int | None = None
    ) -> None:
        super().__init__()
        dim, hidden = config.vocos_dim, config.vocos_intermediate_dim
        self.embed = nn.Conv1d(input_channels, dim, kernel_size=7, padding=3)
        self.norm = make_norm(dim, condition_dim)
        self.convnext = nn.ModuleList(
            ConvNeXtBlock(dim, hidden, condition_dim, scale=1 / num_layers) for _ in range(num_layers)
        )
        self.final_layer_norm = nn.LayerNorm(dim, eps=NORM_EPS)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, T, C]."""
        x = apply_norm(self.norm, self.embed(x).transpose(1, 2), condition).transpose(1, 2)  # [B, C, T]
        for block in self.convnext:
            x = block(x, condition)
        return cast(Tensor, self.final_layer_norm(x.transpose(1, 2)))


class SamplingBlock(nn.Module):
    """Change the frame rate: three paths added up, of which only the convolution has weights.

    A ratio of 1 has no weights at all, so the three paths are the input three times.
    """

    def __init__(self, dim: int, *, upsample: int = 1, downsample: int = 1) -> None:
        super().__init__()
        self.upsample = upsample
        self.downsample = downsample
        ratio = max(upsample, downsample)  # One of them is 1.
        shape: dict[str, Any] = {"stride": ratio, "groups": dim, "padding": ratio // 2 + ratio % 2}
        if upsample > 1:
            convolution = nn.ConvTranspose1d(dim, dim, 2 * ratio, output_padding=ratio % 2, **shape)
            self.de_conv_upsampler = nn.Sequential(nn.LeakyReLU(LEAKY_SLOPE), convolution)
        if downsample > 1:
            self.conv_downsampler = nn.Sequential(nn.LeakyReLU(LEAKY_SLOPE), nn.Conv1d(dim, dim, 2 * ratio, **shape))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, T, C] to float32 [B, C, T · upsample // downsample]."""
        skip = merged = x.transpose(1, 2)  # [B, C, T]
        if self.upsample > 1:
            skip = skip.unsqueeze(-1).expand(-1, -1, -1, self.upsample).flatten(2)  # each frame so many times in a row
            merged = self.de_conv_upsampler(x.transpose(1, 2)) + skip
        if self.downsample == 1:
            return merged + merged + skip
        pooled = F.avg_pool1d(merged, self.downsample)
        # An odd ratio can give the convolution one frame more than the pooling; the extra one has no partner.
        convolved = self.conv_downsampler(merged)[:, :, : pooled.shape[2]]
        return cast(Tensor, convolved + pooled + F.avg_pool1d(skip, self.downsample))


def _stages(config: FeatureEncoderConfig, sampling: Callable[[int], SamplingBlock]) -> nn.Sequential:
    """A sampling block for each ratio, with ConvNeXt blocks behind it."""
    return nn.Sequential(
        *(
            nn.Sequential(sampling(ratio), VocosBackbone(config, config.vocos_dim, STAGE_LAYERS))
            for ratio in config.sample_ratios
        )
    )


class FeatureEncoder(nn.Module):
    """wav2vec2 features to the latents that the quantizer reads."""

    def __init__(self, config: FeatureEncoderConfig) -> None:
        super().__init__()
        dim = config.vocos_dim
        self.encoder = VocosBackbone(config, config.input_channels, config.vocos_num_layers)
        self.downsample = _stages(config, lambda ratio: SamplingBlock(dim, downsample=ratio))
        self.project = nn.Linear(dim, config.out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """float32 [B, T, D] to float32 [B, D, T]."""
        x = self.encoder(features.transpose(1, 2))  # [B, T, C]
        return cast(Tensor, self.project(self.downsample(x)).transpose(1, 2))


class FeatureDecoder(nn.Module):
    """Latents to features, conditioned on the speaker's vector where the config says so."""

    def __init__(self, config: FeatureDecoderConfig) -> None:
        super().__init__()
        dim = config.vocos_dim
        self.linear_pre = nn.Linear(config.input_channels, dim)
        self.downsample = _stages(config, lambda ratio: SamplingBlock(dim, upsample=ratio))
        self.vocos_backbone = VocosBackbone(config, dim, config.vocos_num_layers, config.condition_dim)
        self.linear = nn.Linear(dim, config.out_channels)
        self.use_tanh = config.use_tanh_at_final

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """float32 [B, D, T], float32 [B, K] to float32 [B, D, T]."""
        x = self.downsample(self.linear_pre(x.transpose(1, 2))).transpose(1, 2)  # [B, C, T]
        x = self.linear(self.vocos_backbone(x, condition)).transpose(1, 2)
        return torch.tanh(x) if self.use_tanh else x

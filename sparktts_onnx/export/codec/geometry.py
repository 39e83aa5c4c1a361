"""How far the codec's graphs look to each side, from their convolutions: what exact windows need as overlap."""

import math

from sparktts_onnx.bundle.manifest import CodecLayout
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.modules.config import FeatureDecoderConfig, GeneratorConfig
from sparktts_onnx.export.modules.feature_codec import STAGE_LAYERS
from sparktts_onnx.export.modules.generator import KERNEL, before_transposed, block_contexts

CONVNEXT_REACH = 3
"""Frames to each side of a ConvNeXt block's or an embedding's kernel of 7."""


def prenet_context(config: FeatureDecoderConfig) -> int:
    """Tokens to each side that one token's output frames depend on."""
    ratio = math.prod(config.sample_ratios)
    low, high = 0, ratio - 1
    reach = CONVNEXT_REACH * (1 + config.vocos_num_layers)
    low, high = low - reach, high + reach
    for factor in reversed(config.sample_ratios):
        reach = CONVNEXT_REACH * (1 + STAGE_LAYERS)
        low, high = low - reach, high + reach
        if factor > 1:
            padding = factor // 2 + factor % 2
            low, high = before_transposed(low, high, rate=factor, kernel=2 * factor, padding=padding)
    return max(-low, high)


def generator_context(config: GeneratorConfig) -> int:
    """Frames to each side that one frame's samples depend on."""
    return KERNEL // 2 + block_contexts(config.rates, config.kernel_sizes)[0]


def codec_layout(checkpoint: Checkpoint, *, fingerprint: str, fixed_frames: int | None) -> CodecLayout:
    """The codec's sizes, for the manifest."""
    audio, codec = checkpoint.audio, checkpoint.codec
    frames_per_token = math.prod(codec.prenet.sample_ratios)
    return CodecLayout(
        fingerprint=fingerprint,
        sample_rate=audio.sample_rate,
        hop_length=math.prod(codec.decoder.rates) * frames_per_token,
        reference_samples=audio.reference_samples,
        reference_hop=audio.latent_hop_length,
        volume_normalize=audio.volume_normalize,
        feature_dim=codec.quantizer.input_dim,
        condition_dim=codec.speaker_encoder.out_dim,
        semantic_codes=codec.quantizer.codebook_size,
        global_codes=math.prod(codec.speaker_encoder.fsq_levels),
        global_tokens=codec.speaker_encoder.token_num,
        prenet_context=prenet_context(codec.prenet),
        decoder_context=generator_context(codec.decoder),
        frames_per_token=frames_per_token,
        fixed_frames=fixed_frames,
    )

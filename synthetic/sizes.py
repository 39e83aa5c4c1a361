"""The sizes of synthetic checkpoints: those of the published model, and a tiny one of the same make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Table = Mapping[str, Any]

AUDIO: Table = {
    "highpass_cutoff_freq": 40,
    "sample_rate": 16000,
    "segment_duration": 2.4,
    "max_val_duration": 12,
    "latent_hop_length": 320,
    "ref_segment_duration": 6,
    "volume_normalize": True,
}
MEL: Table = {
    "sample_rate": 16000,
    "n_fft": 1024,
    "win_length": 640,
    "hop_length": 320,
    "mel_fmin": 10,
    "mel_fmax": None,
    "num_mels": 128,
}


@dataclass(frozen=True)
class Sizes:
    """Every config of a checkpoint."""

    audio: Table
    """`config.yaml`."""
    codec: Table
    """`BiCodec/config.yaml`, below `audio_tokenizer`."""
    language_model: Table
    """`LLM/config.json`; without `vocab_size` it follows from the tokenizer."""
    wav2vec2: Table
    """`wav2vec2-large-xlsr-53/config.json`."""
    text_ids: int
    """Ids before the first added token."""
    published_ends: bool = False
    """Whether the last control tokens have the ids of the published tokenizer."""


def tiny_sizes() -> Sizes:
    """Runs in milliseconds, nowhere the same width twice by accident of the published sizes."""
    return Sizes(
        audio=AUDIO,
        codec=codec_sizes(
            width=32, hidden=24, intermediate=48, layers=2, postnet_layers=1, codes=512, latent=16, channels=48
        ),
        language_model=language_model_sizes(width=64, intermediate=128, layers=2, heads=4),
        wav2vec2=wav2vec2_sizes(width=32, layers=17, heads=4, intermediate=64, convolution=32, kernel=16, groups=4),
        text_ids=300,
    )


def full_sizes() -> Sizes:
    """The sizes of Spark-TTS-0.5B."""
    return Sizes(
        audio=AUDIO,
        codec=codec_sizes(
            width=1024,
            hidden=384,
            intermediate=2048,
            layers=12,
            postnet_layers=6,
            codes=8192,
            latent=128,
            channels=1536,
        ),
        language_model={
            **language_model_sizes(width=896, intermediate=4864, layers=24, heads=14),
            "vocab_size": 166000,
        },
        wav2vec2=wav2vec2_sizes(
            width=1024, layers=24, heads=16, intermediate=4096, convolution=512, kernel=128, groups=16
        ),
        text_ids=151643,
        published_ends=True,
    )


def codec_sizes(
    *,
    width: int,
    hidden: int,
    intermediate: int,
    layers: int,
    postnet_layers: int,
    codes: int,
    latent: int,
    channels: int,
) -> dict[str, Any]:
    """The codec's sections, all of one feature width."""
    blocks = {"vocos_dim": hidden, "vocos_intermediate_dim": intermediate}
    ends = {"input_channels": width, "out_channels": width}
    return {
        "mel_params": dict(MEL),
        "encoder": {**ends, **blocks, "vocos_num_layers": layers, "sample_ratios": [1, 1]},
        "decoder": {
            "input_channel": width,
            "channels": channels,
            "rates": [8, 5, 4, 2],
            "kernel_sizes": [16, 11, 8, 4],
        },
        "quantizer": {"input_dim": width, "codebook_size": codes, "codebook_dim": 8, "use_l2_normlize": True},
        "speaker_encoder": {
            "input_dim": 128,
            "out_dim": width,
            "latent_dim": latent,
            "token_num": 32,
            "fsq_levels": [4, 4, 4, 4, 4, 4],
            "fsq_num_quantizers": 1,
        },
        "prenet": {
            **ends,
            **blocks,
            "vocos_num_layers": layers,
            "condition_dim": width,
            "sample_ratios": [1, 1],
            "use_tanh_at_final": False,
        },
        "postnet": {**ends, **blocks, "vocos_num_layers": postnet_layers, "use_tanh_at_final": False},
    }


def language_model_sizes(*, width: int, intermediate: int, layers: int, heads: int) -> dict[str, Any]:
    """A Qwen2 decoder with two key and value heads."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_act": "silu",
        "hidden_size": width,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "use_sliding_window": False,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }


def wav2vec2_sizes(
    *, width: int, layers: int, heads: int, intermediate: int, convolution: int, kernel: int, groups: int
) -> dict[str, Any]:
    """A pre-norm wav2vec2."""
    return {
        "architectures": ["Wav2Vec2ForPreTraining"],
        "model_type": "wav2vec2",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "conv_dim": [convolution] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "feat_extract_activation": "gelu",
        "do_stable_layer_norm": True,
        "hidden_act": "gelu",
        "num_conv_pos_embeddings": kernel,
        "num_conv_pos_embedding_groups": groups,
        "num_feat_extract_layers": 7,
        "layer_norm_eps": 1e-05,
        "vocab_size": 32,
        "apply_spec_augment": True,
    }

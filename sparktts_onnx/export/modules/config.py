"""The sizes of a BiCodec, as its `config.yaml` states them, checked before anything is built."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sparktts_onnx.errors import CheckpointError

logger = logging.getLogger(__name__)

Section = TypeVar("Section")

TRAINING_ONLY = frozenset({"commitment", "codebook_loss_weight", "threshold_ema_dead_code", "decay"})
"""Keys of the published configs that only matter while training."""


@dataclass(frozen=True)
class MelConfig:
    """The magnitude mel spectrogram that the speaker encoder hears."""

    sample_rate: int
    """Samples a second."""
    n_fft: int
    """Length of the Fourier transform, samples."""
    win_length: int
    """Length of the Hann window, samples, centered in `n_fft`."""
    hop_length: int
    """Samples between two frames."""
    num_mels: int
    """Number of mel filters."""
    mel_fmin: float = 0.0
    """Lower edge of the lowest filter, Hz."""
    mel_fmax: float | None = None
    """Upper edge of the highest filter, Hz; None means half the sample rate."""


@dataclass(frozen=True)
class FeatureEncoderConfig:
    """wav2vec2 features to the latents that are quantized."""

    input_channels: int
    """Width of the wav2vec2 features."""
    vocos_dim: int
    """Width of the ConvNeXt blocks."""
    vocos_intermediate_dim: int
    """Hidden width inside a ConvNeXt block."""
    vocos_num_layers: int
    """Number of ConvNeXt blocks in the first backbone."""
    out_channels: int
    """Width of the latents."""
    sample_ratios: tuple[int, ...] = (1, 1)
    """Down-sampling factor of each later stage."""


@dataclass(frozen=True)
class FeatureDecoderConfig:
    """The prenet or the postnet: latents to features."""

    input_channels: int
    """Width of the input."""
    vocos_dim: int
    """Width of the ConvNeXt blocks."""
    vocos_intermediate_dim: int
    """Hidden width inside a ConvNeXt block."""
    vocos_num_layers: int
    """Number of ConvNeXt blocks in the last backbone."""
    out_channels: int
    """Width of the output."""
    condition_dim: int | None = None
    """Width of the vector that conditions the last backbone; None for none."""
    sample_ratios: tuple[int, ...] = (1, 1)
    """Up-sampling factor of each earlier stage."""
    use_tanh_at_final: bool = False
    """Whether the output passes through tanh."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The wave generator: features to samples."""

    input_channel: int
    """Width of the input."""
    channels: int
    """Channels before the first up-sampling block; each block halves them."""
    rates: tuple[int, ...]
    """Up-sampling factor of each block; their product is the samples per feature frame."""
    kernel_sizes: tuple[int, ...]
    """Kernel of each block's transposed convolution."""


@dataclass(frozen=True)
class QuantizerConfig:
    """The vector quantizer behind the semantic ids."""

    input_dim: int
    """Width of the latents."""
    codebook_size: int
    """Number of codes."""
    codebook_dim: int
    """Width of a code."""
    use_l2_normlize: bool = True
    """Whether nearest means nearest in angle (the key is spelled so in the published file)."""


@dataclass(frozen=True)
class SpeakerConfig:
    """Mel spectrogram to the global ids, and the ids to one conditioning vector."""

    input_dim: int
    """Number of mel filters."""
    out_dim: int
    """Width of the x-vector and of the conditioning vector."""
    latent_dim: int = 128
    """Width of the resampler's latents."""
    token_num: int = 32
    """Number of global ids."""
    fsq_levels: tuple[int, ...] = (4, 4, 4, 4, 4, 4)
    """Levels of each dimension of the finite scalar quantizer."""
    fsq_num_quantizers: int = 1
    """Residual quantizers; only one is described, so only one is accepted."""


@dataclass(frozen=True)
class BiCodecConfig:
    """Everything below the key `audio_tokenizer`."""

    mel_params: MelConfig
    """The spectrogram."""
    encoder: FeatureEncoderConfig
    """Features to latents."""
    decoder: GeneratorConfig
    """The wave generator (the published key is `decoder`)."""
    quantizer: QuantizerConfig
    """Latents to semantic ids and back."""
    speaker_encoder: SpeakerConfig
    """Spectrogram to global ids and back to a vector."""
    prenet: FeatureDecoderConfig
    """Quantized latents and the speaker's vector to the generator's input."""
    postnet: FeatureDecoderConfig
    """A training target, exported and verified all the same."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later, with the keys that disagree."""
        if self.speaker_encoder.fsq_num_quantizers != 1:
            raise CheckpointError(
                f"speaker_encoder.fsq_num_quantizers is {self.speaker_encoder.fsq_num_quantizers}: "
                "only checkpoints with 1 can be converted"
            )
        if len(self.decoder.rates) != len(self.decoder.kernel_sizes):
            raise CheckpointError(
                f"decoder.rates has {len(self.decoder.rates)} entries and decoder.kernel_sizes "
                f"{len(self.decoder.kernel_sizes)}: both name one value per up-sampling block"
            )
        _agree(
            "mel_params.num_mels", self.mel_params.num_mels, "speaker_encoder.input_dim", self.speaker_encoder.input_dim
        )
        _agree("encoder.out_channels", self.encoder.out_channels, "quantizer.input_dim", self.quantizer.input_dim)
        _agree("quantizer.input_dim", self.quantizer.input_dim, "prenet.input_channels", self.prenet.input_channels)
        _agree("prenet.out_channels", self.prenet.out_channels, "decoder.input_channel", self.decoder.input_channel)
        _agree(
            "prenet.condition_dim", self.prenet.condition_dim, "speaker_encoder.out_dim", self.speaker_encoder.out_dim
        )
        _agree("prenet.out_channels", self.prenet.out_channels, "speaker_encoder.out_dim", self.speaker_encoder.out_dim)

    @classmethod
    def from_dict(cls, sections: Mapping[str, Any]) -> BiCodecConfig:
        """Build from the parsed YAML below `audio_tokenizer`."""
        missing = [field.name for field in dataclasses.fields(cls) if field.name not in sections]
        if missing:
            raise CheckpointError(f"BiCodec/config.yaml: audio_tokenizer has no {', '.join(missing)}")
        return cls(
            mel_params=_section(MelConfig, "mel_params", sections),
            encoder=_section(FeatureEncoderConfig, "encoder", sections),
            decoder=_section(GeneratorConfig, "decoder", sections),
            quantizer=_section(QuantizerConfig, "quantizer", sections),
            speaker_encoder=_section(SpeakerConfig, "speaker_encoder", sections),
            prenet=_section(FeatureDecoderConfig, "prenet", sections),
            postnet=_section(FeatureDecoderConfig, "postnet", sections),
        )


def _agree(left_name: str, left: int | None, right_name: str, right: int | None) -> None:
    if left != right:
        raise CheckpointError(
            f"BiCodec/config.yaml: {left_name} is {left} but {right_name} is {right}; they must be equal"
        )


def _section(kind: type[Section], name: str, sections: Mapping[str, Any]) -> Section:
    """One section as its dataclass; lists become tuples, keys that only training uses are dropped."""
    given = sections[name]
    if not isinstance(given, Mapping):
        raise CheckpointError(f"BiCodec/config.yaml: {name} must be a table of keys, found {type(given).__name__}")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in given:
        if key not in fields and key not in TRAINING_ONLY:
            logger.warning("BiCodec/config.yaml: %s.%s is not known and is ignored", name, key)
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if key in fields}
    values = {
        key: value
        for key, value in values.items()
        if not (value is None and fields[key].default is dataclasses.MISSING)
    }
    missing = [key for key, field in fields.items() if field.default is dataclasses.MISSING and key not in values]
    if missing:
        raise CheckpointError(f"BiCodec/config.yaml: {name} has no {', '.join(missing)}")
    return kind(**values)

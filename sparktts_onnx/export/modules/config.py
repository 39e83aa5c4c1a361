"""The sizes of a BiCodec, as its `config.yaml` states them, checked before anything is built."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from sparktts_onnx.bundle.values import Bounds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import values_of

logger = logging.getLogger(__name__)

Section = TypeVar("Section")
Width = Annotated[int, Bounds(1, 1 << 13)]
"""Of a vector; sizes are bounded so that what a damaged config says is not built."""
Hidden = Annotated[int, Bounds(1, 1 << 15)]
Depth = Annotated[int, Bounds(0, 64)]
Samples = Annotated[int, Bounds(1, 1 << 12)]
Hertz = Annotated[float, Bounds(0, 192_000)]
Ratios = Annotated[tuple[Annotated[int, Bounds(1, 16)], ...], Bounds(0, 8)]

TRAINING_ONLY = frozenset({"commitment", "codebook_loss_weight", "threshold_ema_dead_code", "decay"})
"""Keys of the published configs that only matter while training."""
MOST_SAMPLES_PER_TOKEN = 1 << 12


@dataclass(frozen=True)
class MelConfig:
    """The magnitude mel spectrogram that the speaker encoder hears."""

    sample_rate: Annotated[int, Bounds(1000, 192_000)]
    """Samples a second."""
    n_fft: Annotated[int, Bounds(2, 1 << 12)]
    """Length of the Fourier transform, samples."""
    win_length: Samples
    """Length of the Hann window, samples, centered in `n_fft`."""
    hop_length: Samples
    """Samples between two frames."""
    num_mels: Annotated[int, Bounds(1, 1 << 10)]
    """Number of mel filters."""
    mel_fmin: Hertz = 0.0
    """Lower edge of the lowest filter, Hz."""
    mel_fmax: Hertz | None = None
    """Upper edge of the highest filter, Hz; None means half the sample rate."""

    def __post_init__(self) -> None:
        nyquist = self.sample_rate / 2
        if self.win_length > self.n_fft or not self.n_fft <= 64 * self.hop_length:
            raise ValueError(
                f"mel_params: win_length {self.win_length} and hop_length {self.hop_length} do not suit n_fft "
                f"{self.n_fft}: expected a window no longer, and steps of at least a 64th"
            )
        if not self.mel_fmin < (nyquist if self.mel_fmax is None else self.mel_fmax) <= nyquist:
            raise ValueError(
                f"mel_params: filters from {self.mel_fmin} to {self.mel_fmax} Hz are not between 0 and {nyquist} Hz"
            )


@dataclass(frozen=True)
class FeatureEncoderConfig:
    """wav2vec2 features to the latents that are quantized."""

    input_channels: Width
    vocos_dim: Width
    """Width of the ConvNeXt blocks."""
    vocos_intermediate_dim: Hidden
    vocos_num_layers: Depth
    """Number of ConvNeXt blocks in the backbone at full width: the encoder's first, the decoder's last."""
    out_channels: Width
    sample_ratios: Ratios = (1, 1)
    """Of each other stage: the encoder makes fewer frames, the decoder more."""


@dataclass(frozen=True)
class FeatureDecoderConfig(FeatureEncoderConfig):
    """The prenet or the postnet: latents to features."""

    condition_dim: Width | None = None
    """Width of the vector that conditions the last backbone; None for none."""
    use_tanh_at_final: bool = False
    """Whether the output passes through tanh."""


@dataclass(frozen=True)
class GeneratorConfig:
    """The wave generator: features to samples."""

    input_channel: Width
    channels: Width
    """Channels before the first up-sampling block; each block halves them."""
    rates: Annotated[tuple[Annotated[int, Bounds(1, 64)], ...], Bounds(1, 8)]
    """Up-sampling factor of each block; their product is the samples per feature frame."""
    kernel_sizes: Annotated[tuple[Annotated[int, Bounds(1, 256)], ...], Bounds(1, 8)]
    """Kernel of each block's transposed convolution."""

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.kernel_sizes):
            raise ValueError(
                f"decoder.rates has {len(self.rates)} entries and decoder.kernel_sizes {len(self.kernel_sizes)}: both "
                "name one value per up-sampling block"
            )
        for rate, kernel in zip(self.rates, self.kernel_sizes, strict=True):
            if kernel < rate or (kernel - rate) % 2:
                raise ValueError(
                    f"decoder.kernel_sizes has {kernel} for the rate {rate}: expected one as large, or larger by an "
                    "even number"
                )
        if self.channels >> len(self.rates) < 1:
            raise ValueError(f"decoder.channels is {self.channels}, too few to be halved {len(self.rates)} times")


@dataclass(frozen=True)
class QuantizerConfig:
    """The vector quantizer behind the semantic ids."""

    input_dim: Width
    """Width of the latents."""
    codebook_size: Annotated[int, Bounds(2, 1 << 20)]
    codebook_dim: Width
    use_l2_normlize: bool = True
    """Whether nearest means nearest in angle (the key is spelled so in the published file)."""


@dataclass(frozen=True)
class SpeakerConfig:
    """Mel spectrogram to the global ids, and the ids to one conditioning vector."""

    input_dim: Width
    """Number of mel filters."""
    out_dim: Width
    """Width of the x-vector and of the conditioning vector."""
    latent_dim: Width = 128
    """Width of the resampler's latents."""
    token_num: Annotated[int, Bounds(1, 1 << 10)] = 32
    """Number of global ids."""
    fsq_levels: Annotated[tuple[Annotated[int, Bounds(2, 256)], ...], Bounds(1, 16)] = (4, 4, 4, 4, 4, 4)
    """Levels of each dimension of the finite scalar quantizer."""
    fsq_num_quantizers: Samples = 1
    """Residual quantizers; only one is described, so only one is accepted."""


_EQUAL = (
    ("mel_params.num_mels", "speaker_encoder.input_dim"),
    ("encoder.out_channels", "quantizer.input_dim"),
    ("quantizer.input_dim", "prenet.input_channels"),
    ("prenet.out_channels", "postnet.input_channels"),
    ("prenet.out_channels", "decoder.input_channel"),
    ("prenet.condition_dim", "speaker_encoder.out_dim"),
    ("prenet.out_channels", "speaker_encoder.out_dim"),
)
"""Sizes that one part hands to the next."""


@dataclass(frozen=True)
class BiCodecConfig:
    """Everything below the key `audio_tokenizer`."""

    mel_params: MelConfig
    encoder: FeatureEncoderConfig
    decoder: GeneratorConfig
    quantizer: QuantizerConfig
    speaker_encoder: SpeakerConfig
    prenet: FeatureDecoderConfig
    postnet: FeatureDecoderConfig
    """A training target, exported and verified all the same."""

    def __post_init__(self) -> None:
        """Refuse what could only fail later, with the keys that disagree."""
        if self.speaker_encoder.fsq_num_quantizers != 1:
            raise CheckpointError(
                f"speaker_encoder.fsq_num_quantizers is {self.speaker_encoder.fsq_num_quantizers}: "
                "only checkpoints with 1 can be converted"
            )
        if self.postnet.condition_dim is not None:
            raise CheckpointError("postnet.condition_dim is given: only the prenet can be conditioned")
        samples = math.prod((*self.decoder.rates, *self.prenet.sample_ratios))
        if samples > MOST_SAMPLES_PER_TOKEN:
            raise CheckpointError(
                f"decoder.rates and prenet.sample_ratios make {samples} samples of a token, expected at most "
                f"{MOST_SAMPLES_PER_TOKEN}"
            )
        for left, right in _EQUAL:
            found = attrgetter(left)(self), attrgetter(right)(self)
            if found[0] != found[1]:
                raise CheckpointError(
                    f"BiCodec/config.yaml: {left} is {found[0]} but {right} is {found[1]}; they must be equal"
                )

    @classmethod
    def from_dict(cls, sections: Mapping[str, Any]) -> "BiCodecConfig":
        """Build from the parsed YAML below `audio_tokenizer`."""
        if missing := [name for name in cls.__dataclass_fields__ if name not in sections]:
            raise CheckpointError(f"BiCodec/config.yaml: audio_tokenizer has no {', '.join(missing)}")
        return cls(**{name: _section(kind, name, sections) for name, kind in get_type_hints(cls).items()})


def _section(kind: type[Section], name: str, sections: Mapping[str, Any]) -> Section:
    """One section as its dataclass; keys that only training uses are dropped, as is null where a value is needed."""
    given = sections[name]
    if not isinstance(given, Mapping):
        raise CheckpointError(f"BiCodec/config.yaml: {name} must be a table of keys, found {type(given).__name__}")
    known = get_type_hints(kind)
    for key in given:
        if key not in known and key not in TRAINING_ONLY:
            logger.warning("BiCodec/config.yaml: %s.%s is not known and is ignored", name, key)
    kept = {key: value for key, value in given.items() if value is not None or type(None) in get_args(known.get(key))}
    return values_of(kind, kept, source="BiCodec/config.yaml", where=name)

"""Each component graph as a thin module with the inputs and outputs of the bundle contract.

These are the reference that a written graph is compared with; what is exported is a copy of them in cheaper
form (`lowering`).
"""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.checkpoint.wav2vec2 import FEATURE_STATES
from sparktts_onnx.export.modules import BiCodec

RECORDING_VARIANCE_FLOOR = 1e-7
"""What wav2vec2's feature extractor adds to the variance of a recording."""


class Wav2Vec2Features(nn.Module):
    """A recording to the mean of the hidden states that the codec was trained on."""

    def __init__(self, model: nn.Module, *, normalize: bool) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize
        convolution = model.get_submodule("encoder.pos_conv_embed.conv")
        if parametrize.is_parametrized(convolution):
            parametrize.remove_parametrizations(convolution, "weight")

    def forward(self, wav: Tensor) -> Tensor:
        """float32 [B, N] to float32 [B, T, D]."""
        if self.normalize:
            centered = wav - wav.mean(dim=1, keepdim=True)
            wav = centered / torch.sqrt(centered.pow(2).mean(dim=1, keepdim=True) + RECORDING_VARIANCE_FLOOR)
        extracted = self.model.feature_extractor(wav).transpose(1, 2)  # type: ignore[operator]
        state: Tensor = self.model.feature_projection(extracted)[0]  # type: ignore[operator]
        encoder = self.model.encoder
        state = state + encoder.pos_conv_embed(state)  # type: ignore[operator, union-attr]
        if not self.model.config.do_stable_layer_norm:  # type: ignore[union-attr]
            state = encoder.layer_norm(state)  # type: ignore[operator, union-attr]
        kept: list[Tensor] = []
        for index, layer in enumerate(encoder.layers, start=1):  # type: ignore[union-attr, arg-type]
            state = layer(state)
            if index in FEATURE_STATES:
                kept.append(state)
        return (kept[0] + kept[1] + kept[2]) / len(kept)


class Encoder(nn.Module):
    """Features to latents."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.encoder = codec.encoder

    def forward(self, features: Tensor) -> Tensor:
        """float32 [B, T, D] to float32 [B, D, T]."""
        result: Tensor = self.encoder(features)
        return result


class QuantizerTokenize(nn.Module):
    """Latents to semantic ids."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.quantizer = codec.quantizer

    def forward(self, z: Tensor) -> Tensor:
        """float32 [B, D, T] to int64 [B, T]."""
        return self.quantizer.tokenize(z)

    def margin(self, z: Tensor) -> Tensor:
        """How much farther the runner-up is than the nearest code: float32 [B, T]."""
        best = self.quantizer.scores(z).topk(2, dim=-1).values
        return 2 * (best[..., 0] - best[..., 1])


class SpeakerEncoderGraph(nn.Module):
    """Reference clip to global ids and x-vector, the spectrogram inside."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.mel = codec.mel_transformer
        self.speaker_encoder = codec.speaker_encoder

    def forward(self, ref_wav: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, N] to int64 [B, 1, G] and float32 [B, D]."""
        return self.speaker_encoder.tokenize(self.mel(ref_wav))

    def margin(self, ref_wav: Tensor) -> Tensor:
        """Distance of each id's worst coordinate to a rounding boundary: float32 [B, 1, G]."""
        latent, _ = self.speaker_encoder.speaker_encoder(self.mel(ref_wav))
        bounded = self.speaker_encoder.quantizer.bounded(self.speaker_encoder.perceiver_sampler(latent.transpose(1, 2)))
        return (0.5 - (bounded - torch.round(bounded)).abs()).amin(dim=-1).unsqueeze(1)


class QuantizerDetokenize(nn.Module):
    """Semantic ids to quantized latents."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.quantizer = codec.quantizer

    def forward(self, semantic_tokens: Tensor) -> Tensor:
        """int64 [B, T] to float32 [B, D, T]."""
        return self.quantizer.detokenize(semantic_tokens)


class SpeakerDetokenize(nn.Module):
    """Global ids to the conditioning vector."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.speaker_encoder = codec.speaker_encoder

    def forward(self, global_tokens: Tensor) -> Tensor:
        """int64 [B, 1, G] to float32 [B, D]."""
        return self.speaker_encoder.detokenize(global_tokens)


class Prenet(nn.Module):
    """Quantized latents and the conditioning vector to features."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.prenet = codec.prenet

    def forward(self, z_q: Tensor, d_vector: Tensor) -> Tensor:
        """float32 [B, D, T], float32 [B, D] to float32 [B, D, T]."""
        result: Tensor = self.prenet(z_q, d_vector)
        return result


class Postnet(nn.Module):
    """Features to the training target; not on the way to sound."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.postnet = codec.postnet

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, D, T] to float32 [B, D, T]."""
        result: Tensor = self.postnet(x)
        return result


class Decoder(nn.Module):
    """Features and the conditioning vector to samples; with `surplus`, not those of the frames at either end."""

    def __init__(self, codec: BiCodec) -> None:
        super().__init__()
        self.decoder = codec.decoder

    def forward(self, x: Tensor, d_vector: Tensor, surplus: Tensor | None = None) -> Tensor:
        """float32 [B, D, T], float32 [B, D], int64 [2] to float32 [B, 1, N]."""
        result: Tensor = self.decoder(x + d_vector.unsqueeze(-1), surplus)
        return result


class Models:
    """The models of a checkpoint, loaded when first asked for and dropped on request."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @cached_property
    def codec(self) -> BiCodec:
        """BiCodec."""
        return self.checkpoint.load_codec()

    @cached_property
    def wav2vec2(self) -> nn.Module:
        """wav2vec2 up to the last layer that is read."""
        model: nn.Module = self.checkpoint.load_wav2vec2()
        return model

    def drop_wav2vec2(self) -> None:
        """Free wav2vec2's memory."""
        self.__dict__.pop("wav2vec2", None)


def wav2vec2_adapter(models: Models) -> nn.Module:
    """The adapter of `wav2vec2.onnx`."""
    return Wav2Vec2Features(models.wav2vec2, normalize=models.checkpoint.normalize_recording).eval()


def codec_adapter(kind: Callable[[BiCodec], nn.Module]) -> Callable[[Models], nn.Module]:
    """How to build one of the adapters above from a checkpoint's models."""
    return lambda models: kind(models.codec).eval()

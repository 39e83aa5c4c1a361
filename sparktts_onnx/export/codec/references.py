"""The modules that component graphs are made from and compared with, and how each graph keeps their weights.

Each is a thin module with the inputs and outputs of the bundle contract; what is exported is a copy of it in cheaper
form (`lowering`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, Precision
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.checkpoint.wav2vec2 import FEATURE_STATES
from sparktts_onnx.export.codec.examples import Size, examples
from sparktts_onnx.export.codec.lowering import halved, in_integers
from sparktts_onnx.export.modules import BiCodec

TYPICAL_VOICES, TYPICAL_TOKENS = 4, 100
RECORDING_VARIANCE_FLOOR = 1e-7
"""What wav2vec2's feature extractor adds to the variance of a recording."""


class Wav2Vec2Features(nn.Module):
    """A recording to the mean of the hidden states that the codec was trained on."""

    def __init__(self, model: Any, *, normalize: bool) -> None:
        super().__init__()
        self.model: Any = model
        self.normalize = normalize
        convolution = model.get_submodule("encoder.pos_conv_embed.conv")
        if parametrize.is_parametrized(convolution):
            parametrize.remove_parametrizations(convolution, "weight")

    def forward(self, wav: Tensor) -> Tensor:
        """float32 [B, N] to float32 [B, T, D]."""
        if self.normalize:
            centered = wav - wav.mean(dim=1, keepdim=True)
            wav = centered / torch.sqrt(centered.pow(2).mean(dim=1, keepdim=True) + RECORDING_VARIANCE_FLOOR)
        extracted = self.model.feature_extractor(wav).transpose(1, 2)
        state: Tensor = self.model.feature_projection(extracted)[0]
        encoder = self.model.encoder
        state = state + encoder.pos_conv_embed(state)
        if not self.model.config.do_stable_layer_norm:
            state = encoder.layer_norm(state)
        kept: list[Tensor] = []
        for index, layer in enumerate(encoder.layers, start=1):
            state = layer(state)
            if index in FEATURE_STATES:
                kept.append(state)
        return (kept[0] + kept[1] + kept[2]) / len(kept)


Compute = Callable[..., Any]
"""What a graph computes, of a `CodecGraph` and its inputs."""


class CodecGraph(nn.Module):
    """Parts of the codec, under the names that the graph's weights have, and what the graph computes with them."""

    def __init__(self, codec: BiCodec, parts: Mapping[str, str], compute: Compute, margin: Compute | None) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, codec.get_submodule(part))
        self._compute, self._margin = compute, margin

    def forward(self, *inputs: Tensor) -> Any:
        """The graph's outputs, as the bundle contract has them: a tensor, or a tuple of several."""
        return self._compute(self, *inputs)

    def margin(self, *inputs: Tensor) -> Tensor:
        """How far each token is from being another one: float32 of the tokens' shape."""
        assert self._margin is not None, "only graphs that give tokens have a margin"
        return cast(Tensor, self._margin(self, *inputs))


def semantic_margin(graph: Any, z: Tensor) -> Tensor:
    """How much farther the runner-up is than the nearest code: float32 [B, T]."""
    best = graph.quantizer.scores(z).topk(2, dim=-1).values
    return cast(Tensor, 2 * (best[..., 0] - best[..., 1]))


def global_margin(graph: Any, ref_wav: Tensor) -> Tensor:
    """Distance of each id's worst coordinate to a rounding boundary: float32 [B, 1, G]."""
    speaker = graph.speaker_encoder
    latent, _ = speaker.speaker_encoder(graph.mel(ref_wav))
    bounded: Tensor = speaker.quantizer.bounded(speaker.perceiver_sampler(latent.transpose(1, 2)))
    return (0.5 - (bounded - torch.round(bounded)).abs()).amin(dim=-1).unsqueeze(1)


def decoded(graph: Any, x: Tensor, d_vector: Tensor, surplus: Tensor | None = None) -> Tensor:
    """Samples float32 [B, 1, N]; with `surplus` int64 [2], not those of the frames at either end."""
    return cast(Tensor, graph.decoder(x + d_vector.unsqueeze(-1), surplus))


def _graph(
    compute: Compute, parts: str | Mapping[str, str], *, margin: Compute | None = None
) -> Callable[[BiCodec], CodecGraph]:
    """How to build a graph's module of a codec; `parts`: one by its own name, or names of several."""
    named = {parts: parts} if isinstance(parts, str) else parts
    return lambda codec: CodecGraph(codec, named, compute, margin).eval()


CODEC_GRAPHS: Mapping[str, Callable[[BiCodec], CodecGraph]] = {
    "encoder": _graph(lambda graph, features: graph.encoder(features), "encoder"),
    "quantizer_tokenize": _graph(lambda graph, z: graph.quantizer.tokenize(z), "quantizer", margin=semantic_margin),
    "speaker_encoder": _graph(
        lambda graph, ref_wav: graph.speaker_encoder.tokenize(graph.mel(ref_wav)),
        {"mel": "mel_transformer", "speaker_encoder": "speaker_encoder"},
        margin=global_margin,
    ),
    "quantizer_detokenize": _graph(lambda graph, ids: graph.quantizer.detokenize(ids), "quantizer"),
    "speaker_detokenize": _graph(lambda graph, ids: graph.speaker_encoder.detokenize(ids), "speaker_encoder"),
    "prenet": _graph(lambda graph, z_q, d_vector: graph.prenet(z_q, d_vector), "prenet"),
    # The training target; not on the way to sound.
    "postnet": _graph(lambda graph, x: graph.postnet(x), "postnet"),
    "decoder": _graph(decoded, "decoder"),
}
"""Every component graph but wav2vec2."""


@dataclass(frozen=True)
class Storage:
    """How one graph is kept, and how far it may be from the model for it."""

    label: str
    """The graph's precision as the manifest names it."""
    half: bool = False
    """Whether large weights are float16 in the file; a cast gives them back, and the graph computes in float32."""
    integers: bool = False
    """Whether the graph computes in 8-bit integers; checked on the processor, as not every accelerator has the float64
    that their sums are compared in."""
    share: float = 1.0
    """Of a graph's values, those that deviate least, that have to lie within its tolerance."""
    differing_ids: float = 0.0
    """Part of the prompt's semantic ids that may differ for the features' weights."""
    wave_tolerance: float = 0.0
    """Root mean square of the deviation from the published model's wave, over that of the wave."""


FLOAT32 = Storage("fp32")
HALF = Storage("fp16 stored", half=True, differing_ids=0.1, wave_tolerance=0.06)
"""The wave is within 24 dB. Random weights come to 0.02, a trained voice to 0.001."""
INTEGERS = Storage("int8", integers=True, share=0.5, wave_tolerance=0.4)
"""A sum that lies between two integers goes to the one here and to the other there, and thirty periodic activations
make something audible of it; the rest is equal to the last bits. A wrong weight, place or scale is wrong everywhere, or
at the borders, which is most of the smallest size. The wave is within 8 dB: random weights of the published size come
to 0.2, as PyTorch in bfloat16 to 0.13; a trained voice to 0.02."""
_HALVED = ("wav2vec2", "encoder", "postnet", "speaker_detokenize", "prenet", "decoder")
"""Graphs whose weights may be rounded. The others are small, or decide on ids."""


class References:
    """A checkpoint's modules by the name of their graph, as published and as stored; built when first asked for."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision = "fp32") -> None:
        self.checkpoint = checkpoint
        self._precision: Precision = precision

    @cached_property
    def codec(self) -> BiCodec:
        return self.checkpoint.load_codec()

    @cached_property
    def wav2vec2(self) -> nn.Module:
        """wav2vec2; `del` frees its memory."""
        model, normalize = self.checkpoint.load_wav2vec2(), self.checkpoint.normalize_recording
        return Wav2Vec2Features(model, normalize=normalize).eval()

    def storage(self, name: str) -> Storage:
        """How a graph is kept; the language model's own graph says more of its own."""
        if name == LANGUAGE_MODEL:
            return Storage(self._precision)
        if self._precision == "fp32" or name not in _HALVED:
            return FLOAT32
        return INTEGERS if name == "decoder" and self._precision in ("int8", "int4") else HALF

    def published(self, name: str) -> nn.Module:
        """The module with the checkpoint's weights."""
        return self.wav2vec2 if name == "wav2vec2" else CODEC_GRAPHS[name](self.codec)

    def stored(self, name: str) -> nn.Module:
        """The module with the weights that the graph's file holds."""
        storage = self.storage(name)
        if storage.integers:
            return self._decoder_in_integers
        return halved(self.published(name)) if storage.half else self.published(name)

    @cached_property
    def _decoder_in_integers(self) -> nn.Module:
        return in_integers(self.published("decoder"), self._typical_features())

    def _typical_features(self) -> Iterator[Tensor]:
        """What the wave generator is given for random ids and voices: each float32 [1, D, T].

        Every one is a legal input, so no recording is needed for the bounds of what is computed in integers. On a
        trained voice their bounds are 0.6 to 1.0 times as wide as those of real speech, and the sound is as near to
        float32 as with the bounds of the speech itself (docs/performance.md): what lies outside is cut off.
        """
        for seed in range(TYPICAL_VOICES):
            z_q, d_vector = (
                self.published(name)(*examples(COMPONENTS[name], self.checkpoint, Size(1, TYPICAL_TOKENS), seed=seed))
                for name in ("quantizer_detokenize", "speaker_detokenize")
            )
            yield self.published("prenet")(z_q, d_vector) + d_vector.unsqueeze(-1)

"""Each component graph as a thin module with the inputs and outputs of the bundle contract.

These are the reference that a written graph is compared with; what is exported is a copy of them in cheaper
form (`lowering`).
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparktts_onnx.export.checkpoint.wav2vec2 import FEATURE_STATES
from sparktts_onnx.export.modules import BiCodec

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

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The graph's outputs, as the bundle contract has them."""
        result: Tensor | tuple[Tensor, ...] = self._compute(self, *inputs)
        return result

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

"""The modules that component graphs are made from and compared with, and how each graph keeps their weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, Precision
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.adapters import CODEC_GRAPHS, Wav2Vec2Features
from sparktts_onnx.export.codec.examples import Size, examples
from sparktts_onnx.export.codec.lowering import halved, in_integers
from sparktts_onnx.export.modules import BiCodec

TYPICAL_VOICES, TYPICAL_TOKENS = 4, 100


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


def storage_of(name: str, precision: Precision) -> Storage:
    """How a graph is kept in a bundle of a precision; the language model's own graph says more of its own."""
    if name == LANGUAGE_MODEL:
        return Storage(precision)
    if precision == "fp32" or name not in _HALVED:
        return FLOAT32
    return INTEGERS if name == "decoder" and precision in ("int8", "int4") else HALF


class References:
    """A checkpoint's modules by the name of their graph, as published and as stored; built when first asked for."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision = "fp32") -> None:
        self.checkpoint = checkpoint
        self._precision = precision
        self._published: dict[str, nn.Module] = {}
        self._in_integers: dict[str, nn.Module] = {}

    @cached_property
    def codec(self) -> BiCodec:
        return self.checkpoint.load_codec()

    def storage(self, name: str) -> Storage:
        return storage_of(name, self._precision)

    def published(self, name: str) -> nn.Module:
        """The module with the checkpoint's weights."""
        if name not in self._published:
            self._published[name] = CODEC_GRAPHS[name](self.codec) if name in CODEC_GRAPHS else self._wav2vec2()
        return self._published[name]

    def _wav2vec2(self) -> nn.Module:
        model, normalize = self.checkpoint.load_wav2vec2(), self.checkpoint.normalize_recording
        return Wav2Vec2Features(model, normalize=normalize).eval()

    def stored(self, name: str) -> nn.Module:
        """The module with the weights that the graph's file holds."""
        storage, module = self.storage(name), self.published(name)
        if storage.integers:
            if name not in self._in_integers:
                self._in_integers[name] = in_integers(module, self._typical_features())
            return self._in_integers[name]
        return halved(module) if storage.half else module

    def drop_wav2vec2(self) -> None:
        """Free wav2vec2's memory."""
        self._published.pop("wav2vec2", None)

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

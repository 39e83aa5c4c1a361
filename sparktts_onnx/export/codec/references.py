"""The modules that component graphs are made from and compared with."""

from collections.abc import Iterator
from functools import cached_property

from torch import Tensor, nn

from sparktts_onnx.bundle.contract import COMPONENTS, Precision
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.adapters import CODEC_GRAPHS, Wav2Vec2Features
from sparktts_onnx.export.codec.examples import Size, examples
from sparktts_onnx.export.codec.lowering import halved, in_integers
from sparktts_onnx.export.graphs.storage import Storage, storage_of
from sparktts_onnx.export.modules import BiCodec

TYPICAL_VOICES, TYPICAL_TOKENS = 4, 100


class References:
    """A checkpoint's modules by the name of their graph, as published and as stored; built when first asked for."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision = "fp32") -> None:
        self.checkpoint = checkpoint
        self._precision = precision
        self._published: dict[str, nn.Module] = {}
        self._in_integers: dict[str, nn.Module] = {}

    @cached_property
    def codec(self) -> BiCodec:
        """BiCodec."""
        return self.checkpoint.load_codec()

    def storage(self, name: str) -> Storage:
        """How a graph is kept."""
        return storage_of(name, self._precision)

    def published(self, name: str) -> nn.Module:
        """The module with the checkpoint's weights."""
        if name not in self._published:
            self._published[name] = CODEC_GRAPHS[name](self.codec) if name in CODEC_GRAPHS else self._features()
        return self._published[name]

    def _features(self) -> nn.Module:
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

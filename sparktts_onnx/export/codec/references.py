"""The modules that component graphs are made from and compared with."""

from torch import nn

from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.adapters import Models
from sparktts_onnx.export.codec.calibration import typical_features
from sparktts_onnx.export.codec.lowering import halved, in_integers
from sparktts_onnx.export.codec.recipes import RECIPES
from sparktts_onnx.export.graphs.storage import Precision, Storage, storage_of


class References:
    """A checkpoint's modules by the name of their graph, as published and as stored; built when first asked for."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision = "fp32") -> None:
        self.checkpoint = checkpoint
        self.models = Models(checkpoint)
        self._precision = precision
        self._published: dict[str, nn.Module] = {}
        self._in_integers: dict[str, nn.Module] = {}

    def storage(self, name: str) -> Storage:
        """How a graph is kept."""
        return storage_of(name, self._precision)

    def published(self, name: str) -> nn.Module:
        """The module with the checkpoint's weights."""
        if name not in self._published:
            self._published[name] = RECIPES[name].build(self.models)
        return self._published[name]

    def stored(self, name: str) -> nn.Module:
        """The module with the weights that the graph's file holds."""
        storage, module = self.storage(name), self.published(name)
        if storage.integers:
            if name not in self._in_integers:
                features = typical_features(self.published, self.checkpoint)
                self._in_integers[name] = in_integers(module, features)
            return self._in_integers[name]
        return halved(module) if storage.half else module

    def drop_wav2vec2(self) -> None:
        """Free wav2vec2's memory."""
        self._published.pop("wav2vec2", None)
        self.models.drop_wav2vec2()

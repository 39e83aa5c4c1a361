"""Typical inputs of the wave generator, for the bounds of what is computed in integers.

They are the codec's own features of random ids and random voices: every one is a legal input, so no recording is
needed. On a trained voice their bounds are 0.6 to 1.0 times as wide as those of real speech, and the sound is as near
to float32 as with the bounds of the speech itself (docs/performance.md): what lies outside is cut off.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.recipes import RECIPES, Size, examples

_VOICES = 4
_TOKENS = 100


def typical_features(build: Callable[[str], nn.Module], checkpoint: Checkpoint) -> Iterator[Tensor]:
    """What the wave generator is given for random ids and voices: each float32 [1, D, T].

    Args:
        build: gives the reference module of a graph by its name.
        checkpoint: gives the sizes.
    """
    size = Size(1, _TOKENS)
    for seed in range(_VOICES):
        inputs = {
            name: examples(RECIPES[name], checkpoint, size, seed=seed)
            for name in ("quantizer_detokenize", "speaker_detokenize")
        }
        with torch.no_grad():
            z_q, d_vector = (build(name)(*given) for name, given in inputs.items())
            yield build("prenet")(z_q, d_vector) + d_vector.unsqueeze(-1)

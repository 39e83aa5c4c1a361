"""What a bundle contains: the names, axes and dtypes of every graph, whatever the sizes of the checkpoint.

Axis letters: B batch, N samples, T tokens (50 per second in the published model), F frames (`frames_per_token` for
each token), D feature width, G global tokens. Sizes are not part of the contract; they stand in the manifest.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, get_args

from sparktts_onnx.bundle.values import OneOf

FORMAT_VERSION = 1
"""Version of the bundle format; a runtime refuses any other."""

MANIFEST_NAME = "manifest.json"
TOKENIZER_NAME = "tokenizer.json"
LANGUAGE_MODEL = "language_model"

Precision = Literal["fp32", "fp16", "int8", "int4"]
"""What a bundle is made for: fp32 equals the original, fp16 is for NVIDIA GPUs, int8 and int4 are for processors."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Head = Literal["speech", "full"]
"""Rows of the language model's head: the ids that speech can use, or all."""

QUERIES = "queries"
"""Output of the language model where the manifest names alignment heads: [B, heads, Dh], not rotated."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph."""

    name: str
    dtype: Annotated[str, OneOf(("float32", "float16", "int64", "int32"))]
    axes: tuple[str | int, ...]
    """Sizes of fixed axes; of others a name, here a letter also for what the checkpoint sets."""


@dataclass(frozen=True)
class GraphSpec:
    """One component graph."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: tuple[Tensor, ...] = ()
    """Inputs that may be left out, all zero then: initializers that a caller may override. Graphs of fixed shapes have
    none, and a runtime looks whether a graph has them."""


def _tensor(dtype: str, name: str, axes: str) -> Tensor:
    return Tensor(name, dtype, tuple(int(axis) if axis.isdecimal() else axis for axis in axes.split()))


_f32, _i64 = partial(_tensor, "float32"), partial(_tensor, "int64")
_SEMANTIC = _i64("semantic_tokens", "B T")
_GLOBAL = _i64("global_tokens", "B 1 G")
_D_VECTOR = _f32("d_vector", "B D")

COMPONENTS: dict[str, GraphSpec] = {
    spec.name: spec
    for spec in (
        GraphSpec("wav2vec2", (_f32("wav", "B N"),), (_f32("features", "B T D"),)),
        GraphSpec("encoder", (_f32("features", "B T D"),), (_f32("z", "B D T"),)),
        GraphSpec("quantizer_tokenize", (_f32("z", "B D T"),), (_SEMANTIC,)),
        GraphSpec("speaker_encoder", (_f32("ref_wav", "B N"),), (_GLOBAL, _f32("x_vector", "B D"))),
        GraphSpec("quantizer_detokenize", (_SEMANTIC,), (_f32("z_q", "B D T"),)),
        GraphSpec("speaker_detokenize", (_GLOBAL,), (_D_VECTOR,)),
        GraphSpec("prenet", (_f32("z_q", "B D T"), _D_VECTOR), (_f32("x", "B D F"),)),
        GraphSpec("postnet", (_f32("x", "B D F"),), (_f32("pred_features", "B D T"),)),
        GraphSpec("decoder", (_f32("x", "B D F"), _D_VECTOR), (_f32("wav", "B 1 N"),), (_i64("surplus", "2"),)),
    )
}
"""Every component graph by name, in the order of the data flow."""

ENROLLMENT_GRAPHS = ("wav2vec2", "encoder", "quantizer_tokenize", "speaker_encoder")
"""Needed to turn a recording into a voice; the first three only where a transcript is given."""

SPEAKING_GRAPHS = (LANGUAGE_MODEL, "quantizer_detokenize", "speaker_detokenize", "prenet", "decoder")
"""Needed to speak with a voice that exists."""

"""How the weights of each graph are kept in its file, and what its checks allow for that: decided here, once."""

from dataclasses import dataclass
from typing import Literal

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, Precision

Head = Literal["speech", "full"]
"""Rows of the language model's head: the ids that speech can use, or all."""


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

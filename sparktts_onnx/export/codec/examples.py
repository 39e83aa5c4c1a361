"""Inputs that a component graph is traced and checked with, at any size, and the axes that follow from a checkpoint."""

import math
from dataclasses import dataclass

import torch

from sparktts_onnx.bundle.contract import GraphSpec, Tensor
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint

DYNAMIC_LETTERS = frozenset("BNTF")
"""Axes that vary between calls; the others follow from the checkpoint."""
RECORDING_LEVEL = 0.1
"""Standard deviation of the noise that stands for a recording."""


@dataclass(frozen=True)
class Size:
    """How large an example is."""

    batch: int
    """Rows."""
    frames: int
    """Tokens; other time axes follow from them."""
    whole_clip: bool = False
    """Whether the reference clip has its full length, as it has to where shapes are fixed."""

    def __str__(self) -> str:
        return f"{self.batch} × {self.frames}"


TRACED = Size(1, 50)
CHECKED = (TRACED, Size(1, 13), Size(2, 81))
"""The traced size, one smaller, one larger with two rows."""


def examples(spec: GraphSpec, checkpoint: Checkpoint, size: Size, *, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Inputs of a graph at a size, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(_example(tensor, checkpoint, size, generator) for tensor in spec.inputs)


def zeros(option: Tensor) -> torch.Tensor:
    """What a graph computes with where an option is left out."""
    return torch.zeros([int(axis) for axis in option.axes], dtype=torch.int64)


def option_examples(spec: GraphSpec, size: Size) -> tuple[torch.Tensor, ...]:
    """Values of a graph's options: other ones at each end, and never so large that nothing is left."""
    return tuple(torch.tensor([size.frames // 2, size.frames // 3]) for _ in spec.options)


def _example(tensor: Tensor, checkpoint: Checkpoint, size: Size, generator: torch.Generator) -> torch.Tensor:
    shape = tuple(axis_length(tensor, axis, checkpoint, size) for axis in range(len(tensor.axes)))
    if tensor.dtype == "int64":
        return torch.randint(0, id_count(tensor, checkpoint), shape, generator=generator)
    noise = torch.randn(shape, generator=generator)
    return noise * RECORDING_LEVEL if "N" in tensor.axes else noise


def axis_length(tensor: Tensor, axis: int, checkpoint: Checkpoint, size: Size) -> int:
    """Length of one axis of a graph's input at a size."""
    letter, codec = tensor.axes[axis], checkpoint.codec
    if isinstance(letter, int):
        return letter
    if letter == "N":
        if size.whole_clip and tensor.name == "ref_wav":
            return checkpoint.audio.reference_samples
        return recording_length(checkpoint, size.frames * math.prod(codec.encoder.sample_ratios))
    lengths = {
        "B": size.batch,
        "T": size.frames * (math.prod(codec.encoder.sample_ratios) if tensor.name == "features" else 1),
        "F": size.frames * math.prod(codec.prenet.sample_ratios),
        "G": codec.speaker_encoder.token_num,
    }
    widths = {
        "features": codec.encoder.input_channels,
        "z": codec.quantizer.input_dim,
        "z_q": codec.quantizer.input_dim,
        "d_vector": codec.speaker_encoder.out_dim,
        "x_vector": codec.speaker_encoder.out_dim,
        "x": codec.prenet.out_channels,
        "pred_features": codec.postnet.out_channels,
    }
    return widths[tensor.name] if letter == "D" else lengths[letter]


def recording_length(checkpoint: Checkpoint, frames: int) -> int:
    """The fewest samples that wav2vec2 makes this many frames of."""
    length = frames
    pairs = zip(checkpoint.wav2vec2.conv_kernel, checkpoint.wav2vec2.conv_stride, strict=True)
    for kernel, stride in reversed(list(pairs)):
        length = (length - 1) * stride + kernel
    return length


def id_count(tensor: Tensor, checkpoint: Checkpoint) -> int:
    """Number of different ids that an int64 tensor may hold."""
    if tensor.name == "global_tokens":
        return math.prod(checkpoint.codec.speaker_encoder.fsq_levels)
    return checkpoint.codec.quantizer.codebook_size


def declared(tensor: Tensor, checkpoint: Checkpoint) -> Tensor:
    """As a dynamic graph has to declare it: names for what varies, sizes for what does not."""
    size = Size(1, 1)
    axes = tuple(
        letter if letter in DYNAMIC_LETTERS else axis_length(tensor, axis, checkpoint, size)
        for axis, letter in enumerate(tensor.axes)
    )
    return Tensor(tensor.name, tensor.dtype, axes)

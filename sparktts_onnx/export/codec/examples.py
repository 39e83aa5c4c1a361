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
    frames: int
    """Tokens; other time axes follow from them."""
    fixed: bool = False
    """Whether a graph is made for this size alone; the reference clip then has its full length."""

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
    shape = shape_of(tensor, checkpoint, size)
    if tensor.dtype == "int64":
        speaker, quantizer = checkpoint.codec.speaker_encoder, checkpoint.codec.quantizer
        codes = math.prod(speaker.fsq_levels) if tensor.name == "global_tokens" else quantizer.codebook_size
        return torch.randint(0, codes, shape, generator=generator)
    noise = torch.randn(shape, generator=generator)
    return noise * RECORDING_LEVEL if "N" in tensor.axes else noise


def shape_of(tensor: Tensor, checkpoint: Checkpoint, size: Size) -> tuple[int, ...]:
    """Lengths of the axes of a graph's input at a size, or of an output that has none of samples."""
    codec = checkpoint.codec
    features = size.frames * math.prod(codec.encoder.sample_ratios)
    whole_clip = size.fixed and tensor.name == "ref_wav"
    widths = {
        "features": codec.encoder.input_channels,
        "z": codec.quantizer.input_dim,
        "z_q": codec.quantizer.input_dim,
        "d_vector": codec.speaker_encoder.out_dim,
        "x_vector": codec.speaker_encoder.out_dim,
        "x": codec.prenet.out_channels,
        "pred_features": codec.postnet.out_channels,
    }
    lengths = {
        "B": size.batch,
        "N": checkpoint.audio.reference_samples if whole_clip else recording_length(checkpoint, features),
        "T": features if tensor.name == "features" else size.frames,
        "F": size.frames * math.prod(codec.prenet.sample_ratios),
        "G": codec.speaker_encoder.token_num,
        "D": widths.get(tensor.name, 0),
    }
    return tuple(axis if isinstance(axis, int) else lengths[axis] for axis in tensor.axes)


def recording_length(checkpoint: Checkpoint, frames: int) -> int:
    """The fewest samples that wav2vec2 makes this many frames of."""
    length = frames
    pairs = zip(checkpoint.wav2vec2.conv_kernel, checkpoint.wav2vec2.conv_stride, strict=True)
    for kernel, stride in reversed(list(pairs)):
        length = (length - 1) * stride + kernel
    return length


def declared(tensor: Tensor, checkpoint: Checkpoint) -> Tensor:
    """As a dynamic graph has to declare it: names for what varies, sizes for what does not."""
    lengths = shape_of(tensor, checkpoint, Size(1, 1))
    axes = tuple(
        letter if letter in DYNAMIC_LETTERS else length for letter, length in zip(tensor.axes, lengths, strict=True)
    )
    return Tensor(tensor.name, tensor.dtype, axes)

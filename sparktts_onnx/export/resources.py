"""Whether the machine has room for a conversion, asked before it starts."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import Wav2Vec2Model

from sparktts_onnx.errors import ExportError
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.checkpoint.wav2vec2 import shortened
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.weights import expected_shapes
from sparktts_onnx.export.modules import BiCodec
from sparktts_onnx.export.options import ConversionOptions

FLOAT32_BYTES = 4
BYTES_PER_WEIGHT: Mapping[str, float] = {"fp32": 4, "fp16": 2, "int8": 1.125, "int4": 0.65}
"""Of the language model's stored weights, scales included."""
BASE_MEMORY = 700_000_000
"""Bytes that the libraries take."""
TRACING_COPIES = 4
"""Times that a graph's weights are in memory while it is traced, saved and checked."""
CHECKING_COPIES = 2.2
"""Times that the language model's float32 weights are in memory while it is checked."""
CGROUP = Path("/sys/fs/cgroup")


def estimate(checkpoint: Checkpoint, options: ConversionOptions) -> tuple[int, int]:
    """What a conversion takes, from the configs alone: bytes of disk, and of memory at the peak."""
    with torch.device("meta"):
        codec = sum(tensor.numel() for tensor in BiCodec(checkpoint.codec).state_dict().values())
        wav2vec2 = sum(tensor.numel() for tensor in Wav2Vec2Model(shortened(checkpoint.wav2vec2)).parameters())
    shapes = expected_shapes(read_decoder_config(checkpoint.language_model_folder))
    language_model = sum(math.prod(shape) for shape in shapes.values())
    traced = wav2vec2 if "wav2vec2" in options.graphs else 0
    disk = FLOAT32_BYTES * (codec + 2 * traced) + BYTES_PER_WEIGHT[options.precision] * language_model
    if options.lora is not None:  # It is merged first, into a copy.
        disk += FLOAT32_BYTES * language_model
    peak = codec + TRACING_COPIES * max(traced, codec // 2)
    if options.verify or options.lora is not None:
        peak = max(peak, codec + CHECKING_COPIES * language_model)
    return int(disk), int(FLOAT32_BYTES * peak) + BASE_MEMORY


def check_room(checkpoint: Checkpoint, options: ConversionOptions) -> None:
    """Compare what a conversion takes with what the machine has."""
    (disk, peak), target = estimate(checkpoint, options), options.output_dir
    existing = next(folder for folder in (target.absolute(), *target.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < disk:
        raise ExportError(
            f"the bundle needs about {_bytes(disk)} of disk beside {target}, only {_bytes(free)} are free: "
            "make room or choose another --output_dir"
        )
    memory = available_memory()
    if memory is not None and memory < peak:
        raise ExportError(
            f"the conversion needs about {_bytes(peak)} of memory, only {_bytes(memory)} are available: "
            "close other programs or convert on a larger machine (--skip_verification needs less)"
        )


def available_memory() -> int | None:
    """Bytes that a process can still take, the control group's limit counted; None where it cannot be known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        return None
    try:
        limit = int((CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        used -= int(stat["file"])  # Cached files are given up when memory is asked for.
    except (OSError, ValueError, KeyError):  # No control group, or "max".
        return found
    return min(found, limit - used)


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"

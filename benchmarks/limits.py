"""What the machine allows: work counted in bytes and operations, over the rates measured in the same run."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Wav2Vec2Model

from benchmarks.settings import READ_SIZES_MIB, Settings, read_rate_name
from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import LanguageModelLayout, read_manifest
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER, Checkpoint, open_checkpoint, shortened

PRODUCTS = frozenset({"MatMul", "MatMulNBits", "MatMulIntegerToFloat", "MatMulInteger", "Gemm"})
"""Operators that read every byte of their weights for every token."""

Rates = Mapping[str, float]


def weight_bytes(graph: Path) -> int:
    """Bytes of weights that decoding one token reads: those of every product, not the embedding, which is looked up."""
    model = onnx.load(str(graph), load_external_data=False)
    read = {name for node in model.graph.node if node.op_type in PRODUCTS for name in node.input}
    return sum(_tensor_bytes(tensor) for tensor in model.graph.initializer if tensor.name in read)


def cache_bytes(layout: LanguageModelLayout, positions: float) -> float:
    """Bytes of keys and values that attending to so many positions reads."""
    width = np.dtype(layout.cache_dtype).itemsize
    return 2 * layout.layers * layout.kv_heads * layout.head_dim * width * positions


def decode_limit(bytes_per_token: float, rates: Rates, *, rows: int = 1) -> float:
    """Tokens a second that reading the weights once for `rows` tokens allows, at the best rate for as many bytes."""
    sizes = [size for size in READ_SIZES_MIB if size << 20 >= bytes_per_token] or READ_SIZES_MIB[-1:]
    bandwidth = max(rates[read_rate_name(size)] for size in sizes) * 1e9
    return rows * bandwidth / bytes_per_token


def compute_seconds(operations: float, rates: Rates, *, half: bool = False) -> float:
    """Seconds of so many operations at the best rate of a float32 product, or of a bfloat16 one."""
    float32 = max(rates["onnxruntime_float32_gflop_s"], rates["torch_float32_gflop_s"])
    best = max(float32, rates["torch_bfloat16_gflop_s"]) if half else float32
    return operations / (best * 1e9)


def count_operations(work: Callable[[], Any]) -> float:
    """Floating-point operations of the products and convolutions that some work does."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return float(counter.get_total_flops())


class Work:
    """Operations of the codec and of enrollment."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        codec = checkpoint.load_codec()
        frames = round(checkpoint.audio.sample_rate / checkpoint.audio.latent_hop_length)  # of one second
        ids, speaker = torch.zeros(1, frames, dtype=torch.int64), torch.zeros(1, 1, 32, dtype=torch.int64)
        features = torch.zeros(1, frames, checkpoint.wav2vec2.hidden_size)
        clip = torch.zeros(1, checkpoint.audio.reference_samples)
        self._decoding = count_operations(lambda: codec.detokenize(ids, speaker))
        self._encoding = count_operations(lambda: codec.encoder(features))
        self.recognizing = count_operations(lambda: codec.speaker_encoder.tokenize(codec.mel_transformer(clip)))
        """Of finding the global ids, from a clip of whatever length the checkpoint says."""

    def decoding(self, seconds: float) -> float:
        """Of making so many seconds of sound: convolutions, so proportional to them."""
        return seconds * self._decoding

    def hearing(self, seconds: float) -> float:
        """Of finding the semantic ids of a recording; attention makes it grow faster than the recording."""
        with torch.device("meta"):
            wav2vec2: Any = Wav2Vec2Model(shortened(self._checkpoint.wav2vec2)).eval()
            wav = torch.zeros(1, int(seconds * self._checkpoint.audio.sample_rate))
        return count_operations(lambda: wav2vec2(wav)) + seconds * self._encoding


def token_bytes(settings: Settings) -> dict[str, float]:
    """Bytes that each side's language model reads for one token, the attention cache left out."""
    whole = (settings.checkpoint / LANGUAGE_MODEL_FOLDER / "model.safetensors").stat().st_size
    found = {"PyTorch float32": float(whole), "PyTorch bfloat16": whole / 2}
    for precision in settings.precisions:
        found[f"ours {precision}"] = weight_bytes(settings.bundle(precision) / f"{LANGUAGE_MODEL}.onnx")
    for path in sorted(settings.bundles.glob("*.gguf")):
        form, _, cut = path.stem.partition("-")
        found[f"llama.cpp {form}{', cut head' if cut == 'cut' else ''}"] = path.stat().st_size
    return found


def attach(results: list[dict[str, Any]], settings: Settings, rates: Rates) -> None:
    """Put `limits` beside the medians of every result that has one."""
    work = Work(open_checkpoint(settings.checkpoint))
    sizes = token_bytes(settings)
    layout = read_manifest(settings.bundle(settings.precisions[0])).language_model
    for result in results:
        name, half = result["contender"].split(",")[0], "bfloat16" in result["contender"]
        suite = result["suite"]
        if suite == "language model":
            side = next((s for s in sorted(sizes, key=len, reverse=True) if result["contender"].startswith(s)), name)
            result["limits"] = _language_model(result, sizes[side], layout, rates, settings)
        elif suite == "codec":
            seconds = float(result["case"].split()[0])
            result["limits"] = {"real_time": seconds / compute_seconds(work.decoding(seconds), rates, half=half)}
        elif suite == "enrollment":
            heard = 0.0 if "no transcript" in result["contender"] else work.hearing(float(result["case"].split()[0]))
            result["limits"] = {"seconds": compute_seconds(heard + work.recognizing, rates, half=half)}


def _language_model(
    result: Mapping[str, Any], size: float, layout: LanguageModelLayout, rates: Rates, settings: Settings
) -> dict[str, float]:
    if result["contender"].endswith("at once"):
        rows = int(result["contender"].split()[-3])
        read = size + rows * cache_bytes(layout, 60 + settings.batch_ids / 2)
        return {"decode": decode_limit(read, rates, rows=rows)}
    prompt = int(result["case"].split()[0])
    read = size + cache_bytes(layout, prompt + settings.new_ids / 2)
    return {"decode": decode_limit(read, rates)}


def _tensor_bytes(tensor: onnx.TensorProto) -> int:
    width: int = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return math.prod(int(size) for size in tensor.dims) * width

"""The rung of the weights: what lies in a written file, bit for bit, is what the module holds.

Values at a few sizes cannot show a weight that those examples never use, behind a ReLU for instance.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, Precision
from sparktts_onnx.bundle.manifest import LanguageModelLayout
from sparktts_onnx.export.codec.lowering import lowered
from sparktts_onnx.export.language.graph import differing_weights
from sparktts_onnx.export.verify.graphs import Array, Check

LEAST_ELEMENTS = 16
"""Smaller constants are shapes, axes and factors, which values do show."""


def verify_weights(name: str, adapter: nn.Module, path: Path) -> Check:
    """Look every large constant of a graph up among the tensors of its module, in the form that was written."""
    form = lowered(adapter)
    large = [tensor for tensor in (*form.parameters(), *form.buffers()) if tensor.numel() >= LEAST_ELEMENTS]
    known = {digest for tensor in large for digest in _digests(tensor.detach().cpu().numpy())}
    return _judged(
        name, [entry for entry, array in constants(path) if not _plain(array) and _digest(array) not in known]
    )


def verify_language_weights(llm_folder: Path, path: Path, layout: LanguageModelLayout, precision: Precision) -> Check:
    """Compare every weight of a language model's graph with the checkpoint's, rounded again as the precision has it.

    Its values cannot show a weight: in 8 and 4 bits they are allowed to deviate more than one makes of them.
    """
    try:
        return _judged(LANGUAGE_MODEL, differing_weights(llm_folder, path, layout, precision))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        return Check(LANGUAGE_MODEL, "weights", fault=f"they cannot be read: {error}")


def _judged(name: str, strangers: Sequence[str]) -> Check:
    fault = f"{len(strangers)} weights are not the module's: {strangers[0]}" if strangers else None
    return Check(name, "weights", fault=fault)


def constants(path: Path) -> Iterator[tuple[str, Array]]:
    """Names and values of the large constants in a file that can be weights."""
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer:
        if _counts(entry):
            yield entry.name, numpy_helper.to_array(entry, base_dir=str(path.parent))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "value" and _counts(attribute.t):
                yield node.output[0], numpy_helper.to_array(attribute.t)


def _counts(tensor: onnx.TensorProto) -> bool:
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)
    return tensor.data_type in kinds and math.prod(tensor.dims) >= LEAST_ELEMENTS


def _digests(array: Array) -> Iterator[bytes]:
    """The tensor as a file may hold it: with its axes in any order, as float32 or as float16."""
    for axes in itertools.permutations(range(array.ndim)) if array.ndim <= 2 else [tuple(range(array.ndim))]:
        turned = array.transpose(axes)
        yield _digest(turned)
        if array.dtype == np.float32:
            with np.errstate(over="ignore"):
                yield _digest(turned.astype(np.float16))


def _digest(array: Array) -> bytes:
    digest = hashlib.sha256(array.dtype.str.encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def _plain(array: Array) -> bool:
    """All ones or all zeros: what a norm without weights of its own is written with."""
    return bool(np.all(array == 0) or np.all(array == 1))

"""One component graph: a module traced to ONNX, tidied, its weights in a file that a runtime can map."""

import warnings
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from sparktts_onnx.bundle.contract import GraphSpec
from sparktts_onnx.errors import ExportError
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.examples import DYNAMIC_LETTERS, Size, declared, examples, zeros
from sparktts_onnx.export.codec.lowering import lowered
from sparktts_onnx.export.graph_file import save_graph, store_half, tidy


def export_graph(
    spec: GraphSpec, adapter: nn.Module, target: Path, *, checkpoint: Checkpoint, size: Size, opset: int, half: bool
) -> list[Path]:
    """Write one component graph, traced from its reference module; weights go beside `target` as `.onnx.data`.

    `half`: whether large weights are kept as float16 in the file.
    """
    traced = target.with_suffix(".traced")
    options = () if size.fixed else spec.options
    varying = {
        tensor.name: {axis: letter for axis, letter in enumerate(tensor.axes) if letter in DYNAMIC_LETTERS}
        for tensor in (*spec.inputs, *spec.outputs)
    }
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                lowered(adapter),
                (*examples(spec, checkpoint, size), *(zeros(option) for option in options)),
                traced,
                dynamo=False,  # The newer exporter writes opset 18 at least, and freezes more.
                opset_version=opset,
                input_names=[tensor.name for tensor in (*spec.inputs, *options)],
                output_names=[tensor.name for tensor in spec.outputs],
                dynamic_axes=None if size.fixed else varying,
            )
        model = onnx.load(traced)
    except (RuntimeError, ValueError, TypeError, torch.onnx.OnnxExporterError) as error:
        raise ExportError(f"{spec.name} could not be exported: {error}") from error
    finally:
        traced.unlink(missing_ok=True)
    for option in options:
        model.graph.initializer.append(numpy_helper.from_array(zeros(option).numpy(), option.name))
    _declare_sizes(model, spec, checkpoint)
    tidy(model, spec.name)
    if half:
        store_half(model)
    return save_graph(model, target)


def _declare_sizes(model: onnx.ModelProto, spec: GraphSpec, checkpoint: Checkpoint) -> None:
    """Write the sizes that the checkpoint sets into the outputs, where tracing invents a name for some."""
    for tensor, value in zip(spec.outputs, model.graph.output, strict=True):
        for size, dim in zip(declared(tensor, checkpoint).axes, value.type.tensor_type.shape.dim, strict=True):
            if isinstance(size, int):
                dim.dim_value = size

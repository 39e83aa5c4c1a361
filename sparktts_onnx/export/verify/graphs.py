"""The ladder that a written graph climbs: names, dtypes, declared axes, shapes, values, token ids.

Every rung is judged and every fault is kept, so that one run tells all that is wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sparktts_onnx.bundle.contract import GraphSpec, Tensor
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.examples import Size, declared, examples, option_examples
from sparktts_onnx.runtime.graphs.onnx_runtime import ort

TOLERANCE = 1e-4
"""Largest deviation of a float output, relative to the largest magnitude in it."""
DECODER_TOLERANCE = 3e-4
"""Thirty periodic activations in a row amplify rounding: two float32 implementations differ by up to 3e-5."""
TOKEN_MARGIN = 1e-4
"""A token may differ only where the model itself was this close to choosing another."""
Array = NDArray[Any]


@dataclass(frozen=True)
class Check:
    """One rung: what was looked at and what was found."""

    graph: str
    """Name of the graph, or of the end-to-end stage."""
    subject: str
    """A size, `declaration`, or what was compared."""
    error: float | None = None
    """Worst deviation relative to the largest magnitude; None where nothing was measured."""
    tolerance: float | None = None
    """What it may be."""
    fault: str | None = None
    """What is wrong; None where the rung holds."""
    share: float = 1.0
    """Of the values, those that deviate least, that `error` is the worst of."""

    @property
    def passed(self) -> bool:
        """Whether the rung holds."""
        return self.fault is None


def measured(graph: str, subject: str, error: float, tolerance: float, *, fault: str, share: float = 1.0) -> Check:
    """A rung of one number; `fault`: what is wrong where it is too large or NaN, with a place for the number."""
    return Check(graph, subject, error, tolerance, None if error <= tolerance else fault.format(error), share)


@contextmanager
def on_device(module: nn.Module, *, cpu_only: bool) -> Iterator[None]:
    """Let a module run on an accelerator while a graph is compared with it, where there is one and it may be used."""
    device = "cpu"
    if not cpu_only and torch.cuda.is_available():
        # Ten bits of mantissa would fail the tolerances.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        device = "cuda"
    elif not cpu_only and torch.backends.mps.is_available():
        device = "mps"
    try:
        module.to(device)
        yield
    finally:
        module.to("cpu")


def open_session(path: Path) -> ort.InferenceSession:
    """A session for checking, on the processor."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    # Products of 8-bit integers are exact on every processor only where they are asked to be.
    options.add_session_config_entry("session.x64quantprecision", "1")
    # PyTorch runs between the graphs: threads that spin would only take its cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def verify_graph(
    spec: GraphSpec,
    module: nn.Module,
    path: Path,
    *,
    checkpoint: Checkpoint,
    sizes: Sequence[Size],
    share: float = 1.0,
) -> list[Check]:
    """Judge one written graph against its module at every size; `share` is that of its `Storage`."""
    try:
        session = open_session(path)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises classes of its own that share no other base.
        return [Check(spec.name, "declaration", fault=f"ONNX Runtime cannot load it: {error}")]
    fixed = sizes[0].fixed
    checks = [verify_declaration(spec, session, checkpoint, fixed=fixed)]
    if not checks[0].passed:
        return checks
    for size in sizes:
        inputs = examples(spec, checkpoint, size, seed=size.frames)
        checks.append(verify_values(spec, module, session, inputs, subject=str(size), share=share))
        if spec.options and not fixed:
            subject = f"{size} with " + ", ".join(option.name for option in spec.options)
            inputs = (*inputs, *option_examples(spec, size))
            checks.append(verify_values(spec, module, session, inputs, subject=subject, share=share))
    return checks


def verify_declaration(spec: GraphSpec, session: ort.InferenceSession, checkpoint: Checkpoint, *, fixed: bool) -> Check:
    """Compare names, order, dtypes and axes with the contract."""
    faults = []
    for kind, tensors, found in (
        ("input", spec.inputs, session.get_inputs()),
        ("option", () if fixed else spec.options, session.get_overridable_initializers()),
        ("output", spec.outputs, session.get_outputs()),
    ):
        names, expected = [entry.name for entry in found], [tensor.name for tensor in tensors]
        if names != expected:
            faults.append(f"{kind}s are {names}, expected {expected}")
            continue
        for tensor, entry in zip(tensors, found, strict=True):
            faults += tensor_faults(entry, declared(tensor, checkpoint), are_fixed=fixed)
    return Check(spec.name, "declaration", fault="; ".join(faults) or None)


def tensor_faults(entry: Any, tensor: Tensor, *, are_fixed: bool = False) -> list[str]:
    """What is wrong with a declared input or output; `are_fixed`: whether every axis has a size."""
    name, axes = tensor.name, tensor.axes
    kind = "tensor(float)" if tensor.dtype == "float32" else f"tensor({tensor.dtype})"
    faults = [] if entry.type == kind else [f"{name} is {entry.type}, expected {kind}"]
    if len(entry.shape) != len(axes):
        return [*faults, f"{name} has axes {list(entry.shape)}, expected {list(axes)}"]
    for axis, (wanted, given) in enumerate(zip(axes, entry.shape, strict=True)):
        agrees = isinstance(given, int) if are_fixed and isinstance(wanted, str) else given == wanted
        if not agrees:
            faults.append(f"axis {axis} of {name} is {given!r}, expected {wanted!r}")
    return faults


def verify_values(
    spec: GraphSpec,
    module: nn.Module,
    session: ort.InferenceSession,
    inputs: Sequence[torch.Tensor],
    *,
    subject: str,
    share: float,
) -> Check:
    """Compare shapes, values and tokens for some inputs; values of the graph's options come last, where they do."""
    tolerance = DECODER_TOLERANCE if spec.name == "decoder" else TOLERANCE
    names = [tensor.name for tensor in (*spec.inputs, *spec.options)]
    try:
        found = session.run(
            [tensor.name for tensor in spec.outputs],
            {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=False)},
        )
    except Exception as error:  # noqa: BLE001 - as above; a graph that cannot run at this size is a finding.
        return Check(spec.name, subject, None, tolerance, f"it cannot run at {subject}: {error}")
    faults, worst = [], 0.0
    for tensor, wanted, given in zip(spec.outputs, answers(module, *inputs), found, strict=True):
        if given.shape != wanted.shape:
            faults.append(f"{tensor.name} has shape {list(given.shape)}, expected {list(wanted.shape)}")
        elif wanted.dtype.kind == "i":
            wrong = wrong_tokens(given, wanted, answers(module, *inputs, ask="margin")[0])
            faults += [f"{wrong} of {wanted.size} {tensor.name} differ"] if wrong else []
        else:
            deviation, overall = relative_error(given, wanted, share=share), overall_error(given, wanted)
            worst = max(worst, deviation)
            # Written so that NaN fails.
            faults += [] if deviation <= tolerance else [f"{tensor.name} deviates by {deviation:.1e}"]
            faults += [] if overall <= OVERALL_TOLERANCE else [f"{tensor.name} deviates by {overall:.1e} altogether"]
    return Check(spec.name, subject, worst, tolerance, "; ".join(faults) or None, share)


def answers(module: nn.Module, *inputs: torch.Tensor | Array, ask: str = "forward") -> list[Array]:
    """What a module gives, computed where its weights are; `ask`: the method."""
    device = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    with torch.no_grad():
        result = getattr(module, ask)(*(torch.as_tensor(given, device=device) for given in inputs))
    return [tensor.cpu().numpy() for tensor in (result if isinstance(result, tuple) else (result,))]


def wrong_tokens(found: Array, expected: Array, margin: Array) -> int:
    """Number of tokens that differ although the choice was not close, or that were chosen from no numbers."""
    close = margin < TOKEN_MARGIN
    return int(np.count_nonzero((found != expected) & ~close | ~np.isfinite(margin)))


OVERALL_TOLERANCE = 0.2
"""Root mean square of all deviations, over that of the values, whatever the share. Integers that go to the other side
come to 0.1 on random weights of the published size; a wrong border, even of 200 frames, to more than this."""


def relative_error(found: Array, expected: Array, *, share: float = 1.0) -> float:
    """Largest deviation over the largest magnitude, of the `share` of values that deviate least; NaN if one is."""
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-12)
    deviations = np.abs(found.astype(np.float64) - expected)
    # NaN in one of the values makes the quantile NaN.
    return float(np.quantile(deviations, share)) / scale if deviations.size else 0.0


def overall_error(found: Array, expected: Array) -> float:
    """Root mean square of the deviation over that of the values; NaN or infinite if a value is."""
    power = float(np.mean(np.square(expected, dtype=np.float64))) if expected.size else 0.0
    deviation = np.square(found.astype(np.float64) - expected)
    return float(np.sqrt(deviation.mean() / max(power, 1e-24))) if deviation.size else 0.0


def table(checks: Sequence[Check]) -> str:
    """The checks as aligned text, one line each."""
    rows: list[tuple[str, ...]] = [("graph", "at", "worst error", "tolerance", "verdict")]
    for check in checks:
        numbers = ["" if value is None else f"{value:.1e}" for value in (check.error, check.tolerance)]
        verdict = "ok" if check.share == 1 else f"ok ({check.share:.0%} of the values)"
        rows.append((check.graph, check.subject, *numbers, check.fault or verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def summary(checks: Sequence[Check]) -> Mapping[str, Any]:
    """What the manifest keeps of a graph's checks."""
    measured = [check for check in checks if check.error is not None]
    return {
        "sizes": [check.subject for check in measured],
        "worst_error": max((check.error for check in measured if check.error is not None), default=None),
        "tolerance": max((check.tolerance for check in measured if check.tolerance is not None), default=None),
        "share": min((check.share for check in measured), default=1.0),
    }

"""The ladder for the language model's graph, against the model as transformers runs it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, QUERIES, Precision, Tensor
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead, LanguageModelLayout, TokenIds
from sparktts_onnx.export.language.graph import cache_names, graph_tensors
from sparktts_onnx.export.verify.graphs import Check, measured, open_session, tensor_faults
from sparktts_onnx.runtime.graphs.onnx_runtime import ort

TOLERANCES: Mapping[str, float] = {"fp32": 2e-4, "fp16": 1e-2, "int8": 0.3, "int4": 0.7}
"""Root mean square deviation of the logits over their standard deviation, per precision of the stored weights.

The worst of all positions for fp32, the median for the others, whose outliers say little. What a precision does to
speech is measured on speech; this only has to tell a rounded model from a wrong one, on random weights too.
"""
GREEDY_GAPS: Mapping[str, float] = {"fp32": 4e-4, "fp16": 0.05, "int8": 0.5, "int4": 1.5}
"""How far below the model's own choice the graph's choice may be, in standard deviations of the model's logits: the
worst or the median, as above. Medians of random weights and of a trained voice come to 0, 0, 0 and 0.17; a row that is
always the largest lies 3 and more below."""
PROMPT_LENGTHS = (50, 13, 81)
TEXT_IDS = (10, 200)
"""Range of ids that are single characters in any byte-level tokenizer."""
GREEDY_STEPS = 24
BATCHED_STEPS = 4
LOGIT_FAULT = "logits deviate by {:.1e}"

Logits = NDArray[np.float32]


class GraphRunner:
    """Runs the written graph with plain calls: slow, but nothing that could hide a fault in it."""

    def __init__(self, path: Path, layout: LanguageModelLayout, *, capacity: int) -> None:
        self.session: ort.InferenceSession = open_session(path)
        self.layout = layout
        self.capacity = capacity

    def empty(self) -> list[Logits]:
        """Cache buffers of one row: keys and values of each layer in turn."""
        shape = (1, self.layout.kv_heads, self.capacity, self.layout.head_dim)
        return [np.zeros(shape, self.layout.cache_dtype) for _ in range(2 * self.layout.layers)]

    def advance(
        self, ids: NDArray[np.int64], past: Sequence[Logits], lengths: Sequence[int]
    ) -> tuple[Logits, list[Logits]]:
        """Append ids int64 [B, S] to rows of the given lengths: logits float32 [B, V] and the new cache."""
        outputs = ["logits", *cache_names("present", self.layout.layers)]
        logits, *present = self.session.run(outputs, self._feeds(ids, past, lengths))
        return logits, present

    def _feeds(self, ids: NDArray[np.int64], past: Sequence[Logits], lengths: Sequence[int]) -> dict[str, NDArray[Any]]:
        totals = np.asarray(lengths, np.int32) + np.int32(ids.shape[1])
        return {
            "input_ids": ids,
            "seqlens_k": totals - np.int32(1),
            "total_sequence_length": np.asarray(totals.max(), np.int32),
            **dict(zip(cache_names("past_key_values", self.layout.layers), past, strict=True)),
        }

    def outputs(self, ids: Sequence[int], names: Sequence[str]) -> list[NDArray[Any]]:
        """Named outputs of the graph after a whole row of ids."""
        feeds = self._feeds(np.asarray([ids], np.int64), self.empty(), [0])
        result: list[NDArray[Any]] = self.session.run(names, feeds)
        return result


def verify_language_model(
    folder: Path,
    layout: LanguageModelLayout,
    reference: nn.Module,
    *,
    prompts: Sequence[Sequence[int]],
    precision: Precision,
    alignment: Alignment | None = None,
) -> list[Check]:
    """Judge the graph: declaration, logits after each prompt, rows together, greedy ids, queries where it gives any."""
    capacity = max(len(prompt) for prompt in prompts) + GREEDY_STEPS
    try:
        runner = GraphRunner(folder / f"{LANGUAGE_MODEL}.onnx", layout, capacity=capacity)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises classes of its own that share no other base.
        return [Check(LANGUAGE_MODEL, "declaration", fault=f"ONNX Runtime cannot load it: {error}")]
    heads = () if alignment is None else alignment.heads
    checks = [declaration(runner.session, layout, heads)]
    if not checks[0].passed:
        return checks
    tolerance = TOLERANCES[precision]
    for prompt in prompts:
        checks += _prompt_checks(runner, reference, prompt, precision)
    together = _overall(_batch_errors(runner, reference, prompts[:2]), precision)
    checks.append(measured(LANGUAGE_MODEL, "2 rows", together, tolerance, fault=LOGIT_FAULT))
    if heads:
        checks.append(_query_check(runner, reference, prompts[0], heads, tolerance))
    return checks


def example_prompts(ids: TokenIds) -> list[list[int]]:
    """Prompts of the checked lengths that ask for a made-up voice: what a trained model has met before."""
    generator = np.random.default_rng(0)
    style = [ids.start_style, ids.gender.first, ids.pitch_label.first + 2, ids.speed_label.first + 2, ids.end_style]
    prompts = []
    for length in PROMPT_LENGTHS:
        text = generator.integers(*TEXT_IDS, length - len(style) - 3)
        prompts.append([ids.task_controllable_tts, ids.start_content, *map(int, text), ids.end_content, *style])
    return prompts


def declaration(session: ort.InferenceSession, layout: LanguageModelLayout, heads: Sequence[AlignmentHead]) -> Check:
    """Compare names, dtypes and fixed axes with the layout."""
    inputs, outputs = graph_tensors(layout)
    if heads:
        outputs.append(Tensor(QUERIES, layout.cache_dtype, ("B", len(heads), layout.head_dim)))
    faults: list[str] = []
    for tensors, found in ((inputs, session.get_inputs()), (outputs, session.get_outputs())):
        expected = {tensor.name: tensor for tensor in tensors}
        if strange := sorted(expected.keys() ^ {entry.name for entry in found}):
            faults.append(f"tensors {strange[:4]} are missing or too many")
        else:
            faults += [fault for entry in found for fault in tensor_faults(entry, expected[entry.name])]
    return Check(LANGUAGE_MODEL, "declaration", fault="; ".join(faults) or None)


def _prompt_checks(
    runner: GraphRunner, reference: nn.Module, prompt: Sequence[int], precision: Precision
) -> list[Check]:
    """The logits after a prompt, and the greedy ids that follow it.

    The model judges the graph's own continuation, all steps in one pass, so one close choice spoils nothing.
    """
    row, answers = list(prompt), []
    logits, past = runner.advance(np.asarray([row], np.int64), runner.empty(), [0])
    for _ in range(GREEDY_STEPS):
        answers.append(logits[0])
        row.append(int(logits[0].argmax()) + runner.layout.head_first_id)
        logits, past = runner.advance(np.asarray([row[-1:]], np.int64), past, [len(row) - 1])
    wanted = reference_logits(reference, row[:-1], runner.layout, last=GREEDY_STEPS)
    pairs = list(zip(answers, wanted, strict=True))
    error, gap = (_overall([measure(*pair) for pair in pairs], precision) for measure in (logit_error, _gap))
    other = "the likeliest id is another one, {:.1e} deviations below the model's"
    return [
        measured(LANGUAGE_MODEL, f"{len(prompt)} ids", error, TOLERANCES[precision], fault=LOGIT_FAULT),
        measured(LANGUAGE_MODEL, f"greedy after {len(prompt)}", gap, GREEDY_GAPS[precision], fault=other),
    ]


def _gap(found: Logits, expected: Logits) -> float:
    """How far the graph's choice is below the model's own, in standard deviations of the model's logits."""
    gap = float(expected.max() - expected[int(found.argmax())])
    return gap / max(float(expected.std()), 1e-12)


def _batch_errors(runner: GraphRunner, reference: nn.Module, prompts: Sequence[Sequence[int]]) -> list[float]:
    """Deviations of rows of different lengths that are advanced together."""
    rows = [list(prompt) for prompt in prompts]
    caches = [runner.advance(np.asarray([row], np.int64), runner.empty(), [0])[1] for row in rows]
    past = [np.concatenate(buffers) for buffers in zip(*caches, strict=True)]
    answers: list[Logits] = []
    for step in range(BATCHED_STEPS):
        given = np.asarray([[row[step + index]] for index, row in enumerate(rows)], np.int64)
        logits, past = runner.advance(given, past, [len(row) for row in rows])
        answers.append(logits)
        for row, new in zip(rows, given[:, 0], strict=True):
            row.append(int(new))
    errors = []
    for index, row in enumerate(rows):
        wanted = reference_logits(reference, row, runner.layout, last=BATCHED_STEPS)
        errors += [logit_error(answers[step][index], wanted[step]) for step in range(BATCHED_STEPS)]
    return errors


def _overall(errors: Sequence[float], precision: Precision) -> float:
    return float(np.max(errors) if precision == "fp32" else np.median(errors))


def reference_logits(reference: nn.Module, ids: Sequence[int], layout: LanguageModelLayout, *, last: int) -> Logits:
    """The model's own logits after each of the last ids, over the rows that the graph keeps: float32 [last, V]."""
    device = next(reference.parameters()).device
    with torch.no_grad():
        result = reference(torch.tensor([list(ids)], device=device), logits_to_keep=last, use_cache=False).logits[0]
    rows: Logits = result.float().cpu().numpy()[:, layout.head_first_id : layout.head_first_id + layout.head_rows]
    return rows


def logit_error(found: Logits, expected: Logits) -> float:
    """Root mean square deviation over the standard deviation; NaN if either holds one."""
    deviation = np.sqrt(np.mean((found.astype(np.float64) - expected) ** 2))
    return float(deviation / max(float(expected.std()), 1e-12))


def _query_check(
    runner: GraphRunner, reference: nn.Module, prompt: Sequence[int], heads: Sequence[AlignmentHead], tolerance: float
) -> Check:
    """Compare the queries after a prompt with the model's own projections."""
    found = runner.outputs(prompt, [QUERIES])[0][0]
    expected = np.zeros_like(found, dtype=np.float32)
    half = runner.layout.head_dim // 2
    for index, rows in enumerate(reference_queries(reference, prompt, heads)):
        expected[index, : len(rows) // 2], expected[index, half : half + len(rows) // 2] = np.split(rows, 2)
    fault = "the queries of the alignment heads deviate by {:.1e}"
    return measured(LANGUAGE_MODEL, "queries", logit_error(found, expected), tolerance, fault=fault)


def reference_queries(reference: Any, ids: Sequence[int], heads: Sequence[AlignmentHead]) -> list[Logits]:
    """The model's own queries of some heads after the last id, before rotation: float32 [Dh] each."""
    layers = [reference.model.layers[head.layer] for head in heads]
    with torch.no_grad():
        given = torch.tensor([list(ids)], device=next(reference.parameters()).device)
        states = reference(given, output_hidden_states=True, use_cache=False).hidden_states
        rows = [
            layer.self_attn.q_proj(layer.input_layernorm(states[head.layer][0, -1])).float().cpu().numpy()
            for layer, head in zip(layers, heads, strict=True)
        ]
    widths = [layer.self_attn.head_dim for layer in layers]
    return [row[head.head * width :][:width] for row, head, width in zip(rows, heads, widths, strict=True)]

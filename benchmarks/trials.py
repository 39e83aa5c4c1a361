"""`python -m benchmarks.trials`: what the choices behind the graphs and sessions rest on; docs/performance.md shows it.

Works on the bundles that `python -m benchmarks` has made. Each case runs its contenders in turn, and the medians are
written to results/trials.json.
"""

import argparse
import datetime
import gc
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks import machine
from benchmarks.codec import stopwatch
from benchmarks.harness import Case, Contender, Plan, Result, Values, WrongOutputError, measure
from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.export.codec.integer_convolution import Bounds, IntegerConvolution
from sparktts_onnx.export.language.quantize import BlockFormat, quantize, quantize_rows
from sparktts_onnx.runtime.graphs.huge_pages import FilledMemory
from sparktts_onnx.runtime.graphs.tuning import EXACT_PRODUCTS, SPIN_MICROSECONDS, give_back_freed_memory, sums_exactly
from sparktts_onnx.runtime.language.language_model import LanguageModel

RESULTS = Path(__file__).resolve().parent / "results" / "trials.json"
INPUTS, OUTPUTS = 896, 9728
"""Of the largest product of a layer: gate and up together."""
LAYERS = 24
ROWS = (1, 8, 128)
"""One answer, eight together, a piece of a prompt."""
REACH = 10
"""Frames around a decoder window."""
STEPS = 40

Array = np.ndarray[Any, Any]
Session = Any


def session(model: Any, *, threads: int, entries: Mapping[str, str] | None = None) -> Session:
    """A session on the CPU with so many threads and extra settings."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if not sums_exactly():
        options.add_session_config_entry(EXACT_PRODUCTS, "1")
    for key, value in (entries or {"session.intra_op.allow_spinning": "0"}).items():
        options.add_session_config_entry(key, value)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def products(threads: int) -> Iterator[Case]:
    """A layer's largest product in each format, different weights in every layer so that no cache holds them."""
    forms: dict[str, BlockFormat | None] = {"int8, a scale a row": None}
    forms |= {f"int{bits}, blocks of {block}": BlockFormat(bits, block) for bits in (8, 4) for block in (32, 64, 128)}
    sessions = {name: session(_products_model(form), threads=threads) for name, form in forms.items()}
    for rows in ROWS:
        x = np.random.default_rng(rows).standard_normal((rows, INPUTS)).astype(np.float32)
        contenders = []
        for name, opened in sessions.items():
            feed = {"x": _bytes_of(x) if forms[name] is None else x}
            run = partial(_milliseconds_a_layer, opened, feed)
            contenders.append(Contender(name, partial(_same_alone, opened, feed), run))
        yield Case("products", f"{rows} rows", tuple(contenders))


def _bytes_of(x: Array) -> Array:
    stored: Array = np.clip(np.rint(x * 40) + 128, 0, 255).astype(np.uint8)
    return stored


def _milliseconds_a_layer(opened: Session, feed: Mapping[str, Array]) -> Values:
    seconds, _ = stopwatch(partial(opened.run, None, dict(feed)))
    return {"milliseconds": 1000 * seconds / LAYERS}


def _same_alone(opened: Session, feed: Mapping[str, Array]) -> str:
    """Whether a row's product has the same bits in company: what answers spoken together need."""
    together = opened.run(["y0"], dict(feed))[0]
    alone = opened.run(["y0"], {"x": feed["x"][:1]})[0]
    return f"a row's bits in company: {'the same' if np.array_equal(alone, together[:1]) else 'others'}"


def _products_model(form: BlockFormat | None) -> bytes:
    rng = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for layer in range(LAYERS):
        weight = (rng.integers(-127, 128, (OUTPUTS, INPUTS)) * 0.001).astype(np.float32)
        stored, scales = quantize_rows(weight) if form is None else quantize(weight, form)
        if form is None:
            stored = np.ascontiguousarray(stored.T)
        weights += [numpy_helper.from_array(stored, f"w{layer}"), numpy_helper.from_array(scales, f"s{layer}")]
        outputs.append(helper.make_tensor_value_info(f"y{layer}", TensorProto.FLOAT, ["B", OUTPUTS]))
        nodes.append(_product_node(form, layer))
    if form is None:
        weights += [
            numpy_helper.from_array(np.array(1 / 40, np.float32), "step"),
            numpy_helper.from_array(np.array(128, np.uint8), "zero"),
        ]
    kind = TensorProto.UINT8 if form is None else TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", kind, ["B", INPUTS])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    serialized: bytes = model.SerializeToString()
    return serialized


def _product_node(form: BlockFormat | None, layer: int) -> onnx.NodeProto:
    names, result, domain = [f"w{layer}", f"s{layer}"], [f"y{layer}"], "com.microsoft"
    if form is None:
        inputs = ["x", names[0], "step", names[1], "zero"]
        return helper.make_node("MatMulIntegerToFloat", inputs, result, domain=domain)
    sizes = {"N": OUTPUTS, "K": INPUTS, "bits": form.bits, "block_size": form.block, "accuracy_level": 4}
    return helper.make_node("MatMulNBits", ["x", *names], result, domain=domain, **sizes)


LAYER_SIZES = ((768, 400), (384, 2000), (192, 8000), (96, 16000))
"""Channels and samples of the wave generator's residual units, for a second of audio."""
KERNEL, DILATION = 7, 9


def convolutions() -> Iterator[Case]:
    """Rate of a residual convolution on one thread: over one axis, over two of which one is 1, in 8-bit integers."""
    for channels, samples in LAYER_SIZES:
        rng = np.random.default_rng(0)
        weight = rng.standard_normal((channels, channels, KERNEL)).astype(np.float32) * 0.01
        x = rng.standard_normal((1, channels, samples)).astype(np.float32)
        border = DILATION * (KERNEL - 1) // 2
        flat = {"dilations": [DILATION], "pads": [border, border]}
        high = {"dilations": [1, DILATION], "pads": [0, border, 0, border]}
        one = _graph([helper.make_node("Conv", ["x", "w"], ["y"], **flat)], {"w": weight}, x)
        two = _graph([helper.make_node("Conv", ["x", "w"], ["y"], **high)], {"w": weight[:, :, None]}, x[:, :, None])
        work = 2e-9 * channels * channels * KERNEL * samples
        expected = one()[0]
        ways = {"over one axis": one, "over two, one of them 1": two, "8-bit integers": _in_integers(weight, x)}
        allowed = {"8-bit integers": 0.05}
        contenders = tuple(
            Contender(
                name,
                partial(_close, name, way, expected, allowed.get(name, 1e-4)),
                partial(_rate, "gigaflops", work, way),
            )
            for name, way in ways.items()
        )
        yield Case("convolutions", f"{channels} x {samples}", contenders)


def _in_integers(weight: Array, x: Array) -> Callable[[], Sequence[Array]]:
    """The residual convolution in the form that int8 and int4 bundles have, which keeps channels last."""
    channels = weight.shape[0]
    border = DILATION * (KERNEL - 1) // 2
    source = torch.nn.Conv2d(channels, channels, (1, KERNEL), padding=(0, border), dilation=(1, DILATION))
    source.load_state_dict({"weight": torch.from_numpy(weight).unsqueeze(2), "bias": torch.zeros(channels)})
    form = IntegerConvolution(source.requires_grad_(False), Bounds(float(x.min()), float(x.max())))
    turned = np.ascontiguousarray(x.transpose(0, 2, 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "integers.onnx"
        example = (torch.from_numpy(turned),)
        torch.onnx.export(form, example, path, dynamo=False, opset_version=17, input_names=["x"])
        opened = session(str(path), threads=1)
    return lambda: [y.transpose(0, 2, 1) for y in opened.run(None, {"x": turned})]


def activations() -> Iterator[Case]:
    """Elements a nanosecond of the Snake's forms on one thread; what is folded away stands in the weights around it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 192, 1, 8000)).astype(np.float32)
    alpha = np.full((1, 192, 1, 1), 0.8, np.float32)
    sine = [helper.make_node("Sin", ["z"], ["s"]), helper.make_node("Mul", ["s", "s"], ["q"])]
    scaled = helper.make_node("Mul", ["x", "alpha"], ["z"])
    whole = [
        scaled,
        *sine,
        helper.make_node("Mul", ["q", "inverse"], ["p"]),
        helper.make_node("Add", ["x", "p"], ["y"]),
    ]
    stream = [scaled, *sine, helper.make_node("Add", ["z", "q"], ["y"])]
    inner = [helper.make_node("Cos", ["x"], ["c"]), helper.make_node("Sub", ["x", "c"], ["y"])]
    forms: dict[str, tuple[list[onnx.NodeProto], dict[str, Array], Array]] = {
        "x + sin(ax)^2 / a": (whole, {"alpha": alpha, "inverse": 1 / alpha}, x + np.sin(alpha * x) ** 2 / alpha),
        "z + sin(z)^2 with z = ax": (stream, {"alpha": alpha}, alpha * x + np.sin(alpha * x) ** 2),
        "z - cos(z)": (inner, {}, x - np.cos(x)),
    }
    contenders = []
    for name, (nodes, weights, expected) in forms.items():
        way = _graph(nodes, weights, x)
        run = partial(_rate, "elements a nanosecond", x.size * 1e-9, way)
        contenders.append(Contender(name, partial(_close, name, way, expected), run))
    yield Case("activations", "192 x 8000", tuple(contenders))


def _graph(nodes: Sequence[onnx.NodeProto], weights: Mapping[str, Array], x: Array) -> Callable[[], Sequence[Array]]:
    """A graph from x to y on one thread, with its input."""
    graph = helper.make_graph(
        nodes,
        "trial",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    opened = session(model.SerializeToString(), threads=1)
    return partial(opened.run, None, {"x": x})


def _close(name: str, way: Callable[[], Sequence[Array]], expected: Array, allowed: float = 1e-4) -> str:
    deviation = float(np.abs(way()[0].ravel() - expected.ravel()).max() / np.abs(expected).max())
    if not deviation < allowed:
        raise WrongOutputError(f"{name} deviates by {deviation:.1e}")
    return f"deviates by {deviation:.0e}"


def _rate(metric: str, work: float, way: Callable[[], Sequence[Array]]) -> Values:
    return {metric: work / stopwatch(way)[0]}


def windows(bundle: Path, threads: int) -> Iterator[Case]:
    """Frames of the decoder's sound a second: one window on all threads, or a window a thread; surplus kept or not."""
    path = str(bundle / "decoder.onnx")
    all_threads, one_thread = session(path, threads=threads), session(path, threads=1)
    pool = ThreadPoolExecutor(threads)
    codec = read_manifest(bundle).codec
    condition = np.zeros((1, codec.condition_dim), np.float32)
    hop = codec.hop_length // codec.frames_per_token
    for frames in (20, 40, 80, 160):
        width = one_thread.get_inputs()[0].shape[1]
        x = np.random.default_rng(0).standard_normal((1, width, frames + 2 * REACH)).astype(np.float32)
        feed = {"x": x, "d_vector": condition}
        batch = {"x": np.concatenate([x] * threads), "d_vector": np.repeat(condition, threads, 0)}
        dropping = feed | {"surplus": np.array([REACH, REACH])}
        expected = one_thread.run(None, feed)[0][0, :, REACH * hop : -REACH * hop]
        ways: dict[str, Callable[[], Sequence[Array]]] = {
            "one window on all threads": partial(_rows, all_threads, feed),
            "as many windows in one batch": partial(_rows, all_threads, batch),
            "a window a thread": partial(_side_by_side, pool, one_thread, [feed] * threads),
            "a window a thread, surplus dropped inside": partial(_side_by_side, pool, one_thread, [dropping] * threads),
        }
        contenders = tuple(_windows(name, way, frames, expected) for name, way in ways.items())
        yield Case("decoder windows", f"{frames} frames kept of each", contenders)
    pool.shutdown()


def _rows(opened: Session, feed: Mapping[str, Array]) -> Sequence[Array]:
    waves: Array = opened.run(None, dict(feed))[0]
    return list(waves)


def _side_by_side(pool: Executor, opened: Session, feeds: Sequence[Mapping[str, Array]]) -> Sequence[Array]:
    return [waves[0] for waves in pool.map(partial(_rows, opened), feeds)]


def _deviation(found: Array, expected: Array) -> float:
    """From the middle of a window, whether its surplus is still around it or not."""
    surplus = (found.shape[-1] - expected.shape[-1]) // 2
    return float(np.abs(found[..., surplus : surplus + expected.shape[-1]] - expected).max())


def _windows(name: str, way: Callable[[], Sequence[Array]], frames: int, expected: Array) -> Contender:
    def check() -> str:
        worst = max(_deviation(found, expected) for found in way())
        if worst > 1e-3:
            raise WrongOutputError(f"{name}: a window deviates by {worst:.1e}")
        return f"deviates by at most {worst:.0e}"

    def run() -> Values:
        seconds, found = stopwatch(way)
        return {"frames a second": frames * len(found) / seconds}

    return Contender(name, check, run)


def waiting(bundle: Path, threads: int) -> Iterator[Case]:
    """Ids a second with threads that wait awake for so long before they sleep."""
    manifest = read_manifest(bundle)
    contenders = []
    prompt = [manifest.token_ids.semantic_tokens.first + i for i in range(100)]
    for microseconds in (0, 20, 100, 1000):
        entries = {"session.intra_op.allow_spinning": "1" if microseconds else "0"}
        if microseconds:
            entries["session.intra_op.spin_duration_us"] = str(microseconds)
        opened = session(str(bundle / f"{LANGUAGE_MODEL}.onnx"), threads=threads, entries=entries)
        model = LanguageModel(opened, manifest.language_model, slots=1)
        logits = model.prefill(0, prompt)
        contenders.append(
            Contender(
                f"awake for {microseconds} microseconds",
                partial(_same_logits, model, prompt, logits),
                partial(_ids_a_second, model, prompt),
            )
        )
    yield Case("waiting threads", bundle.name, tuple(contenders))


def pages(bundle: Path, threads: int) -> Iterator[Case]:
    """Ids a second with the weights where ONNX Runtime put them, and moved into huge pages."""
    manifest = read_manifest(bundle)
    prompt = [manifest.token_ids.semantic_tokens.first + i for i in range(100)]
    entries = {"session.intra_op.allow_spinning": "1", "session.intra_op.spin_duration_us": str(SPIN_MICROSECONDS)}
    contenders: list[Contender] = []
    for name in ("as they are", "moved into huge pages"):
        # Memory that earlier sessions left would be filled again, and is not seen as new.
        gc.collect()
        give_back_freed_memory()
        with FilledMemory() as weights:
            opened = session(str(bundle / f"{LANGUAGE_MODEL}.onnx"), threads=threads, entries=entries)
        model = LanguageModel(opened, manifest.language_model, slots=1)
        logits = model.prefill(0, prompt)
        if not len(weights):
            return  # Not Linux, or huge pages are given always or never.
        while contenders and len(weights):
            weights.move_next()
        run = partial(_ids_a_second, model, prompt)
        contenders.append(Contender(name, partial(_same_logits, model, prompt, logits), run))
    yield Case("weights", bundle.name, tuple(contenders))


def _ids_a_second(model: LanguageModel, prompt: Sequence[int]) -> Values:
    model.prefill(0, prompt)
    seconds, _ = stopwatch(lambda: [model.step([0], prompt[:1]) for _ in range(STEPS)])
    return {"ids a second": STEPS / seconds}


def _same_logits(model: LanguageModel, prompt: Sequence[int], expected: Array) -> str:
    if not np.array_equal(model.prefill(0, prompt), expected):
        raise WrongOutputError("the same prompt gives other logits")
    return "the same logits each time"


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trials", description=__doc__)
    parser.add_argument("--bundles", type=Path, default=Path("build/benchmarks/bundles"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    results: list[Result] = []
    for cases in (
        pages(given.bundles / "int8", given.threads),
        pages(given.bundles / "int4", given.threads),
        convolutions(),
        activations(),
        products(given.threads),
        windows(given.bundles / "int8", given.threads),
        waiting(given.bundles / "int8", given.threads),
        waiting(given.bundles / "int4", given.threads),
    ):
        for case in cases:
            results += measure(case, Plan())
    report = {
        "date": datetime.date.today().isoformat(),
        "threads": given.threads,
        "machine": machine.describe(),
        "results": [result.as_json() for result in results],
    }
    given.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(tables(report))
    return 0


def tables(report: Mapping[str, Any]) -> str:
    """The results in Markdown, a table a suite: contenders by case."""
    parts = []
    for suite in dict.fromkeys(row["suite"] for row in report["results"]):
        rows = [row for row in report["results"] if row["suite"] == suite]
        cases = list(dict.fromkeys(row["case"] for row in rows))
        metric = next(iter(rows[0]["medians"]))
        lines = [f"| {suite}, {metric} | {' | '.join(cases)} | |", f"|---|{'---:|' * len(cases)}---|"]
        for name in dict.fromkeys(row["contender"] for row in rows):
            found = {row["case"]: row for row in rows if row["contender"] == name}
            values = " | ".join(f"{found[case]['medians'][metric]:.3g}" for case in cases)
            lines.append(f"| {name} | {values} | {found[cases[-1]]['check']} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())

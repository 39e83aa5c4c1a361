"""`convert_to_onnx.py`: what it writes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import argparse
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file

from sparktts_onnx.bundle.contract import COMPONENTS, ENROLLMENT_GRAPHS, LANGUAGE_MODEL, MANIFEST_NAME, GraphSpec
from sparktts_onnx.bundle.manifest import check_file, read_manifest
from sparktts_onnx.cli import main
from sparktts_onnx.cli.arguments import with_dashes
from sparktts_onnx.cli.commands import make_parser
from sparktts_onnx.errors import ExportError, OptionError
from sparktts_onnx.export import conversion, resources, staging
from sparktts_onnx.export.cli import conversion_options
from sparktts_onnx.export.codec import exporter, references
from sparktts_onnx.export.codec.lowering import halved
from sparktts_onnx.export.graph_file import save_graph
from sparktts_onnx.export.options import ConversionOptions

REPOSITORY = Path(__file__).parents[2]
LEAST_MANIFEST = '{"tokenizer": {"name": "tokenizer.json"}, "graphs": {}}'
GRAPHS = [*COMPONENTS, LANGUAGE_MODEL]
Usage = namedtuple("Usage", "total used free")


def run(*arguments: str | Path) -> int:
    return main(["convert", *map(str, arguments)])


def parse(*arguments: str) -> argparse.Namespace:
    return make_parser("convert").parse_args(with_dashes(arguments))


@pytest.fixture
def old_bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle where the new one is to go."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "onnx"))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_verified_bundle(tiny_folder: Path, old_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model_dir", tiny_folder, "--output-dir", old_bundle, "--cpu_only") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == str(old_bundle)
    for index, name in enumerate(GRAPHS, start=1):
        assert f"[{index}/{len(GRAPHS)}] {name}: " in shown.err
        assert sum(line.startswith(name + " ") for line in shown.out.splitlines()) >= 5
    assert "CC BY-NC-SA 4.0" in shown.err
    manifest = read_manifest(old_bundle)
    assert list(manifest.graphs) == GRAPHS
    for entry in manifest.files():
        check_file(old_bundle, entry)
    assert all(graph.verification is not None for graph in manifest.graphs.values())
    assert {path.name for path in old_bundle.iterdir()} == {MANIFEST_NAME, *(e.name for e in manifest.files())}
    assert list(old_bundle.parent.iterdir()) == [old_bundle]


def test_a_bundle_that_is_replaced_or_goes_before_the_new_one_is_told(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "my model"
    shutil.copytree(tiny_folder, checkpoint)
    only = ("--graphs", "decoder,language_model", "--skip-verification", "--no-alignment")

    def told(precision: str) -> list[str]:
        assert run(checkpoint, "--precision", precision, *only) == 0
        lines = capsys.readouterr().err.splitlines()
        return [line for line in lines if line.startswith(("the bundle", "next"))]

    assert told("fp32") == [f"next: spark-tts-onnx --model '{checkpoint}' --text \"Hello.\""]
    gone = "the bundle in fp32 that was there is gone; to have both: --precision fp32,int8"
    assert told("int8") == [gone, f"next: spark-tts-onnx --model '{checkpoint}' --text \"Hello.\""]
    of_its_own = f"next: spark-tts-onnx --model '{checkpoint / 'onnx' / 'int8'}' --text \"Hello.\""
    assert told("int8,int4") == [of_its_own]  # the folder leads to the older bundle
    shutil.rmtree(checkpoint / "onnx" / "int8")
    (checkpoint / "onnx" / MANIFEST_NAME).unlink()
    assert told("int4,int8") == [f"next: spark-tts-onnx --model '{checkpoint}' --text \"Hello.\""]


def test_component_graphs_use_standard_operators_only(tiny_bundle: Path) -> None:
    for name in COMPONENTS:
        model = onnx.load(tiny_bundle / f"{name}.onnx")
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
        assert model.ir_version <= 8  # What ONNX Runtime 1.15 reads at most is 9.
        onnx.checker.check_model(model, full_check=True)


def test_nothing_is_written_that_is_not_used(tiny_bundle: Path) -> None:
    for name in COMPONENTS:
        graph = onnx.load(tiny_bundle / f"{name}.onnx").graph
        used = {given for node in graph.node for given in node.input} | {output.name for output in graph.output}
        assert all(entry.name in used for entry in graph.initializer)
        assert all(any(output in used for output in node.output) for node in graph.node)


def test_faults_of_all_graphs_are_listed_and_the_old_bundle_stays(
    tiny_folder: Path, old_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = exporter.save_graph

    def damaged(model: onnx.ModelProto, target: Path) -> list[Path]:
        if target.stem in ("encoder", "postnet"):
            entry = next(one for one in model.graph.initializer if len(one.dims) == 3)
            entry.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(entry) * np.float32(1.1), entry.name))
        return save(model, target)

    monkeypatch.setattr(exporter, "save_graph", damaged)
    before = snapshot(old_bundle)
    assert run("--model_dir", tiny_folder, "--output_dir", old_bundle) == 1
    shown = capsys.readouterr()
    assert "error: " in shown.err and "encoder (1 × 50)" in shown.err and "postnet (2 × 81)" in shown.err
    assert "prenet (" not in shown.err
    assert snapshot(old_bundle) == before
    assert list(old_bundle.parent.iterdir()) == [old_bundle]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "speaker_encoder (1 × 50): "),
        (["--skip_verification"], "the codec hears the global id -"),
    ],
)
def test_a_codec_that_gives_no_numbers_is_one_message(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Finite weights, but a variance below zero."""
    damaged = Path(shutil.copytree(tiny_folder, tmp_path / "damaged", ignore=shutil.ignore_patterns("onnx")))
    path = damaged / "BiCodec" / "model.safetensors"
    tensors = load_file(path)
    save_file({name: -each if name.endswith("running_var") else each for name, each in tensors.items()}, path)
    assert run("--model_dir", damaged, "--output_dir", tmp_path / "onnx", *arguments) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1 and said in told[0]
    assert list(tmp_path.iterdir()) == [damaged]


def test_a_graph_that_cannot_be_written_does_not_stop_the_others(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(model: onnx.ModelProto, name: str) -> None:
        if name == "prenet":
            raise ExportError("prenet uses an operator of nobody")

    monkeypatch.setattr(exporter, "tidy", refuse)
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx", "--skip_verification") == 1
    shown = capsys.readouterr()
    assert "error: prenet uses an operator of nobody" in shown.err
    assert "[10/10] language_model" in shown.err
    assert not (tmp_path / "onnx").exists()


def test_fixed_shapes(tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "fixed"
    assert run("--model_dir", tiny_folder, "--output_dir", target, "--no-dynamic_axes", "--frames", "20") == 0
    manifest = read_manifest(target)
    assert manifest.codec.fixed_frames == 20
    for name in COMPONENTS:
        graph = manifest.graphs[name]
        assert all(isinstance(axis, int) for tensor in graph.inputs + graph.outputs for axis in tensor.axes), name
    assert manifest.graphs["decoder"].outputs[0].axes == (1, 1, 20 * 320)
    assert manifest.graphs["speaker_encoder"].inputs[0].axes == (1, manifest.codec.reference_samples)


def test_a_smaller_precision_halves_what_enrollment_keeps_on_disk(tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8"
    assert run("--model_dir", tiny_folder, "--output_dir", target, "--precision", "int8") == 0
    manifest = read_manifest(target)
    assert manifest.graphs[LANGUAGE_MODEL].precision == "int8"
    for name in COMPONENTS:
        kinds = {entry.data_type for entry in onnx.load(target / f"{name}.onnx").graph.initializer}
        expected = name in ("wav2vec2", "encoder", "postnet", "speaker_detokenize", "prenet")
        assert (onnx.TensorProto.FLOAT16 in kinds) == expected, name


def test_weights_that_do_not_bear_rounding_are_refused(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rough(adapter: torch.nn.Module) -> torch.nn.Module:
        result = halved(adapter)
        for tensor in result.parameters():
            tensor.data = (tensor.data * 8).round() / 8 if tensor.dim() > 1 else tensor.data
        return result

    monkeypatch.setattr(references, "halved", rough)
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "int8", "--precision", "int8") == 1
    assert "end to end (wave of rounded weights): the wave deviates" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_the_wave_generator_computes_in_integers_where_a_processor_is_meant(
    tiny_folder: Path, tmp_path: Path, precision: str
) -> None:
    target, graphs = tmp_path / precision, "decoder,language_model"
    fixed = ["--no_dynamic_axes", "--frames", "20"] if precision == "int4" else []
    given = ["--precision", precision, "--graphs", graphs, *fixed]
    assert run("--model_dir", tiny_folder, "--output_dir", target, *given) == 0
    model = onnx.load(target / "decoder.onnx")
    onnx.checker.check_model(model, full_check=True)
    integers = any(node.op_type == "MatMulInteger" for node in model.graph.node)
    assert integers == (precision in ("int8", "int4"))
    stored = {"fp32": "fp32", "fp16": "fp16 stored", "int8": "int8", "int4": "int8"}
    assert read_manifest(target).graphs["decoder"].precision == stored[precision]


def without_zero_points(model: onnx.ModelProto) -> None:
    """As if bytes were signed."""
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            del node.input[2]


def with_other_borders(model: onnx.ModelProto) -> None:
    """Something else than silence on both sides of what is convolved."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(3, np.uint8), "border"))
    for node in model.graph.node:
        if node.op_type == "Pad":
            node.input[2] = "border"


def with_a_step_doubled(model: onnx.ModelProto) -> None:
    """Of the activations of a convolution in the middle."""
    steps = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    node = steps[len(steps) // 2]
    step = next(entry for entry in model.graph.initializer if entry.name == node.input[1])
    model.graph.initializer.append(onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(step), "doubled"))
    node.input[1] = "doubled"


@pytest.mark.parametrize("fault", [without_zero_points, with_other_borders, with_a_step_doubled])
def test_faults_of_integers_are_refused(
    fault: Callable[[onnx.ModelProto], None],
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half of the samples may differ, but a fault is everywhere, or at the borders, which most of a short sound is."""
    export = conversion.export_graph

    def damaged(spec: GraphSpec, adapter: torch.nn.Module, target: Path, **given: Any) -> list[Path]:
        written = export(spec, adapter, target, **given)
        model = onnx.load(target)
        fault(model)
        for path in written:
            path.unlink()
        return save_graph(model, target)

    monkeypatch.setattr(conversion, "export_graph", damaged)
    given = ["--precision", "int8", "--graphs", "decoder,language_model"]
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "int8", *given) == 1
    assert re.search(r"decoder \(1 × 13\): wav deviates", capsys.readouterr().err)
    assert not (tmp_path / "int8").exists()
    fixed = ["--no_dynamic_axes", "--frames", "200"]
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "int8", *given, *fixed) == 1
    assert re.search(r"decoder \(1 × 200\): wav deviates", capsys.readouterr().err)


def test_some_graphs_and_another_opset(tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "onnx"
    graphs = "decoder,language_model"
    assert run("--model-dir", tiny_folder, "--output-dir", target, "--graphs", graphs, "--opset-version", "18") == 0
    manifest = read_manifest(target)
    assert {name: entry.opset for name, entry in manifest.graphs.items()} == {"decoder": 18, "language_model": 18}


def test_graphs_that_only_enroll_are_verified_without_a_wave(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graphs = ",".join((*ENROLLMENT_GRAPHS, LANGUAGE_MODEL))
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx", "--graphs", graphs) == 0
    assert "prompt semantic ids" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--opset_version", "12"], "opset 12 is not supported; choose 17 to 20"),
        (["--opset_version", "99"], "opset 99 is not supported"),
        (["--precision", "int8, int4", "--opset_version", "12"], "opset 12 is not supported"),
        (["--graphs", "encoder,vocoder"], "there is no graph 'vocoder'"),
        (["--graphs", "encoder"], "a bundle always holds language_model"),
        (["--no_dynamic_axes", "--frames", "3"], "3 frames are too few"),
        (["--no_dynamic_axes", "--frames", "100000"], "100000 frames are too many"),
        (["elsewhere"], "MODEL is given twice"),
    ],
)
def test_bad_usage_is_one_message_and_2(
    tiny_folder: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx", *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert not (tmp_path / "onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--opset-version", "12"], 2, "opset 12 is not supported"),
        ([], 1, "the conversion needs torch, which is not installed: pip install 'sparktts-onnx[convert,cpu]'"),
    ],
)
def test_without_the_extra_options_are_checked_and_it_says_what_to_install(
    tiny_folder: Path, arguments: list[str], status: int, message: str
) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from sparktts_onnx.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "convert", "--model_dir", str(tiny_folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1


def test_what_is_neither_a_folder_nor_an_id_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in ([], ["nowhere"], [tmp_path / "a"], ["--model", tmp_path, "--lora", "nowhere"]):
        assert run(*arguments) == 1
        shown = capsys.readouterr().err
        assert shown.startswith("error: there is no folder ") and shown.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--model"], ["--precision", "int2"], ["--precision", "int8,int8"], ["--precision", ""], ["--frames", "many"]],
)
def test_unknown_options_are_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2


def test_options_are_spelled_with_dashes_or_underscores() -> None:
    dashes = parse("--model-dir", "a", "--no-dynamic-axes", "--skip-verification", "--cpu-only")
    underscores = parse("--model_dir", "a", "--no_dynamic_axes", "--skip_verification", "--cpu_only")
    assert dashes == underscores
    assert parse("--dynamic_axes").dynamic_axes and not dashes.dynamic_axes
    assert parse("a").checkpoint == parse("--model", "a").model == dashes.model == "a"


def test_the_bundle_goes_below_the_checkpoint_by_default(tiny_folder: Path) -> None:
    [options] = conversion_options(parse("--model_dir", str(tiny_folder)))
    assert options.output_dir == tiny_folder / "onnx"
    assert options.opset == 17 and options.dynamic and options.verify


def test_an_unreadable_checkpoint_is_one_message(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = Path(shutil.copytree(tiny_folder, tmp_path / "damaged"))
    path = damaged / "BiCodec" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    assert run("--model_dir", damaged) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "error: " in lines[0] and str(path) in lines[0]
    assert not (damaged / "onnx").exists()


def test_too_little_disk(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 10**6))
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx") == 1
    assert "only 1 MB are free" in capsys.readouterr().err


def test_too_little_memory(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resources, "available_memory", lambda: 10**8)
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx") == 1
    assert "only 100 MB are available" in capsys.readouterr().err


def test_a_control_groups_limit_counts_but_its_cached_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "CGROUP", tmp_path)
    everything = resources.available_memory()
    assert everything is not None and everything > 10**7
    for name, content in (("max", "9000000\n"), ("current", "8000000\n"), ("stat", "anon 1000000\nfile 7000000\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert resources.available_memory() == 8_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert resources.available_memory() > 10**7


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EFBIG])
def test_a_disk_without_room_is_one_message_and_leaves_nothing(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def full(model: onnx.ModelProto, target: Path) -> list[Path]:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(exporter, "save_graph", full)
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path / "onnx") == 1
    told = capsys.readouterr().err.splitlines()[-1]
    reason = f"{os.strerror(code)}; make room there, or name another folder with --output-dir"
    assert told == f"error: the bundle cannot be written to {tmp_path / 'onnx'}: {reason}"
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_files_are_not_replaced(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert run("--model_dir", tiny_folder, "--output_dir", tmp_path) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is an exception, as it is for the command line, and is so afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("result", ["a graph", "another error", "an error of the export"])
def test_an_interrupt_that_a_library_swallows_stops_before_the_next_graph(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: str
) -> None:
    written = []
    errors = {"another error": ImportError("it was interrupted"), "an error of the export": ExportError("it was")}

    def swallowing(spec: GraphSpec, adapter: torch.nn.Module, target: Path, **given: Any) -> list[Path]:
        written.append(spec.name)
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        if error := errors.get(result):
            raise error
        return exporter.export_graph(spec, adapter, target, **given)

    monkeypatch.setattr(conversion, "export_graph", swallowing)
    graphs = ("quantizer_detokenize", "speaker_detokenize", LANGUAGE_MODEL)
    with pytest.raises(KeyboardInterrupt):
        conversion.convert(ConversionOptions(tiny_folder, tmp_path / "onnx", graphs=graphs, verify=False))
    assert written == ["quantizer_detokenize"]
    assert list(tmp_path.iterdir()) == []


def test_a_staged_folder_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "onnx"
    with pytest.raises(ValueError), staging.staged(target) as folder:
        (folder / MANIFEST_NAME).write_text(LEAST_MANIFEST)
        raise ValueError
    with pytest.raises(ValueError), staging.staged(tmp_path / "new" / "folders" / "onnx"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    with staging.staged(target) as folder:
        (folder / MANIFEST_NAME).write_text(LEAST_MANIFEST)
        assert not target.exists()
    assert (target / MANIFEST_NAME).read_text() == LEAST_MANIFEST
    with pytest.raises(OptionError), staging.staged(target / MANIFEST_NAME):
        pass


@pytest.mark.parametrize("fault", [OSError("no such luck"), KeyboardInterrupt()])
def test_a_swap_that_fails_half_way_leaves_the_old_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    target, rename = tmp_path / "onnx", Path.rename
    target.mkdir()
    (target / MANIFEST_NAME).write_text(LEAST_MANIFEST)

    def failing(path: Path, to: Path) -> Path:
        if path.name.startswith(".onnx.partial-"):
            raise fault
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(type(fault)), staging.staged(target) as folder:
        (folder / MANIFEST_NAME).write_text("new")
    assert list(tmp_path.iterdir()) == [target]
    assert (target / MANIFEST_NAME).read_text() == LEAST_MANIFEST


@pytest.mark.parametrize("was_there", [True, False])
def test_of_two_conversions_that_end_at_a_time_the_later_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was_there: bool
) -> None:
    target, rename, puts = tmp_path / "onnx", Path.rename, iter(range(2))
    if was_there:
        target.mkdir()
        (target / MANIFEST_NAME).write_text(LEAST_MANIFEST)

    def with_another(path: Path, to: Path) -> Path:
        if path.name.startswith(".onnx.partial-") and next(puts, None) is not None:
            target.mkdir()
            (target / MANIFEST_NAME).write_text(LEAST_MANIFEST)
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", with_another)
    with staging.staged(target) as folder:
        (folder / MANIFEST_NAME).write_text("new")
    assert next(puts, None) is None
    assert list(tmp_path.iterdir()) == [target] and (target / MANIFEST_NAME).read_text() == "new"


def test_what_somebody_puts_into_the_folder_meanwhile_is_not_lost(tmp_path: Path) -> None:
    target = tmp_path / "onnx"
    with pytest.raises(OptionError, match=r"holds voice\.json"), staging.staged(target):
        target.mkdir()
        (target / "voice.json").write_text("mine")
    assert list(tmp_path.iterdir()) == [target] and (target / "voice.json").read_text() == "mine"


def test_where_no_folder_can_be_put_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for impossible, said in ((tmp_path / "file" / "a" / "b", "file is a file"), (Path("/"), "where a disk begins")):
        with pytest.raises(OptionError, match=said), staging.staged(impossible):
            pass
    (tmp_path / "volume").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "volume")
    with pytest.raises(OptionError, match=r"such as .*volume/onnx$"), staging.staged(tmp_path / "volume"):
        pass
    with staging.staged(tmp_path / "volume" / "onnx") as folder:
        (folder / MANIFEST_NAME).touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "volume"]
    assert [path.name for path in (tmp_path / "volume").iterdir()] == ["onnx"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    links = {"there": tmp_path / "disk" / "bundle", "dangling": tmp_path / "disk" / "other" / "bundle"}
    links["there"].mkdir()
    for name, leads_to in links.items():
        link = tmp_path / name
        link.symlink_to(leads_to)
        with staging.staged(link) as folder:
            assert folder.parent == leads_to.parent
            (folder / MANIFEST_NAME).write_text(LEAST_MANIFEST)
        assert link.is_symlink() and (leads_to / MANIFEST_NAME).read_text() == LEAST_MANIFEST
        assert list(leads_to.parent.iterdir()).count(leads_to) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "disk", "there"]
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    long = "a" * 300
    for impossible in ("circle/onnx", "a\0b", f"{long}/x", f"new/folders/{long}/x"):
        with pytest.raises(OptionError, match="cannot be a folder"), staging.staged(tmp_path / impossible):
            pass
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["onnx[1]", "a*b", "what?", "[!x]", "on.partial-3nx"])
def test_leftovers_are_cleared_whatever_the_name(tmp_path: Path, name: str) -> None:
    dead = 2**22 + 1
    (tmp_path / f".{name}.partial-{dead}").mkdir()
    (tmp_path / f".{name}.replaced-{dead}").mkdir()
    other = tmp_path / f".onnx1.partial-{dead}"
    other.mkdir()
    with staging.staged(tmp_path / name) as folder:
        (folder / MANIFEST_NAME).write_text(LEAST_MANIFEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, other.name])


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer.json": "years of work"},
        {"decoder.onnx": "my own", "decoder.onnx.data": "too"},
        {MANIFEST_NAME: "of something else"},
        {MANIFEST_NAME: '{"name": "an app", "icons": []}'},
        {MANIFEST_NAME: "LEAST", "encoder.onnx": "that no manifest lists"},
        {MANIFEST_NAME: "LEAST", "tokenizer.json/": ""},
        {"manifest.json/": ""},
    ],
)
def test_a_folder_that_only_looks_like_a_bundle_is_not_replaced(tmp_path: Path, files: dict[str, str]) -> None:
    target = tmp_path / "onnx"
    target.mkdir()
    for name, content in files.items():
        if name.endswith("/"):
            (target / name).mkdir()
        else:
            (target / name).write_text(LEAST_MANIFEST if content == "LEAST" else content)
    before = sorted(target.iterdir())
    with pytest.raises(OptionError, match="which is not part of a bundle"), staging.staged(target):
        pass
    assert sorted(target.iterdir()) == before
    assert list(tmp_path.iterdir()) == [target]


def test_leftovers_of_the_dead_are_cleared_and_a_moved_bundle_comes_back(tmp_path: Path) -> None:
    target, dead = tmp_path / "onnx", 2**22 + 1  # Above the largest process id that Linux gives.
    (tmp_path / f".onnx.partial-{dead}").mkdir()
    (tmp_path / f".onnx.replaced-{dead}").mkdir()
    living = tmp_path / ".onnx.partial-1"
    living.mkdir()
    staging.clear_leftovers(target)
    assert target.is_dir()
    assert living.is_dir()
    assert not (tmp_path / f".onnx.partial-{dead}").exists()


@pytest.mark.parametrize("stop_at", ["wav2vec2.onnx", "language_model.onnx.data"])
def test_a_killed_conversion_leaves_the_old_bundle(tiny_folder: Path, old_bundle: Path, stop_at: str) -> None:
    before = snapshot(old_bundle)
    command = [sys.executable, "convert_to_onnx.py", "--model_dir", str(tiny_folder), "--output_dir", str(old_bundle)]
    with subprocess.Popen([*command, "--skip_verification"], cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        try:
            while not list(old_bundle.parent.glob(f".onnx.partial-*/{stop_at}")) and process.poll() is None:
                time.sleep(0.01)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    assert snapshot(old_bundle) == before
    leftovers = [path for path in old_bundle.parent.iterdir() if path != old_bundle]
    assert len(leftovers) == 1 and leftovers[0].name.startswith(".")
    staging.clear_leftovers(old_bundle)
    assert list(old_bundle.parent.iterdir()) == [old_bundle]


def test_a_terminated_conversion_cleans_up(tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "onnx"
    command = [sys.executable, "convert_to_onnx.py", "--model_dir", str(tiny_folder), "--output_dir", str(target)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("[1/"):
            assert process.poll() is None
        process.terminate()
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.endswith("error: interrupted\n") and "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []

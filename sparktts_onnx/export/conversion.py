"""A conversion from start to end: every graph written and judged, the manifest last, the folder put in place."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import torch
from torch import nn

from sparktts_onnx._version import __version__
from sparktts_onnx.bundle.contract import COMPONENTS, ENROLLMENT_GRAPHS, LANGUAGE_MODEL, TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import (
    GraphEntry,
    LanguageModelLayout,
    Manifest,
    Tensor,
    describe_file,
    write_manifest,
)
from sparktts_onnx.errors import ExportError, OptionError, VerificationError
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint, codec_fingerprint, open_checkpoint
from sparktts_onnx.export.checkpoint.license import license_of
from sparktts_onnx.export.checkpoint.tokenizer import write_text_tokenizer
from sparktts_onnx.export.checkpoint.weights import TensorFiles
from sparktts_onnx.export.codec.adapters import Models
from sparktts_onnx.export.codec.calibration import typical_features
from sparktts_onnx.export.codec.exporter import MAX_OPSET, MIN_OPSET, GraphForm, export_graph
from sparktts_onnx.export.codec.geometry import codec_layout
from sparktts_onnx.export.codec.lowering import halved, in_integers
from sparktts_onnx.export.codec.recipes import CHECKED, RECIPES, TRACED, Recipe, Size, recording_length
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.language_model import Head, Precision, write_language_model
from sparktts_onnx.export.language.weights import DecoderWeights
from sparktts_onnx.export.resources import check_room, estimate
from sparktts_onnx.export.staging import staged
from sparktts_onnx.export.verify.end_to_end import GraphChain, clone_prompt, enroll_both, wave_checks
from sparktts_onnx.export.verify.graphs import INTEGER_SHARE, Check, summary, verify_graph
from sparktts_onnx.export.verify.language_model import example_prompts, verify_language_model
from sparktts_onnx.export.verify.weights import verify_weights

logger = logging.getLogger(__name__)

ALL_GRAPHS = (*COMPONENTS, LANGUAGE_MODEL)
DEFAULT_PRECISION: Precision = "fp32"
HALF_STORED = ("wav2vec2", "encoder", "postnet", "speaker_detokenize", "prenet", "decoder")
"""Graphs whose weights are kept as float16 in the file where the precision is not float32, but for what is computed in
integers; they compute in float32 all the same. The others are small, or decide on ids."""
INTEGER_GRAPH = "decoder"
INTEGER_PRECISIONS = ("int8", "int4")
"""Precisions whose wave generator computes in 8-bit integers: those made for processors."""
MIN_FIXED_FRAMES = 16


@dataclass(frozen=True)
class ConversionOptions:
    """What to convert and how."""

    model_dir: Path
    """The checkpoint folder."""
    output_dir: Path
    """Where the bundle goes."""
    dynamic: bool = True
    """Whether batch and time may vary in the component graphs."""
    frames: int = 200
    """Tokens of every time axis where shapes are fixed."""
    opset: int = MIN_OPSET
    """Version of the standard operators."""
    verify: bool = True
    """Whether the graphs are judged before the bundle is put in place."""
    cpu_only: bool = False
    """Whether the checks leave an accelerator alone."""
    precision: Precision = DEFAULT_PRECISION
    """Of the language model's stored weights; others than fp32 also halve the graphs of `HALF_STORED` on disk, and
    those of `INTEGER_PRECISIONS` compute the wave generator in integers."""
    head: Head = "speech"
    """Rows of the language model's head: the ids that speech can use, or all."""
    graphs: tuple[str, ...] = ALL_GRAPHS
    """Which graphs to write."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if not MIN_OPSET <= self.opset <= MAX_OPSET:
            raise OptionError(f"opset {self.opset} is not supported; choose {MIN_OPSET} to {MAX_OPSET}")
        if unknown := [name for name in self.graphs if name not in ALL_GRAPHS]:
            raise OptionError(f"there is no graph {unknown[0]!r}; choose from {', '.join(ALL_GRAPHS)}")
        if LANGUAGE_MODEL not in self.graphs:
            raise OptionError(f"a bundle always holds {LANGUAGE_MODEL}; add it to the graphs")
        if self.frames < MIN_FIXED_FRAMES:
            raise OptionError(f"{self.frames} frames are too few for fixed shapes; use {MIN_FIXED_FRAMES} or more")

    @property
    def traced(self) -> Size:
        """The size that graphs are traced at."""
        return TRACED if self.dynamic else Size(1, self.frames, whole_clip=True)

    @property
    def checked(self) -> tuple[Size, ...]:
        """The sizes that graphs are judged at."""
        return CHECKED if self.dynamic else (self.traced,)


Report = Callable[[Sequence[Check]], None]


def convert(options: ConversionOptions, *, report: Report | None = None) -> Manifest:
    """Convert a checkpoint; `report` is given all checks, also where some failed.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ExportError: no room, or a graph could not be written.
        VerificationError: graphs do not agree with the model; all are named.
    """
    checkpoint = open_checkpoint(options.model_dir)
    needs = estimate(checkpoint, precision=options.precision, graphs=options.graphs, verify=options.verify)
    check_room(needs, options.output_dir)
    with staged(options.output_dir) as folder:
        work = Conversion(options, checkpoint, folder)
        work.check_weights()
        work.write_graphs()
        if options.verify:
            work.verify_end_to_end()
        if report is not None:
            report(work.checks)
        work.raise_faults()
        manifest = work.manifest()
        write_manifest(folder, manifest)
    return manifest


@dataclass
class Conversion:
    """One conversion on its way."""

    options: ConversionOptions
    checkpoint: Checkpoint
    folder: Path
    checks: list[Check] = field(default_factory=list)
    written: dict[str, list[Path]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    layout: LanguageModelLayout | None = None

    def __post_init__(self) -> None:
        self.models = Models(self.checkpoint)
        self._adapters: dict[str, nn.Module] = {}
        self._in_integers: nn.Module | None = None

    def adapter(self, name: str) -> nn.Module:
        """The reference module of a graph."""
        if name not in self._adapters:
            self._adapters[name] = RECIPES[name].build(self.models)
        return self._adapters[name]

    def _integer(self, name: str) -> bool:
        """Whether a graph computes in 8-bit integers."""
        return self.options.precision in INTEGER_PRECISIONS and name == INTEGER_GRAPH

    def _half(self, name: str) -> bool:
        """Whether a graph's weights are rounded to float16."""
        return self.options.precision != "fp32" and name in HALF_STORED and not self._integer(name)

    def _stored_adapter(self, name: str) -> nn.Module:
        """The reference module with the weights that the graph's file holds."""
        if self._integer(name):
            if self._in_integers is None:
                self._in_integers = in_integers(self.adapter(name), typical_features(self.adapter, self.checkpoint))
            return self._in_integers
        return halved(self.adapter(name)) if self._half(name) else self.adapter(name)

    def check_weights(self) -> None:
        """Find out now, not minutes later, whether the codec's and the language model's tensors are all there."""
        _ = self.models.codec
        folder = self.checkpoint.language_model_folder
        DecoderWeights(read_decoder_config(folder), TensorFiles(folder))

    def write_graphs(self) -> None:
        """Write and judge every graph; one that fails does not keep the others from being judged."""
        for index, name in enumerate(self.options.graphs, start=1):
            started = time.monotonic()
            try:
                if name == LANGUAGE_MODEL:
                    self._write_language_model()
                else:
                    self._write_component(RECIPES[name])
            except ExportError as error:
                self.failures.append(str(error))
                continue
            size = sum(path.stat().st_size for path in self.written[name]) / 1e6
            seconds = time.monotonic() - started
            logger.info("[%d/%d] %s: %.1f MB in %.1f s", index, len(self.options.graphs), name, size, seconds)

    def _write_component(self, recipe: Recipe) -> None:
        options, target = self.options, self.folder / f"{recipe.name}.onnx"
        half = self._half(recipe.name)
        adapter = self._stored_adapter(recipe.name)
        if self._integer(recipe.name):
            recipe = dataclasses.replace(recipe, share=INTEGER_SHARE)
        form = GraphForm(options.traced, options.opset, dynamic=options.dynamic, half=half)
        self.written[recipe.name] = export_graph(recipe, adapter, target, checkpoint=self.checkpoint, form=form)
        if options.verify:
            self.checks.append(verify_weights(recipe.name, adapter, target))
            # Integers are checked where their sums can be had in float64, which not every accelerator has.
            device = torch.device("cpu") if self._integer(recipe.name) else check_device(options)
            with on_device(adapter, device):
                self.checks += verify_graph(
                    recipe, adapter, target, checkpoint=self.checkpoint, sizes=options.checked, dynamic=options.dynamic
                )

    def _write_language_model(self) -> None:
        options = self.options
        self.layout = write_language_model(
            self.checkpoint.language_model_folder,
            self.folder,
            precision=options.precision,
            head=options.head,
            opset=options.opset,
        )
        self.written[LANGUAGE_MODEL] = sorted(self.folder.glob(f"{LANGUAGE_MODEL}.onnx*"))
        write_text_tokenizer(self.checkpoint.language_model_folder, self.folder / TOKENIZER_NAME)

    def verify_end_to_end(self) -> None:
        """Judge the chain of graphs, and with its ids the language model."""
        if self.failures:
            return
        chain, prompts = GraphChain(self.folder), example_prompts(self.checkpoint.token_ids)
        if set(ENROLLMENT_GRAPHS) <= set(self.options.graphs):
            samples = None if self.options.dynamic else recording_length(self.checkpoint, self.options.frames)
            exact = self.options.precision == "fp32"
            enrolled = enroll_both(self.adapter, chain, self.checkpoint, samples=samples, exact=exact)
            self.checks += enrolled.checks
            integers = self.options.precision in INTEGER_PRECISIONS
            self.checks += wave_checks(self.adapter, self._stored_adapter, chain, enrolled, integers=integers)
            prompts.append(clone_prompt(self.checkpoint.token_ids, enrolled.global_ids))
        self._adapters.pop("wav2vec2", None)
        self.models.drop_wav2vec2()
        assert self.layout is not None
        reference = self.checkpoint.load_language_model()
        with on_device(reference, check_device(self.options)):
            self.checks += verify_language_model(
                self.folder, self.layout, reference, prompts=prompts, precision=self.options.precision
            )

    def raise_faults(self) -> None:
        """Raise one error that names everything that failed."""
        faults = [f"{check.graph} ({check.subject}): {check.fault}" for check in self.checks if not check.passed]
        if self.failures:
            raise ExportError("; ".join([*self.failures, *faults]))
        if faults:
            raise VerificationError("the graphs do not agree with the model: " + "; ".join(faults))

    def manifest(self) -> Manifest:
        """What was written, described from the files."""
        assert self.layout is not None
        fixed = None if self.options.dynamic else self.options.frames
        return Manifest(
            producer=f"sparktts-onnx {__version__}",
            source=self.checkpoint.folder.resolve().name,
            licence=license_of(self.checkpoint.folder),
            codec=codec_layout(self.checkpoint, fingerprint=codec_fingerprint(self.models.codec), fixed_frames=fixed),
            language_model=self.layout,
            token_ids=self.checkpoint.token_ids,
            graphs={name: self._graph_entry(name) for name in self.options.graphs},
            tokenizer=describe_file(self.folder / TOKENIZER_NAME),
            verification=self._overall() if self.options.verify else None,
        )

    def _graph_entry(self, name: str) -> GraphEntry:
        files = self.written[name]
        model = onnx.load(files[0], load_external_data=False)
        optional = {entry.name for entry in model.graph.initializer}
        stored = "int8" if self._integer(name) else "fp16 stored" if self._half(name) else "fp32"
        precision = self.options.precision if name == LANGUAGE_MODEL else stored
        checks = [check for check in self.checks if check.graph == name]
        return GraphEntry(
            files=tuple(describe_file(path) for path in files),
            opset=next(entry.version for entry in model.opset_import if entry.domain == ""),
            precision=precision,
            inputs=tuple(describe_tensor(entry) for entry in model.graph.input if entry.name not in optional),
            outputs=tuple(describe_tensor(entry) for entry in model.graph.output),
            options=tuple(describe_tensor(entry) for entry in model.graph.input if entry.name in optional),
            verification=summary(checks) if self.options.verify else None,
        )

    def _overall(self) -> Mapping[str, object]:
        rows = [check for check in self.checks if check.graph not in self.options.graphs]
        return {check.subject: {"error": check.error, "tolerance": check.tolerance} for check in rows}


def describe_tensor(entry: onnx.ValueInfoProto) -> Tensor:
    """An input or output as the file declares it."""
    kind = entry.type.tensor_type
    axes = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    return Tensor(entry.name, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, axes)


def check_device(options: ConversionOptions) -> torch.device:
    """Where the reference modules run during the checks."""
    if not options.cpu_only and torch.cuda.is_available():
        # Ten bits of mantissa would fail the tolerances.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        return torch.device("cuda")
    if not options.cpu_only and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


class on_device:
    """Move a module's weights for the time of a block."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.module, self.device = module, device

    def __enter__(self) -> None:
        self.module.to(self.device)

    def __exit__(self, *_: object) -> None:
        self.module.to("cpu")

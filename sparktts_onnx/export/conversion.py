"""A conversion from start to end: every graph written and judged, the manifest last, the folder put in place."""

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from sparktts_onnx._version import __version__
from sparktts_onnx.bundle.contract import (
    COMPONENTS,
    ENROLLMENT_GRAPHS,
    LANGUAGE_MODEL,
    SPEAKING_GRAPHS,
    TOKENIZER_NAME,
    Tensor,
)
from sparktts_onnx.bundle.manifest import (
    Alignment,
    CodecLayout,
    GraphEntry,
    Manifest,
    describe_file,
    write_manifest,
)
from sparktts_onnx.errors import ExportError, VerificationError
from sparktts_onnx.export.alignment.search import AlignmentSearch
from sparktts_onnx.export.checkpoint.checkpoint import (
    LANGUAGE_MODEL_FOLDER,
    Checkpoint,
    codec_fingerprint,
    licenses_of,
    open_checkpoint,
)
from sparktts_onnx.export.checkpoint.tokenizer import tokens_read_as_text, write_text_tokenizer
from sparktts_onnx.export.codec.examples import CHECKED, Size, recording_length
from sparktts_onnx.export.codec.exporter import export_graph
from sparktts_onnx.export.codec.geometry import codec_layout
from sparktts_onnx.export.codec.references import References
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.graph import language_model_layout, write_language_model
from sparktts_onnx.export.language.lora import merge_adapter
from sparktts_onnx.export.language.queries import add_queries
from sparktts_onnx.export.language.weights import DecoderWeights, language_model_files, read_reference
from sparktts_onnx.export.options import ConversionOptions
from sparktts_onnx.export.resources import check_room
from sparktts_onnx.export.staging import noted_interrupts, staged
from sparktts_onnx.export.verify.end_to_end import clone_prompt, enroll_both, wave_checks
from sparktts_onnx.export.verify.graphs import Check, on_device, summary, verify_graph
from sparktts_onnx.export.verify.language_model import example_prompts, verify_language_model
from sparktts_onnx.export.verify.weights import verify_language_weights, verify_weights
from sparktts_onnx.hub.names import kept_model

logger = logging.getLogger(__name__)

Report = Callable[[Sequence[Check]], None]


def convert(options: ConversionOptions, *, report: Report | None = None) -> Manifest:
    """Convert a checkpoint; `report` is given all checks, also where some failed.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ExportError: no room, or a graph could not be written.
        VerificationError: graphs do not agree with the model; all are named.
    """
    checkpoint = open_checkpoint(options.model_dir, language_model=options.language_model, adapter=options.lora)
    check_room(checkpoint, options)
    warn_of_own_tokens(checkpoint)
    with (
        noted_interrupts() as check_interrupts,
        staged(options.output_dir) as folder,
        TemporaryDirectory(dir=folder) as scratch,
    ):
        if options.lora is not None:
            merged = Path(scratch) / "merged"
            merge_adapter(checkpoint.language_model_folder, options.lora, merged)
            checkpoint = dataclasses.replace(checkpoint, language_model_folder=merged)
        work = Conversion(options, checkpoint, folder)
        work.check_weights()
        work.write_graphs(after_each=check_interrupts)
        if options.alignment and work.is_sound:
            work.find_alignment()
            check_interrupts()
        if options.verify and not work.failures:
            work.verify_end_to_end()
        if report is not None:
            report(work.checks)
        work.raise_faults()
        manifest = work.manifest()
        write_manifest(folder, manifest)
        check_interrupts()
    return manifest


def warn_of_own_tokens(checkpoint: Checkpoint) -> None:
    """Say which tokens of a finetune's own will be read as plain text."""
    published = checkpoint.folder / LANGUAGE_MODEL_FOLDER
    if own := tokens_read_as_text(checkpoint.tokenizer_folder, published):
        named = ", ".join(own[:5]) + (f" and {len(own) - 5} more" if len(own) > 5 else "")
        logger.warning("tokens that the tokenizer has of its own are read as plain text by a bundle: %s", named)


class Conversion:
    """One conversion on its way."""

    def __init__(self, options: ConversionOptions, checkpoint: Checkpoint, folder: Path) -> None:
        self.options, self.checkpoint, self.folder = options, checkpoint, folder
        self.references = References(checkpoint, options.precision)
        self.decoder = read_decoder_config(checkpoint.language_model_folder)
        self.layout = language_model_layout(
            self.decoder, checkpoint.token_ids, precision=options.precision, head=options.head
        )
        self.sizes = CHECKED if options.dynamic else (Size(1, options.frames, fixed=True),)
        self.checks: list[Check] = []
        self.failures: list[str] = []
        self._written: dict[str, list[Path]] = {}
        self._alignment: Alignment | None = None

    @cached_property
    def codec(self) -> CodecLayout:
        """The codec's sizes, and the fingerprint of its weights."""
        fixed = None if self.options.dynamic else self.options.frames
        fingerprint = codec_fingerprint(self.references.codec)
        return codec_layout(self.checkpoint, fingerprint=fingerprint, fixed_frames=fixed)

    def check_weights(self) -> None:
        """Find out now, not minutes later, whether every tensor is there."""
        _ = self.references.codec
        if "wav2vec2" in self.options.graphs:
            _ = self.references.wav2vec2
        DecoderWeights(self.decoder, language_model_files(self.checkpoint.language_model_folder))

    def write_graphs(self, *, after_each: Callable[[], None]) -> None:
        """Write and judge every graph; one that fails does not keep the others from being judged."""
        for index, name in enumerate(self.options.graphs, start=1):
            started = time.monotonic()
            try:
                self._written[name] = self._write_language_model() if name == LANGUAGE_MODEL else self._write(name)
            except ExportError as error:
                self.failures.append(str(error))
            after_each()
            if name not in self._written:
                continue
            size = sum(path.stat().st_size for path in self._written[name]) / 1e6
            seconds = time.monotonic() - started
            logger.info("[%d/%d] %s: %.1f MB in %.1f s", index, len(self.options.graphs), name, size, seconds)

    def _write(self, name: str) -> list[Path]:
        options, checkpoint = self.options, self.checkpoint
        spec, target = COMPONENTS[name], self.folder / f"{name}.onnx"
        module, storage = self.references.stored(name), self.references.storage(name)
        files = export_graph(
            spec, module, target, checkpoint=checkpoint, size=self.sizes[0], opset=options.opset, half=storage.half
        )
        if options.verify:
            self.checks.append(verify_weights(name, module, target))
            with on_device(module, cpu_only=options.cpu_only or storage.integers):
                self.checks += verify_graph(
                    spec, module, target, checkpoint=checkpoint, sizes=self.sizes, share=storage.share
                )
        return files

    def _write_language_model(self) -> list[Path]:
        write_language_model(
            self.checkpoint.language_model_folder,
            self.folder,
            precision=self.options.precision,
            head=self.options.head,
            opset=self.options.opset,
            ids=self.checkpoint.token_ids,
        )
        tokenizer = self.checkpoint.tokenizer_folder
        write_text_tokenizer(tokenizer, self.folder / TOKENIZER_NAME, vocab_size=self.decoder.vocab_size)
        return sorted(self.folder.glob(f"{LANGUAGE_MODEL}.onnx*"))

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.failures and all(check.passed for check in self.checks)

    def find_alignment(self) -> None:
        """Look for the attention heads that follow the text, and let the language model's graph give their queries."""
        if missing := set(ENROLLMENT_GRAPHS) - set(self.options.graphs):
            reason = f"looking for them takes {', '.join(sorted(missing))}, which this conversion leaves out"
            self._alignment = Alignment(reason=reason)
            return
        search = AlignmentSearch(self.folder, self.layout, self.decoder, self.checkpoint.token_ids, self.codec)
        self._alignment = search.run(self.references)
        if self._alignment.heads:
            add_queries(self.folder / f"{LANGUAGE_MODEL}.onnx", self._alignment.heads, group=self.decoder.group)

    def verify_end_to_end(self) -> None:
        """Judge the chain of graphs, and with its ids the language model."""
        options = self.options
        prompts = example_prompts(self.checkpoint.token_ids)
        if set(ENROLLMENT_GRAPHS) <= set(options.graphs):
            samples = None if options.dynamic else recording_length(self.checkpoint, options.frames)
            semantic_ids, global_ids, checks = enroll_both(self.references, self.folder, samples=samples)
            self.checks += checks
            if set(SPEAKING_GRAPHS) <= set(options.graphs):
                self.checks += wave_checks(self.references, self.folder, semantic_ids, global_ids)
            prompts.append(clone_prompt(self.checkpoint.token_ids, global_ids))
        if "wav2vec2" in options.graphs:
            del self.references.wav2vec2
        written = self.folder / f"{LANGUAGE_MODEL}.onnx"
        llm_folder = self.checkpoint.language_model_folder
        self.checks.append(verify_language_weights(llm_folder, written, self.layout, options.precision))
        reference = read_reference(llm_folder)
        with on_device(reference, cpu_only=options.cpu_only):
            self.checks += verify_language_model(
                self.folder,
                self.layout,
                reference,
                prompts=prompts,
                precision=options.precision,
                alignment=self._alignment,
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
        options = self.options
        end_to_end = [check for check in self.checks if check.graph not in options.graphs]
        return Manifest(
            producer=f"sparktts-onnx {__version__}",
            source=" + ".join(str(kept_model(part) or part.resolve().name) for part in options.sources),
            licence=licenses_of(options.sources),
            codec=self.codec,
            language_model=self.layout,
            token_ids=self.checkpoint.token_ids,
            graphs={name: self._entry(name, files) for name, files in self._written.items()},
            tokenizer=describe_file(self.folder / TOKENIZER_NAME),
            verification={check.subject: {"error": check.error, "tolerance": check.tolerance} for check in end_to_end}
            if options.verify
            else None,
            alignment=self._alignment,
        )

    def _entry(self, name: str, files: Sequence[Path]) -> GraphEntry:
        model = onnx.load(files[0], load_external_data=False)
        optional = {entry.name for entry in model.graph.initializer}
        checks = [check for check in self.checks if check.graph == name]
        return GraphEntry(
            files=tuple(describe_file(path) for path in files),
            opset=next(entry.version for entry in model.opset_import if entry.domain == ""),
            precision=self.references.storage(name).label,
            inputs=tuple(_tensor(entry) for entry in model.graph.input if entry.name not in optional),
            outputs=tuple(_tensor(entry) for entry in model.graph.output),
            options=tuple(_tensor(entry) for entry in model.graph.input if entry.name in optional),
            verification=summary(checks) if checks else None,
        )


def _tensor(entry: onnx.ValueInfoProto) -> Tensor:
    kind = entry.type.tensor_type
    axes = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    return Tensor(entry.name, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name, axes)

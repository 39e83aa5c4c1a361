"""What is measured, where the material lies, and how thoroughly."""

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness import Plan

DEFAULT_PRECISION = "int8"
"""The precision that speaks best for its speed; its bundle is the one whose codec is measured."""
PEERS = {"int8": "Q8_0", "int4": "Q4_0"}
"""llama.cpp's format of the same bits; the precisions that speed is looked for in on a processor."""

READ_SIZES_MIB = (256, 384, 1024)
"""Bytes that are read again and again: about as many as the weights of each precision. A cache holds part of less."""


def read_rate_name(size_mib: int) -> str:
    """Name of the rate, in GB/s, at which so many MiB are read again and again."""
    return f"read_{size_mib}_mib_gb_s"


@dataclass(frozen=True)
class Settings:
    """One run of the benchmark."""

    checkpoint: Path
    """A checkpoint of the published size; synthetic weights are as fast as trained ones."""
    bundles: Path
    """Folder with a bundle a precision, and the peer's model files."""
    device: str = "cpu"
    """Where every side computes: cpu or cuda."""
    threads: int = 2
    """Threads that every side computes with."""
    plan: Plan = field(default_factory=Plan)
    original: tuple[str, ...] = ("float32", "bfloat16")
    """Formats in which the original computes."""
    precisions: tuple[str, ...] = ("fp32", "int8", "int4")
    """Bundles to measure."""
    prompts: tuple[int, ...] = (60, 300)
    """Lengths of the language model's prompts, ids."""
    new_ids: int = 300
    """Ids that the language model writes after each prompt."""
    batch: int = 8
    """Answers at once where answers are written together."""
    batch_ids: int = 100
    """Ids of each of them."""
    texts_together: int = 16
    """Texts spoken together, a sentence each."""
    sentence_ids: int = 200
    """Ids of each of them: what such a sentence takes to say."""
    audio_seconds: tuple[float, ...] = (1, 5, 10, 30)
    """Lengths that the codec decodes."""
    recording_seconds: tuple[float, ...] = (3, 6, 20)
    """Lengths of recordings that are enrolled."""
    texts: tuple[str, ...] = ("short", "middle", "long")
    """Texts that are spoken."""
    cold_starts: int = 3
    """Processes started for each side."""

    @property
    def peers(self) -> tuple[str, ...]:
        """The peer's formats, one for each precision that has one; on the processor only."""
        return tuple(PEERS[precision] for precision in self.fast) if self.device == "cpu" else ()

    @property
    def fast(self) -> tuple[str, ...]:
        """The precisions that speed is looked for in."""
        return tuple(p for p in self.precisions if p in PEERS) if self.device == "cpu" else self.precisions

    @property
    def codec_precision(self) -> str:
        """The bundle whose codec is measured."""
        return DEFAULT_PRECISION if self.device == "cpu" else self.precisions[0]

    def bundle(self, precision: str) -> Path:
        """Where the bundle of a precision lies."""
        return self.bundles / precision


def quick(settings: Settings) -> Settings:
    """The same with so little work that it only shows whether everything runs."""
    return Settings(
        checkpoint=settings.checkpoint,
        bundles=settings.bundles,
        device=settings.device,
        threads=settings.threads,
        original=settings.original,
        plan=Plan(rounds=1, pause_seconds=0.0),
        precisions=settings.precisions,
        prompts=(60,),
        new_ids=10,
        batch=2,
        batch_ids=10,
        texts_together=2,
        sentence_ids=10,
        audio_seconds=(1,),
        recording_seconds=(3,),
        texts=("short",),
        cold_starts=1,
    )

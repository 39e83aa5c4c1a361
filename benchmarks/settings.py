"""What is measured, where the material lies, and how thoroughly."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.harness import Plan

DEFAULT_PRECISION = "int8"
"""The precision whose codec and processes are measured on a processor."""
PEERS = {"int8": "Q8_0", "int4": "Q4_0"}
"""llama.cpp's format of the same bits; the precisions that are fast on a processor."""


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
    new_ids: int = 100
    """Ids that the language model writes after each prompt."""
    batch: int = 8
    """Answers at once where answers are written together."""
    texts_together: int = 16
    """Texts spoken together, a sentence each."""
    sentence_ids: int = 100
    """Ids of each of them."""
    audio_seconds: tuple[float, ...] = (1, 10)
    """Lengths that the codec decodes."""
    recording_seconds: tuple[float, ...] = (6,)
    """Lengths of recordings that are enrolled."""
    texts: tuple[str, ...] = ("middle", "long")
    """Texts that are spoken."""
    cold_starts: int = 3
    """Processes started for each side."""

    @property
    def fast(self) -> tuple[str, ...]:
        """The precisions that speed is looked for in."""
        return tuple(p for p in self.precisions if p in PEERS) if self.device == "cpu" else self.precisions

    @property
    def peers(self) -> tuple[str, ...]:
        """The peer's formats, one for each precision that has one; on the processor only."""
        return tuple(PEERS[precision] for precision in self.fast) if self.device == "cpu" else ()

    @property
    def codec_precision(self) -> str:
        """The bundle whose codec is measured."""
        return DEFAULT_PRECISION if self.device == "cpu" else self.precisions[0]

    def bundle(self, precision: str) -> Path:
        """Where the bundle of a precision lies."""
        return self.bundles / precision


def quick(settings: Settings) -> Settings:
    """The same with so little work that it only shows whether everything runs."""
    return replace(
        settings,
        plan=Plan(rounds=1, pause_seconds=0.0),
        prompts=(60,),
        new_ids=10,
        batch=2,
        texts_together=2,
        sentence_ids=10,
        audio_seconds=(1,),
        recording_seconds=(3,),
        texts=("middle",),
        cold_starts=1,
    )

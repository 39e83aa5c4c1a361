"""Where the material lies, what is measured, and what is spoken."""

from dataclasses import dataclass
from pathlib import Path

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
    original: tuple[str, ...] = ("float32", "bfloat16")
    """Formats in which the original computes."""
    precisions: tuple[str, ...] = ("fp32", "int8", "int4")
    """Bundles to measure."""
    new_ids: int = 100
    """Tokens of an answer."""

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


SENTENCES = (
    "The little boat left the harbour before the sun was up, and nobody on the quay had seen it go.",
    "By noon the wind had turned, the sea was grey, and the men began to look back at the hills behind them.",
    "They had bread and water for two days, a lamp, a coil of rope, and a map that was older than the boat.",
    "When the evening came at last they heard the bell of the island, slow and far away across the water.",
)


@dataclass(frozen=True)
class Text:
    """A text, and about as many tokens as it takes to say."""

    text: str
    ids_each: int
    """Tokens of every segment."""
    segments: int = 1
    """Segments that this software speaks it in."""

    @property
    def ids(self) -> int:
        """Tokens altogether."""
        return self.ids_each * self.segments


TEXTS = {
    "short": Text("Good morning, how are you?", 75),
    "middle": Text(SENTENCES[0], 200),
    "long": Text(" ".join(SENTENCES), 125, segments=4),
}

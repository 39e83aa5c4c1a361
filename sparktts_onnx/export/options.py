"""What to convert and how, checked before PyTorch is loaded."""

from dataclasses import dataclass
from pathlib import Path

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, Head, Precision
from sparktts_onnx.errors import OptionError

ALL_GRAPHS = (*COMPONENTS, LANGUAGE_MODEL)
MIN_OPSET, MAX_OPSET = 17, 20
"""17 is the first with LayerNormalization; 20 the last that PyTorch's tracing exporter writes."""
MIN_FIXED_FRAMES, MAX_FIXED_FRAMES = 16, 3000
"""As few as show a fault, and as many as an answer has tokens."""


@dataclass(frozen=True)
class ConversionOptions:
    """What to convert and how."""

    model_dir: Path
    output_dir: Path
    language_model: Path | None = None
    """A folder with another language model for the checkpoint's codec."""
    lora: Path | None = None
    """A folder with an adapter that is merged into the language model."""
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
    precision: Precision = "fp32"
    """What the bundle is made for; `References` says what it means for each graph."""
    head: Head = "speech"
    """Rows of the language model's head: the ids that speech can use, or all."""
    graphs: tuple[str, ...] = ALL_GRAPHS
    alignment: bool = True
    """Whether to look for the attention heads that tell when each word is spoken."""

    def __post_init__(self) -> None:
        if not MIN_OPSET <= self.opset <= MAX_OPSET:
            raise OptionError(f"opset {self.opset} is not supported; choose {MIN_OPSET} to {MAX_OPSET}")
        if unknown := [name for name in self.graphs if name not in ALL_GRAPHS]:
            raise OptionError(f"there is no graph {unknown[0]!r}; choose from {', '.join(ALL_GRAPHS)}")
        if LANGUAGE_MODEL not in self.graphs:
            raise OptionError(f"a bundle always holds {LANGUAGE_MODEL}; add it to the graphs")
        if not MIN_FIXED_FRAMES <= self.frames <= MAX_FIXED_FRAMES:
            few = "few" if self.frames < MIN_FIXED_FRAMES else "many"
            raise OptionError(
                f"{self.frames} frames are too {few} for fixed shapes; use {MIN_FIXED_FRAMES} to {MAX_FIXED_FRAMES}"
            )

    @property
    def sources(self) -> tuple[Path, ...]:
        """Every folder that weights come from."""
        return tuple(part for part in (self.model_dir, self.language_model, self.lora) if part is not None)

"""The license of a checkpoint's weights, as far as its folder tells."""

import re
from collections.abc import Sequence
from pathlib import Path

PUBLISHED = (
    "CC BY-NC-SA 4.0 (non-commercial) for the weights of SparkAudio/Spark-TTS-0.5B and whatever is made from them; "
    "for other checkpoints, as their makers say"
)
CARD = re.compile(r"\A---\n.*?^license:\s*([^\n]+)\n.*?^---", re.MULTILINE | re.DOTALL)


def licenses_of(folders: Sequence[Path]) -> str:
    """The license of a checkpoint, the first folder, and those that the cards of finetunes name."""
    first, *others = (_named_in(folder) for folder in folders)
    return "; ".join(dict.fromkeys(name for name in (first or PUBLISHED, *others) if name))


def _named_in(folder: Path) -> str | None:
    """The license named by the model card in a folder."""
    try:
        card = CARD.match((folder / "README.md").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        card = None
    return card[1].strip().strip("\"'") if card else None

"""The license of a checkpoint's weights, as far as its folder tells."""

import re
from pathlib import Path

PUBLISHED = (
    "CC BY-NC-SA 4.0 (non-commercial) for the weights of SparkAudio/Spark-TTS-0.5B and whatever is made from them; "
    "for other checkpoints, as their makers say"
)
CARD = re.compile(r"\A---\n.*?^license:\s*([^\n]+)\n.*?^---", re.MULTILINE | re.DOTALL)


def license_of(folder: Path) -> str:
    """The license named by the model card in the folder; without a card, that of the published weights."""
    try:
        card = CARD.match((folder / "README.md").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        card = None
    return card[1].strip().strip("\"'") if card else PUBLISHED

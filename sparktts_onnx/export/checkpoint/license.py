"""The license of a checkpoint's weights, as far as its folder tells."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

PUBLISHED = (
    "CC BY-NC-SA 4.0 (non-commercial) for the weights of SparkAudio/Spark-TTS-0.5B and whatever is made from them; "
    "for other checkpoints, as their makers say"
)
FRONT = re.compile(r"\A---\n(.*?)^---", re.MULTILINE | re.DOTALL)
"""What a model card says for programs, in YAML."""


def licenses_of(folders: Sequence[Path]) -> str:
    """The license of a checkpoint, the first folder, and those that the cards of finetunes name."""
    first, *others = (_named_in(folder) for folder in folders)
    return "; ".join(dict.fromkeys(name for name in (first or PUBLISHED, *others) if name))


def _named_in(folder: Path) -> str | None:
    """The license named by the model card in a folder; of several, all."""
    try:
        front = FRONT.match((folder / "README.md").read_text(encoding="utf-8-sig"))
        found = yaml.safe_load(front[1])["license"] if front else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        return None
    names = [str(name) for name in (found if isinstance(found, list) else [found]) if name is not None]
    return ", ".join(" ".join(name.split()) for name in names) or None

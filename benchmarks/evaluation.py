"""Texts and a voice for measurements of the trained model; no training stage has seen the texts."""

import json
from pathlib import Path
from typing import Any

from sparktts_onnx import SparkTTSONNX, Voice

ROOT = Path(__file__).resolve().parent.parent


def evaluation_texts() -> list[str]:
    """Short sentences, in a fixed order."""
    data: dict[str, Any] = json.loads((ROOT / "training" / "evaluation.json").read_text(encoding="utf-8"))
    return [str(text) for text in data["sentences"]]


def kept_voice(tts: SparkTTSONNX, *, gender: str = "female", seed: int = 1) -> Voice:
    """A voice that the model makes up once and keeps."""
    return tts.create_voice(gender=gender, seed=seed)

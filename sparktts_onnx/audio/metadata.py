"""What every written file says about itself: that nobody spoke it, and what made it."""

from __future__ import annotations

from dataclasses import dataclass

from sparktts_onnx._version import __version__

SOFTWARE = f"sparktts-onnx {__version__}"
TITLE = "Synthetic speech"


@dataclass(frozen=True)
class Tags:
    """Metadata in words; each format stores what it has fields for."""

    title: str = TITLE
    """Shown by players."""

    comment: str = f"AI-generated: synthetic speech, not a recording of a person. Made with {SOFTWARE}."
    """Complete by itself: MP3 and AAC keep no software of ours, every format keeps a comment."""

    software: str = SOFTWARE
    """This package and its version."""


SYNTHETIC = Tags()

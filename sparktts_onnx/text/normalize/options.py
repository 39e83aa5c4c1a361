"""What `normalize` is asked to do."""

from dataclasses import dataclass
from typing import Literal, get_args

from sparktts_onnx.errors import OptionError

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class NormalizeOptions:
    """How written text is turned into spoken words."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language that numbers and signs are read in; "auto" decides for each by the letters around it."""
    fallback: Language = "en"
    """The language where "auto" finds no letters at all, as in "12:30"."""

    def __post_init__(self) -> None:
        if self.language not in ("auto", *get_args(Language)):
            raise OptionError(f"language is {self.language!r}; it must be 'auto', 'en' or 'zh'")
        if self.fallback not in get_args(Language):
            raise OptionError(f"fallback is {self.fallback!r}; it must be 'en' or 'zh'")

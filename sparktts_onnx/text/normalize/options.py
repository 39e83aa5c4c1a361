"""What `normalize` is asked to do."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sparktts_onnx.errors import OptionError

Language = Literal["en", "zh"]

KINDS: Final = (
    "abbreviations",
    "currency",
    "dates",
    "emoji",
    "fractions",
    "numbers",
    "ordinals",
    "percents",
    "phones",
    "ranges",
    "symbols",
    "times",
    "units",
    "web",
    "width",
)
"""Every kind of text that is read out, each of which can be left as it is (`NormalizeOptions.skip`)."""


@dataclass(frozen=True)
class NormalizeOptions:
    """How written text is turned into spoken words."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language that numbers and signs are read in; "auto" decides for each by the letters around it."""
    fallback: Language = "en"
    """The language where "auto" finds no letters at all, as in "12:30"."""
    month_first: bool = True
    """Whether 3/4/2024 is March 4th; a number above 12 settles it either way."""
    skip: Set[str] = frozenset()
    """Kinds that stay as written, from `KINDS`: {"dates", "web"} leaves dates and URLs alone."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.skip) - set(KINDS))
        if unknown:
            raise OptionError(f"skip names unknown kinds {unknown}; the kinds are {', '.join(KINDS)}")
        if self.language not in ("auto", *get_args(Language)):
            raise OptionError(f"language is {self.language!r}; it must be 'auto', 'en' or 'zh'")
        if self.fallback not in get_args(Language):
            raise OptionError(f"fallback is {self.fallback!r}; it must be 'en' or 'zh'")

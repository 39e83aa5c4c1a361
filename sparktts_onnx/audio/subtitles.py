"""Subtitles from what was said when: SubRip (.srt) and WebVTT (.vtt)."""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LINE_COLUMNS = 42
"""Widest line, the broadcasters' usual; a Chinese character takes two columns."""
LINES = 2
"""Most lines shown at once; longer text is spread over several cues."""
LEAST_SECONDS = 0.001

_NOT_FIRST = frozenset("，。、；：？！）》」』】〕’”…—,.;:?!)]}%")
_NOT_LAST = frozenset("（《「『【〔‘“([{")
_SCENE_BREAK = re.compile(r"^[^\S\n]*(?:[*~#=_•·⁂※❦⸻—–-][^\S\n]*)+$", re.MULTILINE)
"""A line of signs between paragraphs: there to be seen, not heard."""


@dataclass(frozen=True)
class Cue:
    """Text and when it is heard."""

    text: str
    """As written, any length, on any number of lines."""
    start: float
    """Seconds from the beginning."""
    end: float
    """Seconds from the beginning."""


def srt(cues: Iterable[Cue]) -> str:
    """The contents of a SubRip file."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(_shown(cues), 1)
    )


def webvtt(cues: Iterable[Cue]) -> str:
    """The contents of a WebVTT file."""
    return "WEBVTT\n\n" + "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{html.escape(cue.text, quote=False)}\n\n"
        for cue in _shown(cues)
    )


def wrapped(text: str, columns: int = LINE_COLUMNS) -> list[str]:
    """`text` as lines of at most `columns`, broken at spaces and between Chinese characters, or inside a
    word that is wider than a line; nothing is lost but white space."""
    lines: list[str] = []
    line = ""
    for unit, spaced in _units(text, columns):
        joined = f"{line} {unit}" if spaced and line else line + unit
        if line and _columns(joined) > columns:
            lines.append(line)
            joined = unit
        line = joined
    return [*lines, line] if line else lines


def _shown(cues: Iterable[Cue]) -> Iterator[Cue]:
    """`cues` as they are shown: wrapped, split where too long, in order, never two at once."""
    last = 0.0
    for cue in cues:
        lines = wrapped(_SCENE_BREAK.sub("", cue.text))
        if not lines:
            continue
        start = max(cue.start, last)
        end = max(cue.end, start + LEAST_SECONDS)
        for text, begin, stop in _split(lines, start, end):
            yield Cue(text, begin, stop)
        last = end


def _split(lines: list[str], start: float, end: float) -> Iterator[tuple[str, float, float]]:
    """Blocks of at most `LINES` lines, each with the part of the time that its width is of the whole."""
    blocks = ["\n".join(lines[first : first + LINES]) for first in range(0, len(lines), LINES)]
    widths = [_columns(block) for block in blocks]
    done = 0
    for block, width in zip(blocks, widths, strict=True):
        begin = start + (end - start) * done / sum(widths)
        done += width
        yield block, begin, start + (end - start) * done / sum(widths)


def _units(text: str, columns: int) -> Iterator[tuple[str, bool]]:
    """Pieces that a line is not broken inside, and whether white space goes before them."""
    for word in text.split():
        unit, spaced = "", True
        for character in word:
            if unit and (_may_break(unit[-1], character) or _columns(unit + character) > columns):
                yield unit, spaced
                unit, spaced = "", False
            unit += character
        yield unit, spaced


def _may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters of one word."""
    wide = _columns(before) == 2 or _columns(after) == 2
    return wide and after not in _NOT_FIRST and before not in _NOT_LAST


def _columns(text: str) -> int:
    """Columns that `text` takes: two for a Chinese character, none for a mark on another."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _clock(seconds: float, point: str) -> str:
    """hh:mm:ss and milliseconds, rounded."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"

"""The rules that are tables: files of lines anyone can add to, read once, when first used.

A line is one reading, its columns parted by tabs. The first line names the columns.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("tables")


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The lines of tables/NAME.tsv; a column that a line leaves out is empty."""
    head, *lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    width = head.count("\t") + 1
    cells = [line.split("\t") for line in lines]
    return tuple((*line, *[""] * (width - len(line))) for line in cells)


def spellings(cell: str) -> list[str]:
    """The spellings in a cell, which are separated by a comma and a space."""
    return cell.split(", ") if cell else []


@cache
def entries(name: str) -> dict[str, tuple[str, ...]]:
    """The columns behind each spelling in the first one."""
    return {spelling: row[1:] for row in rows(name) for spelling in spellings(row[0])}


@cache
def words(name: str, *of: str) -> frozenset[str]:
    """The spellings in the first column; of the lines whose last column is one of `of`, where given."""
    return frozenset(word for row in rows(name) if not of or row[-1] in of for word in spellings(row[0]))


def one_of(choices: Iterable[str]) -> str:
    """A regular expression for one of these texts, the longest first."""
    return "(?:" + "|".join(sorted(map(re.escape, choices), key=lambda text: (-len(text), text))) + ")"

"""Every line of every table is used: it changes how something is read."""

import re

import pytest

from sparktts_onnx.text.normalize import normalize, tables

LISTS = {
    "starter": "the U.S. ^",
    "before amounts": "1. Tea ? 2. milk",
    "crown": "? Ames VII",
    "label": "? 15A",
    "model": "看?-41",
    "loved": "so ? <3",
    "numbered": "see ? 4-1",
    "no noun": "a $5 ?",
    "domain": "see a-b.?",
}
EXAMPLES = {
    "abbreviations": lambda row: {
        "title": f"{row[0]}. Ames",
        "number": f"{row[0]}. 7",
        "end": f"So {row[0]}. it",
        "state": f"In York, {row[0]}. it",
    }.get(row[2], f"So {row[0]}. 7 it"),
    "books": lambda row: f"{row[0]} 3:65",
    "counted": lambda row: f"4m {row[0]}",
    "cues": lambda row: f"{row[0]} 5512" if row[2] == "direct" else f"the {row[0]} number 5512",
    "currencies": lambda row: f"{row[0]}5",
    "latex": lambda row: f"\\{row[0]}",
    "lists": lambda row: LISTS[row[1]].replace("?", row[0]).replace("^", row[0].capitalize()),
    "measures": lambda row: f"有2{row[0]}人",
    "months": lambda row: f"{row[0]} 5, 1999",
    "named": lambda row: f"这{row[0]}{row[1].split(', ')[0]}",
    "numerals": lambda row: f"{row[0]} VII",
    "per": lambda row: f"$5/{row[0]}",
    "sayings": lambda row: f"so {row[0]}",
    "scales": lambda row: f"$5 {row[0]}" if row[3] == "" else f"$5{row[0]}",
    "services": lambda row: f"请拨打{row[0]}",
    "signs": lambda row: f"5 {row[0]} 7" if row[1] else f"so {row[0]}7" if row[3] else f"https://a.com/b{row[0]}c/d",
    "streets": lambda row: f"2210 Elm {row[0]}",
    "tags": lambda row: f"<{row[0]} a='b'>so",
    "timezones": lambda row: f"10:30{row[0]}",
    "weekdays": lambda row: f"{row[0]}, May 5",
    "units": lambda row: f"5 {row[0]}" if row[4] != "attached" else f"55{row[0]}",
}
"""Text that is read with a line of each table."""

LINES = [(name, row) for name in EXAMPLES for row in tables.rows(name)]


def spelled(name: str, row: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A line for each of its spellings."""
    return [(spelling, *row[1:]) for spelling in row[0].split(", ")]


@pytest.mark.parametrize(("name", "row"), LINES, ids=lambda value: value if isinstance(value, str) else value[0])
def test_each_line_changes_a_reading(name: str, row: tuple[str, ...]) -> None:
    for line in spelled(name, row):
        written = EXAMPLES[name](line)
        unknown = EXAMPLES[name](("zqzq" if name not in ("services", "named", "sayings") else "77731", *line[1:]))
        shape = re.sub(re.escape(line[0]), "?", normalize(written), flags=re.IGNORECASE)
        other = re.sub("zqzq", "?", normalize(unknown), flags=re.IGNORECASE)
        assert shape != other, written


def test_every_table_has_an_example() -> None:
    assert {file.stem for file in tables.FOLDER.glob("*.tsv")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_line_stands_twice(name: str) -> None:
    lists = [row[-1] if name == "lists" else "" for row in tables.rows(name)]
    keys = [(at, one) for at, row in zip(lists, tables.rows(name), strict=True) for one in tables.spellings(row[0])]
    assert sorted(set(keys)) == sorted(keys)
    assert all(row[0].strip() for row in tables.rows(name))

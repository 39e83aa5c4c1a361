"""Every example in docs/text.md is true."""

import re
from pathlib import Path

import pytest

from sparktts_onnx.text import normalize
from sparktts_onnx.text.normalize import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "text.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", PAGE, re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(ROWS) >= 12
    assert len(BLOCKS) == 4


@pytest.mark.parametrize(("written", "spoken"), ROWS)
def test_text_is_spoken_as_the_page_says(written: str, spoken: str) -> None:
    assert normalize(written) == spoken


@pytest.mark.parametrize("block", BLOCKS)
def test_code_runs(block: str) -> None:
    assert "assert" in block
    exec(block, {})


def test_the_page_names_every_kind() -> None:
    listed = re.search(r"left as written: (.*?)\(", PAGE, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"\w+", listed.group(1))) == set(KINDS)

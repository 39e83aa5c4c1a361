"""Every example in docs/text.md is true."""

import re
from pathlib import Path

import pytest

from sparktts_onnx.text import normalize

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

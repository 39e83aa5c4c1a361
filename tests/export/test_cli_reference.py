"""docs/cli.md says what the commands say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_parsers_say() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    script = runpy.run_path(str(ROOT / "scripts" / "write_cli_reference.py"))
    assert written == script["reference"](), "run `python scripts/write_cli_reference.py`"

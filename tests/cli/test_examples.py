"""Every example beside the demo runs as documented."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NANO = ROOT / "tests" / "data" / "nano_bundle"
EXAMPLES = sorted((ROOT / "example").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_speaks(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example), str(NANO)])
    runpy.run_path(str(example), run_name="__main__")
    written = list((tmp_path / "outputs").glob("*.wav"))
    assert written, "an example writes speech"
    assert capsys.readouterr().out.strip().splitlines()[-1].endswith(".wav")

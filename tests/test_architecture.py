"""docs/architecture.md says what is: a line for each file of the package, and no file that is not there."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_file_map", ROOT / "scripts" / "write_file_map.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_has_its_line(writer: ModuleType) -> None:
    assert writer.page() == PAGE.read_text(encoding="utf-8"), "run python scripts/write_file_map.py"


def test_a_new_file_is_missed(writer: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text('"""Something new."""\n', encoding="utf-8")
    (tmp_path / "__init__.py").write_text('"""A package."""\n', encoding="utf-8")
    monkeypatch.setattr(writer, "PACKAGE", tmp_path)
    assert "- `new.py`: Something new." in list(writer.file_map())
    (tmp_path / "bare.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"bare\.py has no docstring"):
        list(writer.file_map())


def test_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|md|sh))`", text))
    missing = {name for name in named if not (ROOT / name).exists() and not (ROOT / "sparktts_onnx" / name).exists()}
    assert not missing


def test_the_glossary_stays_short() -> None:
    glossary = PAGE.read_text(encoding="utf-8").partition("## Glossary")[2].partition("\n## ")[0]
    rows = [line for line in glossary.splitlines() if line.startswith("| ") and "---" not in line]
    assert 10 <= len(rows) <= 25


def test_a_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "sparktts_onnx").rglob("*.py")):
        for name in re.findall(r"^class ([A-Za-z]\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            places.setdefault(name, []).append(path.name)
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert not shared

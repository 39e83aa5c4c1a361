"""Write the map of files in docs/architecture.md from the modules' own first lines: `python scripts/write_file_map.py`.

A test fails when the page is out of date, and so does a module without a docstring.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sparktts_onnx"
TARGET = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- files: written by scripts/write_file_map.py -->", "<!-- end of files -->"
ORDER = (
    *("", "bundle", "text", "text/normalize", "audio", "audio/encoders", "runtime", "runtime/graphs", "runtime/voices"),
    *("runtime/language", "runtime/codec", "runtime/speech", "export", "export/modules", "export/checkpoint"),
    *("export/codec", "export/language", "export/alignment", "export/verify"),
    *("batch", "server", "scale", "cli"),
)
"""Folders as the data flows; others follow by name."""


def summary(file: Path) -> str:
    """The first paragraph of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if not text:
        raise SystemExit(f"{file} has no docstring; say in its first line what it is or does")
    return " ".join(text.split("\n\n")[0].split())


def file_map() -> Iterator[str]:
    """Lines of the map: a heading a folder, a line a file."""
    folders = {file.parent.relative_to(PACKAGE).as_posix().removeprefix(".") for file in PACKAGE.rglob("*.py")}
    for folder in sorted(folders, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        path = PACKAGE / folder
        yield f"\n### `sparktts_onnx/{folder + '/' if folder else ''}`\n"
        yield f"{summary(path / '__init__.py')}\n"
        for file in sorted(path.glob("*.py")):
            if file.name != "__init__.py":
                yield f"- `{file.name}`: {summary(file)}"


def page() -> str:
    """The whole page with the map in its place."""
    before, _, rest = TARGET.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n" + "\n".join(file_map()) + f"\n\n{END}{after}"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")

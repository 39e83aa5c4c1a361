"""The wheel holds the package and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_package_only(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "sparktts_onnx", source / "sparktts_onnx", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "cli", source / "cli")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, tmp_path, source], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sparktts_onnx"}
    ours = {path.relative_to(source).as_posix() for path in (source / "sparktts_onnx").rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("sparktts_onnx/")} == ours

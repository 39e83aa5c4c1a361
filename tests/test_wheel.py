"""The wheel and the sdist hold the package and nothing else, and what is installed from them works.

The environment that they are tried in has nothing but the wheel; what it depends on is lent by the tests' environment.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import nano
import pytest

from synthetic.checkpoint import write_checkpoint
from synthetic.sizes import tiny_sizes

ROOT = Path(__file__).parents[1]
GRAPHS = "language_model,quantizer_detokenize"
SDIST = "from setuptools import build_meta; build_meta.build_sdist({!r})"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of what is built from."""
    source = tmp_path_factory.mktemp("source")
    for name in ("sparktts_onnx", "cli"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, as pip does for those who take that."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-c", SDIST.format(str(folder))], cwd=source, check=True, stdout=subprocess.DEVNULL)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, folder, unpacked], cwd=folder, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    command = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-index", wheel], check=True, cwd=folder)
    purelib = subprocess.run(
        [programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (Path(purelib) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def run(program: Path, *arguments: object, folder: Path) -> str:
    """What a program prints; it must not see the sources."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [program, *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_holds_the_package_only(source: Path, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sparktts_onnx"}
    ours = {
        path.relative_to(source).as_posix()
        for path in (source / "sparktts_onnx").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("sparktts_onnx/")} == ours


def test_what_is_installed_speaks(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import sparktts_onnx; print(sparktts_onnx.__file__)", folder=tmp_path)
    assert Path(where).is_relative_to(installed.parent)
    given = ["--model", nano.BUNDLE, "--text", "Hello.", "--seed", "1", "--format", "flac", "--output-dir", "out"]
    by_script = run(installed / "spark-tts-onnx", *given, folder=tmp_path)
    by_module = run(installed / "python", "-m", "sparktts_onnx", *given, folder=tmp_path)
    assert (tmp_path / by_script).read_bytes() == (tmp_path / by_module).read_bytes()


def test_what_is_installed_converts(installed: Path, tmp_path: Path) -> None:
    write_checkpoint(tiny_sizes(), tmp_path / "Tiny")
    given = [
        "--model-dir",
        "Tiny",
        "--output-dir",
        "bundle",
        "--skip-verification",
        "--no-alignment",
        "--graphs",
        GRAPHS,
    ]
    run(installed / "spark-tts-onnx", "convert", *given, folder=tmp_path)
    assert (tmp_path / "bundle" / "manifest.json").is_file()


def test_what_is_installed_serves(installed: Path, tmp_path: Path) -> None:
    given = ["serve", "--model", str(nano.BUNDLE), "--port", "0", "--voices-dir", "voices"]
    with subprocess.Popen(
        [installed / "spark-tts-onnx", *given], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as one:
        assert one.stderr is not None
        assert any('"event": "ready"' in line for line in one.stderr)
        one.terminate()
    assert one.returncode == 0

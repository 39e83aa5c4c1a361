"""Imports go down only, and the runtime needs no torch: every import statement is looked at, and the package is
imported where those libraries are blocked."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparktts_onnx

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sparktts_onnx"
EXPORT_ONLY = {"torch", "transformers", "onnx", "onnxscript", "safetensors", "yaml", "peft"}
PUBLIC = """
BatchResult BuiltInVoices Cue EnrollOptions Enrollment FORMATS Lexicon Manifest SegmentInfo SparkTTSError SparkTTSONNX
SpeechInfo SpeechOptions SpeechStream Ssml StreamOptions TextFeed Voice VoiceEntry VoiceLibrary VoiceStyle WordInfo
__version__ errors play save_speech srt webvtt
"""
ROOMS: dict[str, str] = {
    "errors": "",
    "_version": "",
    "files": "",
    "threads": "",
    "bundle": "",
    "hub": "bundle",
    "text": "",
    "audio": "threads",
    "runtime.values": "",
    "runtime.cancellation": "threads",
    "runtime.graphs": "bundle threads runtime.values",
    "runtime.voices": "bundle text audio files runtime.values runtime.graphs",
    "runtime.language": "bundle text runtime.values runtime.cancellation runtime.graphs runtime.voices",
    "runtime.codec": "bundle audio runtime.values runtime.graphs",
    "runtime.speech": "bundle text audio threads runtime.values runtime.cancellation runtime.voices runtime.language "
    "runtime.codec",
    "runtime.engine": "bundle hub runtime.values runtime.cancellation runtime.graphs runtime.language runtime.codec "
    "runtime.speech",
    "runtime.pipeline": "bundle hub text audio runtime",
    "public": "bundle text audio files runtime",
    "": "public",
    "export.files": "bundle",
    "export.modules": "bundle export.files",
    "export.checkpoint": "bundle export.files export.modules",
    "export.graph_file": "bundle",
    "export.codec": "bundle export.modules export.checkpoint export.graph_file",
    "export.language": "bundle export.files export.checkpoint export.graph_file",
    "export.verify": "bundle runtime export.modules export.checkpoint export.graph_file export.codec export.language",
    "export": "bundle hub text audio threads runtime export",
    "batch": "audio files threads public",
    "server": "audio threads public",
    "scale": "public batch server",
    "cli": "bundle audio files hub public batch export server scale",
    "__main__": "cli",
}
"""The rooms of the package from the bottom up, and the rooms that each may import; everything may import `errors` and
`_version`. A room stands for its subfolders that have no entry of their own."""
EXPORTERS = {"export", "export.modules", "export.checkpoint", "export.graph_file", "export.codec", "export.language"}
EXPORTERS |= {"export.files", "export.verify"}


def room_of(module: str) -> str:
    """The room of a module of the package: the entry that fits furthest."""
    inner = module.removeprefix("sparktts_onnx").removeprefix(".").split(".")
    return next((name for n in range(len(inner), 0, -1) if (name := ".".join(inner[:n])) in ROOMS), "")


def within(room: str, allowed: str) -> bool:
    """Whether a room is one of those allowed, or in one of them."""
    return any(room == name or room.startswith(f"{name}.") for name in allowed.split())


def imported(source: str) -> Iterator[str]:
    """Full names of the modules that a source imports: in functions, for types alone, and by name too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def faults(room: str, source: str) -> list[str]:
    """What a source of a room imports and may not."""
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        target = room_of(name) if top == "sparktts_onnx" else None
        if target is not None and target not in (room, "errors", "_version"):
            public = target == "" and within("public", ROOMS[room])
            if not public and not within(target, ROOMS[room]):
                found.append(name)
        if room not in EXPORTERS and top in EXPORT_ONLY:
            found.append(name)
        if top == "onnxruntime" and room != "runtime.graphs":
            found.append(name)
    return found


def sources() -> Iterator[tuple[str, Path]]:
    """Every source of the package with its room."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        yield room_of(".".join(part for part in parts if part != "__init__")), file


def test_every_room_imports_only_rooms_below_it() -> None:
    found = {str(file.relative_to(ROOT)): faults(room, file.read_text(encoding="utf-8")) for room, file in sources()}
    assert {name: names for name, names in found.items() if names} == {}


def test_the_rooms_stand_in_an_order() -> None:
    """Each names only rooms above its own line of the table, so no circle can be."""
    names = list(ROOMS)
    for place, (room, allowed) in enumerate(ROOMS.items()):
        for name in allowed.split():
            inside = [other for other in names if other != room and within(other, name)]
            assert inside and all(names.index(other) < place for other in inside), (room, name)


def test_one_module_imports_onnx_runtime() -> None:
    """It turns telemetry off before the first import."""
    users = [
        str(file.relative_to(PACKAGE))
        for _, file in sources()
        if "onnxruntime" in {name.split(".")[0] for name in imported(file.read_text(encoding="utf-8"))}
    ]
    assert users == ["runtime/graphs/onnx_runtime.py"]


def test_the_bundle_needs_the_standard_library_alone() -> None:
    for file in [*(PACKAGE / "bundle").rglob("*.py"), PACKAGE / "errors.py", PACKAGE / "files.py"]:
        tops = {name.split(".")[0] for name in imported(file.read_text(encoding="utf-8"))}
        assert tops <= {*sys.stdlib_module_names, "sparktts_onnx"}, file.name


@pytest.mark.parametrize(
    ("room", "source", "found"),
    [
        ("runtime.graphs", "def f():\n    import torch", ["torch"]),
        ("bundle", "from sparktts_onnx.runtime.voices import voice", ["sparktts_onnx.runtime.voices.voice"]),
        ("runtime.pipeline", "from sparktts_onnx.export import cli", ["sparktts_onnx.export.cli"]),
        ("runtime.codec", "from sparktts_onnx.runtime.speech import x", ["sparktts_onnx.runtime.speech.x"]),
        ("scale", "def f():\n    from sparktts_onnx.cli import main", ["sparktts_onnx.cli.main"]),
        ("batch", "import_module('sparktts_onnx.scale.serve')", ["sparktts_onnx.scale.serve"]),
        ("server", "import onnxruntime", ["onnxruntime"]),
        ("text", "from sparktts_onnx import Voice", ["sparktts_onnx.Voice"]),
        ("server", "from sparktts_onnx import Voice", []),
    ],
)
def test_a_planted_import_is_found(room: str, source: str, found: list[str]) -> None:
    assert faults(room, source) == found


def test_the_package_imports_where_the_libraries_of_export_are_blocked() -> None:
    program = f"""
import sys
for name in {sorted(EXPORT_ONLY)}:
    sys.modules[name] = None
import sparktts_onnx, sparktts_onnx.cli
print(sparktts_onnx.SparkTTSONNX.__name__)
try:
    import torch
except ImportError:
    print("blocked")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "SparkTTSONNX\nblocked\n", "")


def test_the_public_names_are_these_and_are_there() -> None:
    assert sorted(sparktts_onnx.__all__) == sorted(PUBLIC.split())
    assert all(hasattr(sparktts_onnx, name) for name in PUBLIC.split())


def test_names_come_with_their_first_use() -> None:
    program = """
import sys
import sparktts_onnx
print("numpy" in sys.modules, sparktts_onnx.text.__name__, "Voice" in dir(sparktts_onnx))
try:
    sparktts_onnx.nothing
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    expected = "False sparktts_onnx.text True\nmodule 'sparktts_onnx' has no attribute 'nothing'\n"
    assert (done.returncode, done.stdout) == (0, expected), done.stderr

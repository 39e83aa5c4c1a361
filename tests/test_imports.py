"""Imports go one way, and the runtime needs no torch: every import statement is looked at, and the package is imported
where those libraries are blocked."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sparktts_onnx

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sparktts_onnx"
EXPORT_ONLY = {"torch", "transformers", "onnx", "onnxscript", "safetensors", "yaml"}
PUBLIC = """
BatchResult BundleError BusyError CheckpointError Cue DEFAULT_SLOTS EnrollOptions Enrollment ExportError FORMATS
GenerationError Lexicon Manifest MissingDependencyError NameTakenError NothingToSpeakError OptionError OutputError
ProviderError
RecordingError RecordingReport SegmentInfo SparkTTSError SparkTTSONNX SpeechInfo SpeechOptions SpeechStream
StreamEncoder StreamOptions TextError VerificationError Voice VoiceEntry VoiceError VoiceLibrary VoiceStyle __version__
encoder file_name_key format_named names_a_file_everywhere play save_speech srt webvtt
"""
MAY_USE = {
    "bundle": {"bundle", "errors", "_version"},
    "text": {"text", "errors", "_version"},
    "audio": {"audio", "errors", "_version"},
    "runtime": {"runtime", "bundle", "text", "audio", "errors", "_version"},
    "export": {"export", "bundle", "text", "audio", "runtime", "errors", "_version"},
}
"""Parts of the package that each part may import."""


def imported(source: str) -> Iterator[str]:
    """Full names of the modules that a source imports, lazily too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield node.module


def faults(part: str, source: str) -> list[str]:
    """What a source of a part imports and may not."""
    found = []
    for name in imported(source):
        top, *rest = name.split(".")
        if top == "sparktts_onnx" and rest and rest[0] not in MAY_USE[part]:
            found.append(name)
        if part != "export" and top in EXPORT_ONLY:
            found.append(name)
    return found


@pytest.mark.parametrize("part", MAY_USE)
def test_every_part_imports_only_what_it_may(part: str) -> None:
    files = list((PACKAGE / part).rglob("*.py"))
    assert files
    found = {str(file.relative_to(ROOT)): faults(part, file.read_text(encoding="utf-8")) for file in files}
    assert {name: names for name, names in found.items() if names} == {}


def test_the_bundle_needs_the_standard_library_alone() -> None:
    for file in [*(PACKAGE / "bundle").rglob("*.py"), PACKAGE / "errors.py"]:
        tops = {name.split(".")[0] for name in imported(file.read_text(encoding="utf-8"))}
        assert tops <= {*sys.stdlib_module_names, "sparktts_onnx"}, file.name


def test_a_planted_import_is_found() -> None:
    assert faults("runtime", "def f():\n    import torch") == ["torch"]
    assert faults("bundle", "from sparktts_onnx.runtime.voices.voice import Voice") == [
        "sparktts_onnx.runtime.voices.voice"
    ]
    assert faults("runtime", "from sparktts_onnx.export import cli") == ["sparktts_onnx.export"]


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

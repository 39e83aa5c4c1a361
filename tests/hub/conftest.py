"""Bundles of several precisions."""

import dataclasses
import shutil
from pathlib import Path

import nano
import pytest

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import read_manifest, write_manifest


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A folder with copies of the nano bundle that say they are of three precisions."""
    for precision in ("fp32", "fp16", "int4"):
        folder = Path(shutil.copytree(nano.BUNDLE, tmp_path / "several" / precision))
        manifest = read_manifest(folder)
        graph = dataclasses.replace(manifest.graphs[LANGUAGE_MODEL], precision=precision)
        write_manifest(folder, dataclasses.replace(manifest, graphs={**manifest.graphs, LANGUAGE_MODEL: graph}))
    return tmp_path / "several"

"""A tiny checkpoint and its bundle, made once for all tests of the exporter."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint, open_checkpoint
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.options import ConversionOptions
from synthetic.checkpoint import write_checkpoint
from synthetic.sizes import tiny_sizes


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the comparison with the golden arrays of another checkpoint."""
    parser.addoption("--golden-full", type=Path, help="golden arrays of the checkpoint named by --checkpoint")
    parser.addoption("--fuzz", action="store_true", help="all cases of tests/export/test_fuzz.py, not a share of them")
    parser.addoption("--checkpoint", type=Path, help="checkpoint folder that the arrays were computed from")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tests share their cores with others."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of the tiny sizes; not to be changed."""
    folder = tmp_path_factory.mktemp("checkpoint") / "Tiny"
    write_checkpoint(tiny_sizes(), folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Checkpoint:
    """The same, opened."""
    return open_checkpoint(tiny_folder)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint converted, not verified; not to be changed."""
    target = tmp_path_factory.mktemp("converted") / "onnx"
    convert(ConversionOptions(tiny_folder, target, verify=False))
    return target

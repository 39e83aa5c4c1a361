"""What several areas of tests share: the nano bundle and a model opened on it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nano
import pytest

from sparktts_onnx.bundle.manifest import Manifest, read_manifest

if TYPE_CHECKING:  # areas that test no runtime need no ONNX Runtime
    from sparktts_onnx import SparkTTSONNX, Voice


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    """The nano bundle's."""
    return read_manifest(nano.BUNDLE)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the nano bundle that a test may damage."""
    return Path(shutil.copytree(nano.BUNDLE, tmp_path / "bundle"))


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets no thread start any more whose name begins so."""
    start = threading.Thread.start

    def refuse(name: str) -> None:
        def started(thread: threading.Thread) -> None:
            if thread.name.startswith(name):
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", started)

    return refuse


@pytest.fixture
def tts() -> Iterator[SparkTTSONNX]:
    """A model of a test's own."""
    from sparktts_onnx import SparkTTSONNX

    with SparkTTSONNX(nano.BUNDLE, threads=1) as model:
        yield model


@pytest.fixture
def voice(manifest: Manifest) -> Voice:
    """A kept voice of the nano bundle."""
    from sparktts_onnx import Voice

    return Voice(codec=manifest.codec.fingerprint, global_ids=(1, 2, 3, 4), name="one")


@pytest.fixture
def other_voice(manifest: Manifest) -> Voice:
    """Another kept voice."""
    from sparktts_onnx import Voice

    return Voice(codec=manifest.codec.fingerprint, global_ids=(7, 0, 5, 2), name="other")

"""Servers to test: in the test's own process over a stand-in engine, or over the nano bundle's real model."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import nano
import numpy as np
import pytest
from live_server import Live, listening, wav_bytes
from stand_in import StandIn, until
from starlette.testclient import TestClient

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.server import ServerSettings, create_app


@pytest.fixture
def engine() -> StandIn:
    """A stand-in that a test can hold up, break and ask."""
    return StandIn()


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    """Plain settings."""
    return ServerSettings(voices_dir=tmp_path / "voices")


@pytest.fixture
def client(engine: StandIn, settings: ServerSettings) -> Iterator[TestClient]:
    """A client of a server over the stand-in, once it has warmed up."""
    app = create_app(engine, settings)
    with TestClient(app, base_url="http://localhost") as client:
        assert until(lambda: app.state.service.state == "ready")
        yield client


@pytest.fixture(scope="session")
def model() -> Iterator[SparkTTSONNX]:
    """The nano bundle's real model."""
    with SparkTTSONNX(nano.BUNDLE, threads=1) as tts:
        yield tts


@pytest.fixture
def serve() -> Iterator[Callable[..., Live]]:
    """Starts servers that listen: `serve(engine, settings)`; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda engine, settings: stack.enter_context(listening(engine, settings))


@pytest.fixture(scope="session")
def recording() -> bytes:
    """A WAV of 2 s: a tone that comes and goes."""
    time = np.arange(2 * nano.SAMPLE_RATE) / nano.SAMPLE_RATE
    wav = 0.4 * np.sin(2 * np.pi * 180 * time) * (np.sin(2 * np.pi * 2 * time) > 0)
    return wav_bytes(wav)

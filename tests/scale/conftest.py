"""A cluster on this machine, started once for each module: two workers of the nano bundle."""

import contextlib
import os
from collections.abc import Iterator

os.environ.setdefault("RAY_DASHBOARD_STARTUP_TIMEOUT_S", "240")  # read at import: a busy machine starts slowly

import pytest
import ray

from sparktts_onnx.scale.cluster import joined

CORES = 4
"""Cores that the cluster believes in: two workers, a front end, and one to spare."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster; this process has joined it. One that Ray made for tests before, with too few cores, ends first."""
    ray.shutdown()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(os, "cpu_count", lambda: CORES)
        stack.enter_context(joined())
        patch.undo()
        yield

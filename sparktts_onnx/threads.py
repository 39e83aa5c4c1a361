"""Threads that cannot be started, as an error of this package."""

from collections.abc import Iterator
from contextlib import contextmanager

from sparktts_onnx.errors import GenerationError


@contextmanager
def starting_threads() -> Iterator[None]:
    """Around what starts a thread, or gives work to a pool, and nothing else: Python raises a RuntimeError there."""
    try:
        yield
    except RuntimeError as error:
        raise GenerationError(f"no thread could be started: {error}") from error

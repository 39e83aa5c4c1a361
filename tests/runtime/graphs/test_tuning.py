"""Settings that follow from what the machine computes."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sparktts_onnx.runtime.graphs import tuning
from sparktts_onnx.runtime.graphs.onnx_runtime import ort


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    tuning.sums_exactly.cache_clear()
    yield
    tuning.sums_exactly.cache_clear()


def setting(options: object, name: str) -> str | None:
    try:
        return str(options.get_session_config_entry(name))  # type: ignore[attr-defined]
    except RuntimeError:
        return None


def test_the_probe_multiplies_what_it_says() -> None:
    """With values that cannot overflow, on any processor."""
    session = ort.InferenceSession(tuning._PROBE, providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"a": np.arange(4, dtype=np.uint8)[:, None].repeat(64, 1) % 2})
    assert np.array_equal(sums, np.array([0, 1, 0, 1])[:, None].repeat(16, 1) * 127 * 64)


def test_exact_products_are_asked_for_only_where_they_are_not_exact_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    class Overflowing:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def run(self, *_: object) -> list[np.ndarray]:
            return [np.full((4, 16), 32767 * 32, np.int32)]

    made = ort.SessionOptions()
    tuning.tune(made)
    asked = setting(made, tuning.EXACT_PRODUCTS)
    assert asked == (None if tuning.sums_exactly() else "1")
    tuning.sums_exactly.cache_clear()
    monkeypatch.setattr(tuning.ort, "InferenceSession", Overflowing)
    made = ort.SessionOptions()
    tuning.tune(made)
    assert setting(made, tuning.EXACT_PRODUCTS) == "1"


@pytest.mark.parametrize(
    ("version", "spinning", "duration"),
    [("1.22.0", "0", None), ("1.26.0", "1", "100"), ("1.32.0.dev1", "1", "100"), ("2.0.0", "1", "100")],
)
def test_threads_spin_briefly_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, version: str, spinning: str, duration: str | None
) -> None:
    monkeypatch.setattr(tuning.ort, "__version__", version)
    made = ort.SessionOptions()
    tuning.tune(made)
    assert setting(made, "session.intra_op.allow_spinning") == spinning
    assert setting(made, "session.intra_op.spin_duration_us") == duration


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' C libraries keep nothing back")
def test_freed_memory_is_given_back() -> None:
    tuning.give_back_freed_memory()
    before = resident_bytes()
    blocks = [bytearray(100_000) for _ in range(500)]  # below the size that the C library maps by itself
    kept = blocks[-1]
    del blocks
    tuning.give_back_freed_memory()
    assert resident_bytes() - before < 10_000_000, len(kept)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()

"""Settings that follow from what the machine computes."""

from collections.abc import Iterator

import numpy as np
import pytest

from sparktts_onnx.runtime import tuning
from sparktts_onnx.runtime.onnx_runtime import ort


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
    asked = setting(made, "session.x64quantprecision")
    assert asked == (None if tuning.sums_exactly() else "1")
    tuning.sums_exactly.cache_clear()
    monkeypatch.setattr(tuning.ort, "InferenceSession", Overflowing)
    made = ort.SessionOptions()
    tuning.tune(made)
    assert setting(made, "session.x64quantprecision") == "1"


def test_threads_do_not_spin() -> None:
    made = ort.SessionOptions()
    tuning.tune(made)
    assert setting(made, "session.intra_op.allow_spinning") == "0"

"""The pages about precision, streaming and voices are what their results say."""

import numpy as np
import pytest

from benchmarks.pages import FLOORS, faults, pages
from benchmarks.precision import compare_logits

GOOD = {
    "kl": 0.01,
    "argmax_agreement": 0.95,
    "wave_snr_db": 100.0,
    "log_mel_db": 0.1,
    "speaker_similarity": 0.99,
    "word_error_rate": 0.2,
}


def test_pages_are_up_to_date() -> None:
    found = pages()
    assert {path.name for path in found} == {"precision.md", "streaming.md", "voices.md"}
    for path, text in found.items():
        assert path.read_text(encoding="utf-8") == text, f"run python -m benchmarks.pages: {path.name} is old"


@pytest.mark.parametrize("measure", [*FLOORS, "word_error_rate", "speaker_similarity"])
def test_a_precision_outside_a_bound_is_told(measure: str) -> None:
    assert faults(GOOD, GOOD) == []
    worse = 0.0 if FLOORS.get(measure, (0.0, measure == "speaker_similarity"))[1] else 1.0
    assert len(faults({**GOOD, measure: worse}, GOOD)) == 1
    assert len(faults({**GOOD, measure: float("nan")}, GOOD)) == 1


def test_equal_logits_have_no_distance_and_others_have() -> None:
    logits = np.random.default_rng(0).standard_normal((30, 100)).astype(np.float32)
    same = compare_logits(logits, logits)
    assert same["kl"] == pytest.approx(0, abs=1e-9)
    assert (same["logit_error"], same["argmax_agreement"], same["positions"]) == (0, 1, 30)
    noisy = compare_logits(logits + 0.5 * logits[::-1], logits)
    assert noisy["kl"] > 0.01 and noisy["logit_error"] > 0.1 and noisy["argmax_agreement"] < 1
    assert noisy["kl_worst"] >= noisy["kl"]


def test_a_shift_of_all_logits_is_no_divergence() -> None:
    logits = np.random.default_rng(0).standard_normal((5, 10)).astype(np.float32)
    assert compare_logits(logits + 3, logits)["kl"] == pytest.approx(0, abs=1e-6)

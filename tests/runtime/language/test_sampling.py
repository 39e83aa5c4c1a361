"""Temperature, top-k and top-p against a plain statement of each, and the draw against its probabilities."""

import numpy as np
import pytest

from sparktts_onnx.errors import GenerationError, OptionError
from sparktts_onnx.runtime.language.sampling import SamplingOptions, sample


def kept_by(options: SamplingOptions, logits: np.ndarray) -> dict[int, float]:
    """Probabilities after temperature, then top-k, then top-p, written as the original's warpers do."""
    scaled = logits.astype(np.float64) / options.temperature
    if options.top_k:
        scaled[scaled < np.sort(scaled)[-min(options.top_k, len(scaled))]] = -np.inf
    order = np.argsort(scaled)
    shares = np.exp(scaled[order] - scaled.max())
    shares /= shares.sum()
    removed = np.cumsum(shares) <= 1 - options.top_p
    removed[-1] = False
    scaled[order[removed]] = -np.inf
    shares = np.exp(scaled - scaled.max())
    return {int(i): float(shares[i] / shares.sum()) for i in np.flatnonzero(shares)}


@pytest.mark.parametrize(
    "options",
    [
        SamplingOptions(),
        SamplingOptions(temperature=1.5, top_k=0, top_p=1),
        SamplingOptions(temperature=0.5, top_k=5, top_p=1),
        SamplingOptions(temperature=1, top_k=0, top_p=0.5),
        SamplingOptions(temperature=1, top_k=1000, top_p=0.9),
    ],
)
def test_draws_follow_the_original_s_distribution(options: SamplingOptions) -> None:
    logits = np.random.default_rng(1).normal(0, 2, 60).astype(np.float32)
    expected, rng, draws = kept_by(options, logits), np.random.default_rng(2), 6_000
    counts = np.bincount([sample(logits, options, rng) for _ in range(draws)], minlength=60)
    assert set(np.flatnonzero(counts)) <= expected.keys()
    for index, share in expected.items():
        assert abs(counts[index] / draws - share) < 5 * np.sqrt(share / draws) + 1e-4, index


def test_top_k_comes_before_top_p() -> None:
    """After top-k, top-p keeps about half of the ten; before it, it would keep all ten."""
    logits = (1 - np.arange(1000) / 1e5).astype(np.float32)
    options = SamplingOptions(temperature=1, top_k=10, top_p=0.5)
    rng = np.random.default_rng(0)
    drawn = {sample(logits, options, rng) for _ in range(300)}
    assert drawn == set(kept_by(options, logits))
    assert max(drawn) < 6


def test_greedy_takes_the_first_of_the_likeliest_and_draws_nothing() -> None:
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    logits = np.array([0, 2, 5, 5, 1], np.float32)
    assert sample(logits, SamplingOptions(temperature=0), rng) == 2
    assert rng.bit_generator.state == before


def test_one_number_is_drawn_whatever_is_kept() -> None:
    """So the n-th token of a seed does not depend on how the others were spread."""
    logits = np.random.default_rng(0).normal(0, 1, 500).astype(np.float32)
    after = []
    for options in (SamplingOptions(), SamplingOptions(top_k=1), SamplingOptions(top_k=0, top_p=1)):
        rng = np.random.default_rng(7)
        sample(logits, options, rng)
        after.append(rng.random())
    assert after[0] == after[1] == after[2]


def test_the_same_seed_gives_the_same_tokens() -> None:
    logits = np.random.default_rng(0).normal(0, 1, (50, 300)).astype(np.float32)
    runs = [
        [sample(row, SamplingOptions(), rng) for row in logits]
        for rng in (np.random.default_rng(5), np.random.default_rng(5), np.random.default_rng(6))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_ties_at_the_edge_of_top_k_are_all_kept() -> None:
    logits = np.array([3, 1, 1, 1, 0], np.float32)
    rng = np.random.default_rng(0)
    drawn = {sample(logits, SamplingOptions(temperature=1, top_k=2, top_p=1), rng) for _ in range(300)}
    assert drawn == {0, 1, 2, 3}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float) -> None:
    logits = np.array([0, bad, 1], np.float32)
    with pytest.raises(GenerationError, match="not a number"):
        sample(logits, SamplingOptions(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", "warm"),
        ("temperature", True),
        ("top_k", -1),
        ("top_k", 1.5),
        ("top_p", 0),
        ("top_p", 1.01),
        ("max_new_tokens", 0),
    ],
)
def test_options_out_of_range_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionError, match=f"{name} is {value!r}"):
        SamplingOptions(**{name: value})  # type: ignore[arg-type]

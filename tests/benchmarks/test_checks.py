"""The checks refuse outputs that are not what was asked for: each is given a planted fault."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.codec import NO_TRANSCRIPT, judge_ids, judge_wave
from benchmarks.end_to_end import judge_speech
from benchmarks.harness import WrongOutputError
from benchmarks.precision import compare_logits
from benchmarks.sides import Logits, Written, judge_logits, random_ids, snr_db, stamped, time_answer
from sparktts_onnx.bundle.manifest import IdRange
from sparktts_onnx.export.verify.language_model import logit_error

EXPECTED = np.random.default_rng(0).standard_normal(200).astype(np.float32)
TONE = np.sin(np.arange(16000) * 0.1).astype(np.float32)


class Side:
    """A language model of fixed answers."""

    name = "side"
    tolerance = 0.1

    def __init__(self, logits: Logits, ids: Sequence[int]) -> None:
        self._logits = logits
        self._ids = ids

    def logits(self, prompt: Sequence[int]) -> Logits:
        return self._logits

    def write(self, prompt: Sequence[int], count: int) -> list[Written]:
        return stamped(self._ids)


def test_logits_are_compared_with_those_of_pytorch() -> None:
    judge_logits(Side(EXPECTED * 1.01, []), [1], EXPECTED)
    for wrong in (EXPECTED[::-1], EXPECTED * np.nan, EXPECTED[:100]):
        with pytest.raises(WrongOutputError, match="logits deviate"):
            judge_logits(Side(wrong, []), [1], EXPECTED)
    assert logit_error(EXPECTED, EXPECTED) == 0


def test_an_answer_has_the_ids_that_were_asked_for() -> None:
    rates = time_answer(Side(EXPECTED, range(20)), [1], 20)
    assert min(rates["prefill"], rates["decode"]) > 0
    with pytest.raises(WrongOutputError, match="wrote 19 ids where 20"):
        time_answer(Side(EXPECTED, range(19)), [1], 20)
    with pytest.raises(WrongOutputError, match="again and again"):
        time_answer(Side(EXPECTED, [7] * 20), [1], 20)


def test_prompts_stay_inside_the_rows_of_speech() -> None:
    prompt = random_ids(IdRange(100, 50), 300)
    assert len(prompt) == 300 and min(prompt) >= 100 and max(prompt) < 150


def test_waves_are_compared_with_those_of_pytorch() -> None:
    judge_wave("ours", lambda: TONE, 30.0, TONE)
    for wrong in (TONE[:-1], TONE + 0.1, np.zeros_like(TONE), TONE * np.nan):
        with pytest.raises(WrongOutputError):
            judge_wave("ours", lambda: TONE, 30.0, wrong)


def test_ids_are_compared_with_those_of_pytorch() -> None:
    expected = (list(range(100)), list(range(32)))
    judge_ids("ours", lambda: expected, expected)
    judge_ids("ours" + NO_TRANSCRIPT, lambda: expected, ([], expected[1]))
    for wrong in (([], expected[1]), (expected[0][::-1], expected[1]), (expected[0], expected[1][:-1])):
        with pytest.raises(WrongOutputError):
            judge_ids("ours", lambda: expected, wrong)


def test_speech_is_sound_of_the_right_length() -> None:
    judge_speech("ours", TONE, 16000)
    for wrong in (TONE[:8000], np.tile(TONE, 3), np.zeros_like(TONE), TONE * np.nan):
        with pytest.raises(WrongOutputError):
            judge_speech("ours", wrong, 16000)


def test_snr_is_the_signal_over_the_deviation() -> None:
    assert snr_db(TONE + 0.01 * TONE, TONE) == pytest.approx(40, abs=0.01)
    assert snr_db(TONE, TONE) > 150


def test_equal_logits_have_no_distance_and_others_have() -> None:
    logits = np.random.default_rng(0).standard_normal((30, 100)).astype(np.float32)
    same = compare_logits(logits, logits)
    assert same["kl"] == pytest.approx(0, abs=1e-9)
    assert (same["logit_error"], same["argmax_agreement"]) == (0, 1)
    noisy = compare_logits(logits + 0.5 * logits[::-1], logits)
    assert noisy["kl"] > 0.01 and noisy["logit_error"] > 0.1 and noisy["argmax_agreement"] < 1


def test_a_shift_of_all_logits_is_no_divergence() -> None:
    logits = np.random.default_rng(0).standard_normal((5, 10)).astype(np.float32)
    assert compare_logits(logits + 3, logits)["kl"] == pytest.approx(0, abs=1e-6)

"""The language model's cache holds exactly what it should, in place."""

import nano
import numpy as np
import pytest

from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language import key_value_cache
from sparktts_onnx.runtime.language.language_model import LanguageModel

FOCUS = nano.look_back()[32]


@pytest.fixture
def model(manifest: Manifest) -> LanguageModel:
    return LanguageModel(Sessions(nano.BUNDLE, manifest, threads=1)["language_model"], manifest.language_model, slots=3)


def expected_values(ids: list[int]) -> np.ndarray:
    """What the graph keeps of each token: float32 [P, 7]."""
    kinds = nano.TOKEN_IDS
    texts = np.array([i < 256 for i in ids])
    codes = np.array([kinds.global_tokens.first <= i < kinds.global_tokens.stop for i in ids])
    semantics = np.array([kinds.semantic_tokens.first <= i < kinds.semantic_tokens.stop for i in ids])
    numbers = np.array(ids)
    code = np.where(codes, numbers - kinds.global_tokens.first, 0)
    semantic = np.where(semantics, numbers - kinds.semantic_tokens.first, 0)
    columns = [texts, semantics, np.where(texts, numbers % 16, 0), code, 0 * numbers, code + semantic, codes]
    return np.stack(columns, axis=1).astype(np.float32)


def expected_keys(count: int) -> np.ndarray:
    """The same key at every position, turned by it: float32 [P, 16]."""
    angles = np.arange(count)[:, None] * np.array(nano.ROTATION)
    return FOCUS * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def memory(model: LanguageModel) -> list[np.ndarray]:
    """Keys and values where the graph writes them: float32 [slots, 1, P, 16]."""
    arrays = []
    for buffer in model._cache.buffers:
        with buffer.edited() as array:
            arrays.append(array)
    return arrays


def see_slot(model: LanguageModel, slot: int, ids: list[int]) -> None:
    key, value = (array[model._cache.places[slot], 0, : len(ids)] for array in memory(model))
    assert model._cache.lengths[slot] == len(ids)
    np.testing.assert_array_equal(value[:, :7], expected_values(ids))
    np.testing.assert_allclose(key, expected_keys(len(ids)), atol=2e-3)


def test_a_cache_that_could_not_grow_is_as_it_was(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = nano.clone_prompt("Hello there.", (1, 2, 3, 4))
    model.prefill(0, prompt)
    positions = model._cache.positions

    def refuse(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(key_value_cache, "allocate", refuse)
        with pytest.raises(MemoryError):
            model._cache.reserve(positions + 1)
    see_slot(model, 0, prompt)
    model._cache.reserve(positions + 1)
    assert all(array.shape[2] == model._cache.positions > positions for array in memory(model))
    see_slot(model, 0, prompt)


def test_every_position_is_written_once_and_nothing_else(model: LanguageModel) -> None:
    prompt = nano.clone_prompt("Hello there.", (1, 2, 3, 4))
    answer = nano.answer(prompt)
    model.prefill(0, prompt[:5])
    for array in memory(model):
        array[:, :, 5:] = np.nan
    addresses = [buffer.address(0) for buffer in model._cache.buffers]
    model.extend(0, prompt[5:])
    for token in answer:
        model.step([0], [token])
    see_slot(model, 0, prompt + answer)
    for array in memory(model):
        assert np.isnan(array[0, :, len(prompt + answer) :]).all()
        assert np.isnan(array[1:, :, 5:]).all()
    assert addresses == [buffer.address(0) for buffer in model._cache.buffers]


def test_slots_that_come_and_go_do_not_touch_each_other(model: LanguageModel) -> None:
    slots = {slot: nano.clone_prompt(text, (slot, 2, 3, 4)) for slot, text in enumerate(("One.", "And two.", "Three!"))}
    for slot, ids in slots.items():
        model.prefill(slot, ids)
    for together in ([0, 1, 2], [2], [1, 2], [0], [2, 0], [1], [0, 1, 2]):
        tokens = [nano.next_id(slots[slot]) for slot in together]
        logits = model.step(together, tokens)
        for slot, token, slot_logits in zip(together, tokens, logits, strict=True):
            slots[slot].append(token)
            assert int(slot_logits.argmax()) + nano.HEAD_FIRST == nano.next_id(slots[slot])
    for slot, ids in slots.items():
        see_slot(model, slot, ids)
    slots[1] = nano.clone_prompt("Anew.", (5, 5, 5, 5))
    model.prefill(1, slots[1])
    for slot, ids in slots.items():
        see_slot(model, slot, ids)


def test_growing_keeps_every_slot(model: LanguageModel) -> None:
    short, long = nano.clone_prompt("Short.", (1, 2, 3, 4)), nano.clone_prompt("long " * 220, (1, 2, 3, 4))
    model.prefill(1, short)
    before = model._cache.positions
    for start in range(0, len(long), 128):
        (model.extend if start else model.prefill)(0, long[start : start + 128])
    assert model._cache.positions > before
    see_slot(model, 0, long)
    see_slot(model, 1, short)

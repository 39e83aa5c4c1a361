"""The language model's slots on the nano bundle, whose next token is known arithmetic."""

from collections.abc import Sequence
from typing import Any

import nano
import numpy as np
import pytest
from device_session import DeviceSession

from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.language import key_value_cache
from sparktts_onnx.runtime.language.key_value_cache import Buffer, DeviceBuffer
from sparktts_onnx.runtime.language.language_model import LanguageModel

PROMPTS = [
    nano.clone_prompt("Hello there", (1, 2, 3, 4)),
    nano.create_prompt("One, two."),
    nano.clone_prompt("x", (7, 0, 5, 2)),
    nano.clone_prompt("a longer text for a slot that holds more", (0, 0, 1, 1), "said", (5, 6, 7)),
]


@pytest.fixture(scope="module")
def session() -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(nano.BUNDLE / "language_model.onnx"), options, providers=["CPUExecutionProvider"])


@pytest.fixture
def model(session: Any, manifest: Manifest) -> LanguageModel:
    return LanguageModel(session, manifest.language_model, slots=4)


def likeliest(logits: np.ndarray) -> int:
    return nano.HEAD_FIRST + int(logits.argmax())


def test_a_slot_writes_what_the_arithmetic_says(model: LanguageModel) -> None:
    for prompt in PROMPTS:
        ids = [likeliest(model.prefill(1, prompt))]
        while ids[-1] != nano.TOKEN_IDS.end_semantic:
            ids.append(likeliest(model.step([1], [ids[-1]])[0]))
        assert ids == nano.answer(prompt)


def test_a_prompt_in_pieces_is_the_same_prompt(model: LanguageModel) -> None:
    prompt = PROMPTS[3]
    model.prefill(0, prompt[:7])
    model.extend(0, prompt[7:9])
    assert likeliest(model.extend(0, prompt[9:])) == nano.next_id(prompt)


def test_slots_come_and_go_without_touching_each_other(model: LanguageModel) -> None:
    """Every order of joining and leaving, and every move between places that it causes."""
    rng = np.random.default_rng(0)
    texts: dict[int, list[int]] = {}
    for _ in range(120):
        slot = int(rng.integers(4))
        if slot in texts and rng.random() < 0.4:
            del texts[slot]
        elif slot not in texts:
            texts[slot] = list(PROMPTS[rng.integers(len(PROMPTS))])
            texts[slot].append(likeliest(model.prefill(slot, texts[slot])))
        slots = [int(i) for i in rng.permutation(list(texts))]
        if not slots:
            continue
        logits = model.step(slots, [texts[slot][-1] for slot in slots])
        for slot, slot_logits in zip(slots, logits, strict=True):
            assert likeliest(slot_logits) == nano.next_id(texts[slot])
            texts[slot].append(nano.next_id(texts[slot]))


def test_a_slot_s_logits_are_the_same_bits_alone_and_in_company(model: LanguageModel) -> None:
    alone = []
    for prompt in PROMPTS:
        token = likeliest(model.prefill(2, prompt))
        alone.append(model.step([2], [token])[0])
    tokens = [likeliest(model.prefill(slot, prompt)) for slot, prompt in enumerate(PROMPTS)]
    assert np.array_equal(model.step([3, 0, 2, 1], [tokens[i] for i in (3, 0, 2, 1)]), np.stack(alone)[[3, 0, 2, 1]])


def test_the_cache_grows_and_keeps_what_it_holds(model: LanguageModel) -> None:
    texts = [nano.clone_prompt("y" * length, (1, 2, 3, 4)) for length in (30, 990, 7)]
    slots = [[*ids, likeliest(model.prefill(slot, ids))] for slot, ids in enumerate(texts)]
    for _ in range(60):
        logits = model.step(range(3), [ids[-1] for ids in slots])
        for ids, slot_logits in zip(slots, logits, strict=True):
            assert likeliest(slot_logits) == nano.next_id(ids)
            ids.append(nano.next_id(ids))
    assert len(slots[1]) > 1024


def test_memory_can_be_given_back_and_taken_again(model: LanguageModel) -> None:
    model.prefill(0, PROMPTS[0])
    model.release_memory()
    assert likeliest(model.prefill(0, PROMPTS[1])) == nano.next_id(PROMPTS[1])
    assert likeliest(model.step([0], [nano.next_id(PROMPTS[1])])[0]) == nano.answer(PROMPTS[1])[1]


def test_more_positions_than_the_graph_has_are_refused_in_words(model: LanguageModel) -> None:
    model.prefill(0, [5] * nano.MAX_POSITIONS)
    with pytest.raises(GenerationError, match=f"need {nano.MAX_POSITIONS + 1} positions"):
        model.step([0], [5])


def test_a_cache_in_device_memory_is_the_same_cache(
    session: Any, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Allocated, addressed and edited as on an accelerator, here in the memory of the processor."""

    def allocate(shape: Sequence[int], dtype: str, device: str) -> Buffer:
        return DeviceBuffer(shape, dtype, device)

    expected = LanguageModel(session, manifest.language_model, slots=4)
    monkeypatch.setattr(key_value_cache, "allocate", allocate)
    found = LanguageModel(session, manifest.language_model, slots=4)
    for model in (expected, found):
        for slot, prompt in enumerate([*PROMPTS[:3], nano.clone_prompt("y" * 1010, (1, 2, 3, 4))]):
            model.prefill(slot, prompt)
    for slots in ([3, 1], [0, 1, 2, 3], [2], [0, 3]):
        for token in range(nano.HEAD_FIRST, nano.HEAD_FIRST + 3):
            ids = [token + slot for slot in slots]
            assert np.array_equal(found.step(slots, ids), expected.step(slots, ids))
    assert isinstance(found._cache.buffers[0], DeviceBuffer)


def test_on_a_device_all_slots_step_and_none_is_disturbed(
    session: Any, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_value_cache, "_DEVICES", {"CUDAExecutionProvider": "cpu"})
    monkeypatch.setattr(key_value_cache, "allocate", lambda shape, dtype, _: DeviceBuffer(shape, dtype, "cpu"))
    device = DeviceSession(session)
    found = LanguageModel(device, manifest.language_model, slots=4)
    monkeypatch.setattr(found, "_on_device", True)
    expected = LanguageModel(session, manifest.language_model, slots=4)
    for model in (expected, found):
        for slot, prompt in enumerate(PROMPTS[:3]):
            model.prefill(slot, prompt)
    for slots in ([2], [1, 0], [0, 1, 2], [1], [2, 0]):
        for token in range(nano.HEAD_FIRST, nano.HEAD_FIRST + 3):
            ids = [token + slot for slot in slots]
            assert np.array_equal(found.step(slots, ids), expected.step(slots, ids))
    assert np.array_equal(found.extend(1, [5, 6, 7]), expected.extend(1, [5, 6, 7]))
    prefilled, stepped, extended = device.recordings[:3], device.recordings[3:-1], device.recordings[-1:]
    assert set(prefilled) == set(extended) == {"-1"}, "a call that is made once is not recorded"
    assert len(set(stepped)) == 1 and stepped[0] != "-1", "a step is, under one number"
    for model in (expected, found):
        model.release_memory()
        model.prefill(1, PROMPTS[1])
    assert np.array_equal(found.step([1], [nano.HEAD_FIRST]), expected.step([1], [nano.HEAD_FIRST]))
    assert device.recordings[-1] == stepped[0], "a pause does not make it record again"


def test_on_a_device_a_slot_as_long_as_the_cache_is_not_disturbed(
    session: Any, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long prompt is read in pieces while others step, and a piece may fill the cache to its last position."""
    monkeypatch.setattr(key_value_cache, "_DEVICES", {"CUDAExecutionProvider": "cpu"})
    monkeypatch.setattr(key_value_cache, "allocate", lambda shape, dtype, _: DeviceBuffer(shape, dtype, "cpu"))
    found = LanguageModel(DeviceSession(session), manifest.language_model, slots=2)
    monkeypatch.setattr(found, "_on_device", True)
    expected = LanguageModel(session, manifest.language_model, slots=2)
    prompt = [PROMPTS[0][i % len(PROMPTS[0])] for i in range(key_value_cache._FIRST_POSITIONS)]
    for model in (expected, found):
        model.prefill(1, PROMPTS[1])
        model.prefill(0, prompt)
        assert model._cache.positions == len(prompt)
        model.step([1], [nano.HEAD_FIRST])
    for wanted, buffer in zip(expected._cache.buffers, found._cache.buffers, strict=True):
        with wanted.edited() as before, buffer.edited() as after:
            slots = expected._cache.places[0], found._cache.places[0]
            assert np.array_equal(before[slots[0], :, : len(prompt)], after[slots[1], :, : len(prompt)])


class RoundingSession:
    """A session on a processor whose product of several slots rounds otherwise than that of one."""

    def __init__(self, session: Any, logits: "list[np.ndarray]") -> None:
        self._session = session
        self._logits = logits
        self.runs: list[int] = []

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]

    def io_binding(self) -> Any:
        return RecordingBinding(self._session.io_binding())

    def run_with_iobinding(self, binding: Any) -> None:
        self._session.run_with_iobinding(binding.inner)
        self.runs.append(binding.slots)
        if binding.slots > 1:
            self._logits[0][: binding.slots] *= np.float32(1 + 1e-6)


class RecordingBinding:
    """A binding that remembers how many slots it has."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.slots = 0
        self.bind_output = inner.bind_output

    def bind_input(self, name: str, *details: Any) -> None:
        if name == "input_ids":
            self.slots = details[3][0]
        self.inner.bind_input(name, *details)


def advance(model: LanguageModel, slots: Sequence[int]) -> list[np.ndarray]:
    tokens = [likeliest(model.prefill(slot, PROMPTS[slot])) for slot in slots]
    results = []
    for _ in range(5):
        logits = model.step(slots, tokens)
        results.append(logits)
        tokens = [likeliest(slot) for slot in logits]
    return results


def test_where_company_changes_the_rounding_slots_take_turns(
    session: Any, manifest: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    place: list[np.ndarray] = []
    rounding = RoundingSession(session, place)
    model = LanguageModel(rounding, manifest.language_model, slots=4)
    place.append(model._answers[0])
    alone = [advance(model, [slot]) for slot in range(3)]
    rounding.runs.clear()
    beside = advance(model, range(3))
    for step, logits in enumerate(beside):
        assert np.array_equal(logits, np.concatenate([run[step] for run in alone]))
    assert rounding.runs.count(3) == 1, "tried together once, then never again"
    advance(model, range(2))
    assert rounding.runs.count(2) == 1
    assert ["3 together" in record.getMessage() for record in caplog.records] == [True], (
        "said once, not for every number"
    )

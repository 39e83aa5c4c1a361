"""The language model's session: several slots, each with its own past, advanced together.

A slot's logits depend on that slot's ids alone, not on which slots run with it.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparktts_onnx.bundle.contract import QUERIES
from sparktts_onnx.bundle.manifest import Alignment, LanguageModelLayout
from sparktts_onnx.errors import GenerationError
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.language.key_value_cache import KeyValueCache, device_of

_log = logging.getLogger(__name__)


_Answers = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""What a step gives, a row for each row of ids: logits float32 [R, V], and queries [R, heads, Dh] of the cache's dtype,
without heads where the bundle aligns nothing."""


class _Call:
    """A binding of the graph to memory, for one number of slots and new ids; run it as often as the cache stays put.

    `first_place` to `first_place + slots - 1` of the cache are read and written.
    """

    def __init__(self, session: Any, cache: KeyValueCache, answers: _Answers, shape: tuple[int, int, int]) -> None:
        first_place, slots, count = shape
        self.ids = np.zeros((slots, count), np.int64)
        self.last_positions = np.zeros(slots, np.int32)
        self.total = np.zeros((), np.int32)
        self.logits, self.queries = (rows[:slots] for rows in answers)
        self._session = session
        self._binding = session.io_binding()
        self._outputs = {"logits": self.logits}
        if self.queries.shape[1]:
            self._outputs[QUERIES] = self.queries
        self._device = cache.device
        self._bind_ids_and_answers()
        for index, buffer in enumerate(cache.buffers):
            name = f"{index // 2}.{'value' if index % 2 else 'key'}"
            part = (cache.device, 0, buffer.dtype, (slots, *buffer.shape[1:]), buffer.address(first_place))
            self._binding.bind_input(f"past_key_values.{name}", *part)
            self._binding.bind_output(f"present.{name}", *part)

    def _bind_ids_and_answers(self) -> None:
        self._bind_array("input_ids", self.ids)
        self._bind_array("seqlens_k", self.last_positions)
        self._bind_array("total_sequence_length", self.total)
        for name, array in self._outputs.items():
            self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def _bind_array(self, name: str, array: np.ndarray[Any, Any]) -> None:
        self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)


class _DeviceCall(_Call):
    """The same where an accelerator computes: ids and answers have a place of their own in its memory.

    `recording`: a number under which the kernels of this call are recorded at first and then repeated, which needs
    every address and size to stay; None for a call that is made once.
    """

    def __init__(
        self,
        session: Any,
        cache: KeyValueCache,
        answers: _Answers,
        shape: tuple[int, int, int],
        *,
        recording: int | None = None,
    ) -> None:
        super().__init__(session, cache, answers, shape)
        self._options = ort.RunOptions()
        self._options.add_run_config_entry("gpu_graph_id", "-1" if recording is None else str(recording))

    def _bind_ids_and_answers(self) -> None:
        self._copied = [self._with_copy(array) for array in (self.ids, self.last_positions)]
        for name, (_, value) in zip(("input_ids", "seqlens_k"), self._copied, strict=True):
            self._binding.bind_ortvalue_input(name, value)
        self._bind_array("total_sequence_length", self.total)
        self._answers = [self._with_copy(array) for array in self._outputs.values()]
        for name, (_, value) in zip(self._outputs, self._answers, strict=True):
            self._binding.bind_ortvalue_output(name, value)

    def _with_copy(self, array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], Any]:
        return array, ort.OrtValue.ortvalue_from_numpy(array, self._device, 0)

    def run(self) -> None:
        for array, value in self._copied:
            value.update_inplace(array)
        self._session.run_with_iobinding(self._binding, self._options)
        for array, value in self._answers:
            array[...] = value.numpy()


class LanguageModel:
    """Up to `slots` answers in the making; not for use by two threads at a time."""

    def __init__(
        self, session: Any, layout: LanguageModelLayout, *, slots: int = 8, alignment: Alignment | None = None
    ) -> None:
        """`session`: an ONNX Runtime session of the bundle's language model."""
        self.layout = layout
        self.slots = slots
        self._session = session
        self._cache = KeyValueCache(layout, slots, device=device_of(session))
        self._on_device = self._cache.device != "cpu"
        self._heads = () if alignment is None else alignment.heads
        self._queries = np.zeros((slots, len(self._heads), layout.head_dim), layout.cache_dtype)
        self._answers = np.zeros((slots, layout.head_rows), np.float32), self._queries.copy()
        self._steps: dict[int, _Call] = {}
        self._generation = self._cache.generation
        self._equal_together = {1: True}

    def prefill(self, slot: int, ids: Sequence[int]) -> np.ndarray[Any, Any]:
        """Start a slot anew with a prompt, or with the first part of one. Logits after its last id: float32 [V]."""
        self._cache.lengths[slot] = 0
        return self.extend(slot, ids)

    def extend(self, slot: int, ids: Sequence[int]) -> np.ndarray[Any, Any]:
        """Append several ids to a slot. Logits after the last: float32 [V]."""
        self._reserve([slot], len(ids))
        call = self._call((self._cache.places[slot], 1, len(ids)))
        call.ids[0] = ids
        self._run(call, [slot])
        logits: np.ndarray[Any, Any] = call.logits[0].copy()
        return logits

    def step(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        """Append one id to each of several slots. Logits in the order of `slots`: float32 [len(slots), V]."""
        self._reserve(slots, 1)
        if self._on_device:
            return self._step_everywhere(slots, ids)
        equal = self._equal_together.get(len(slots))  # None: not known yet
        if equal is False:
            return self._step_alone(slots, ids)
        logits = self._step_together(slots, ids)
        return logits if equal else self._compare_with_alone(slots, ids, logits)

    def queries(self, slot: int) -> np.ndarray[Any, Any]:
        """Of the alignment heads, as they chose the logits that a slot got last: a copy [heads, Dh], not rotated."""
        queries: np.ndarray[Any, Any] = self._queries[slot].copy()
        return queries

    def keys(self, slot: int, positions: range) -> np.ndarray[Any, Any]:
        """Of the alignment heads, for positions that a slot has read: a copy [heads, len(positions), Dh]."""
        return np.stack([self._cache.keys(slot, head.layer, head.key_head, positions) for head in self._heads])

    def _step_together(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        self._cache.gather_in_front(slots)
        call = self._step_call(len(slots))
        by_place = sorted(range(len(slots)), key=lambda i: self._cache.places[slots[i]])
        call.ids[:, 0] = [ids[i] for i in by_place]
        self._run(call, [slots[i] for i in by_place])
        return call.logits[[self._cache.places[slot] for slot in slots]]

    def _step_everywhere(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        """Advance all slots there are and keep what was asked for.

        An accelerator takes as long for eight slots as for one. The same kernels always run, so a slot's logits cannot
        depend on the others; what is written behind the end of the rest is overwritten by their next step, so there
        is always room for it.
        """
        self._cache.reserve(min(max(self._cache.lengths) + 1, self.layout.max_positions))
        call = self._step_call(self.slots)
        call.ids[:] = 0
        call.ids[list(slots), 0] = ids
        call.last_positions[:] = np.minimum(self._cache.lengths, self._cache.positions - 1)
        call.total[...] = self._cache.positions
        call.run()
        for slot in slots:
            self._cache.lengths[slot] += 1
            self._queries[slot] = call.queries[slot]
        return call.logits[list(slots)]

    def _step_alone(self, slots: Sequence[int], ids: Sequence[int]) -> np.ndarray[Any, Any]:
        return np.stack([self.extend(slot, [token]) for slot, token in zip(slots, ids, strict=True)])

    def _compare_with_alone(
        self, slots: Sequence[int], ids: Sequence[int], together: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Repeat the first step of so many slots one by one, and remember whether every bit was the same.

        ONNX Runtime picks the kernels for a product by the processor and by the number of slots; on some processors
        one slot rounds differently from several. There, slots are advanced alone: slower, but nobody's answer changes
        with the company.
        """
        for slot in slots:
            self._cache.lengths[slot] -= 1
        alone = self._step_alone(slots, ids)
        equal = np.array_equal(alone, together)
        if not equal and all(self._equal_together.values()):
            _log.warning(
                "answers take turns: on this processor and in this precision, %d together would not be the same as "
                "each alone; the products of --precision int8 are exact",
                len(slots),
            )
        self._equal_together[len(slots)] = equal
        return alone

    def release_memory(self) -> None:
        """Give the cache back; every slot is forgotten.

        An accelerator keeps its cache: recorded kernels hold its addresses, and are recorded again for every other one.
        """
        if self._on_device:
            self._cache.lengths[:] = [0] * self.slots
        else:
            self._cache.release()
            self._steps.clear()

    def _reserve(self, slots: Sequence[int], count: int) -> None:
        needed = max(self._cache.lengths[slot] for slot in slots) + count
        if needed > self.layout.max_positions:
            raise GenerationError(
                f"prompt and answer together need {needed} positions; the language model holds "
                f"{self.layout.max_positions}: use shorter segments"
            )
        self._cache.reserve(needed)

    def _step_call(self, count: int) -> _Call:
        if self._generation != self._cache.generation:
            self._steps.clear()
            self._generation = self._cache.generation
        if count not in self._steps:
            self._steps[count] = self._call((0, count, 1), recording=self._cache.generation)
        return self._steps[count]

    def _call(self, shape: tuple[int, int, int], *, recording: int | None = None) -> _Call:
        """A call of (first place, slots, new ids)."""
        given = (self._session, self._cache, self._answers, shape)
        return _DeviceCall(*given, recording=recording) if self._on_device else _Call(*given)

    def _run(self, call: _Call, slots: Sequence[int]) -> None:
        """Run a call whose ids are set, over slots in the order of their places."""
        count = call.ids.shape[1]
        call.last_positions[:] = [self._cache.lengths[slot] + count - 1 for slot in slots]
        call.total[...] = call.last_positions.max() + 1
        call.run()
        for slot, queries in zip(slots, call.queries, strict=True):
            self._cache.lengths[slot] += count
            self._queries[slot] = queries

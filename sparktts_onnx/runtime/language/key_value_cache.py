"""The attention cache of several slots: buffers that the graph reads and writes in place.

A slot is what a caller holds; a place is its place in the buffers. A step runs over the first places, so slots move
between places when others come and go.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparktts_onnx.bundle.manifest import LanguageModelLayout
from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.graphs.providers import CUDA

_FIRST_POSITIONS = 1024
"""Room of new buffers; memory that no position used yet is not resident."""

_DEVICES = {CUDA: "cuda"}
"""ONNX Runtime's names of devices whose memory is not the processor's; other providers bind to that."""


def device_of(session: Any) -> str:
    """Where a session's cache belongs."""
    return _DEVICES.get(session.get_providers()[0], "cpu")


class HostBuffer:
    """Memory of the processor; what was never written is not resident."""

    def __init__(self, shape: Sequence[int], dtype: str) -> None:
        self._array = np.empty(shape, dtype)
        self.dtype, self.shape = self._array.dtype, self._array.shape

    def address(self, place: int) -> int:
        """Where a place begins."""
        return int(self._array.ctypes.data) + place * self._array.strides[0]

    @contextmanager
    def edited(self) -> Iterator[np.ndarray[Any, Any]]:
        """The memory itself."""
        yield self._array

    def read(self) -> np.ndarray[Any, Any]:
        """The memory itself."""
        return self._array


class DeviceBuffer:
    """Memory of an accelerator. Editing copies there and back: slots change places seldom, steps never edit."""

    def __init__(self, shape: Sequence[int], dtype: str, device: str) -> None:
        self.dtype, self.shape = np.dtype(dtype), tuple(shape)
        # Zeros, because steps run over slots that nobody asked for, too, and attention may meet what lies there.
        self._value = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, self.dtype), device, 0)

    def address(self, place: int) -> int:
        """Where a place begins."""
        return int(self._value.data_ptr()) + place * math.prod(self.shape[1:]) * self.dtype.itemsize

    @contextmanager
    def edited(self) -> Iterator[np.ndarray[Any, Any]]:
        """A copy that is written back."""
        array = np.array(self.read())
        yield array
        self._value.update_inplace(array)

    def read(self) -> np.ndarray[Any, Any]:
        """A copy."""
        return np.asarray(self._value.numpy())


Buffer = HostBuffer | DeviceBuffer
"""An array whose first axis is places."""


def allocate(shape: Sequence[int], dtype: str, device: str) -> Buffer:
    """A buffer whose contents do not matter yet."""
    return HostBuffer(shape, dtype) if device == "cpu" else DeviceBuffer(shape, dtype, device)


class KeyValueCache:
    """Keys and values of `slots` slots: for each layer two arrays [R, Hkv, P, Dh]."""

    def __init__(self, layout: LanguageModelLayout, slots: int, *, device: str = "cpu") -> None:
        self._layout = layout
        self.device = device
        self.slots = slots
        self.positions = 0
        """P: positions that the buffers have room for."""
        self.buffers: list[Buffer] = []
        """Key and value of layer 0, of layer 1, and so on."""
        self.generation = 0
        """Counts changes of the buffers' addresses."""
        self.places = list(range(slots))
        """Place of each slot in the buffers."""
        self.lengths = [0] * slots
        """Positions that each slot has filled."""

    def keys(self, slot: int, layer: int, head: int, positions: range) -> np.ndarray[Any, Any]:
        """A copy of a slot's keys [positions, Dh]."""
        return self.buffers[2 * layer].read()[self.places[slot], head, positions.start : positions.stop].copy()

    def release(self) -> None:
        """Give the memory back; every slot is forgotten."""
        self.buffers, self.positions = [], 0
        self.lengths = [0] * self.slots
        self.generation += 1

    def reserve(self, positions: int) -> None:
        """Make room for that many positions a slot; what slots have filled is kept."""
        if positions <= self.positions:
            return
        room = max(positions, 2 * self.positions, _FIRST_POSITIONS)
        room = min(room, self._layout.max_positions)
        shape = (self.slots, self._layout.kv_heads, room, self._layout.head_dim)
        grown = [allocate(shape, self._layout.cache_dtype, self.device) for _ in range(2 * self._layout.layers)]
        for old, new in zip(self.buffers, grown, strict=False):
            self._copy(old, new)
        self.buffers, self.positions = grown, room
        self.generation += 1

    def gather_in_front(self, slots: Sequence[int]) -> None:
        """Move slots so that the given ones fill the first places, in any order."""
        wanted = set(slots)
        free = [slot for slot in range(self.slots) if slot not in wanted and self.places[slot] < len(slots)]
        for slot in slots:
            if self.places[slot] >= len(slots):
                self._swap(slot, free.pop())

    def _swap(self, slot: int, other: int) -> None:
        places, length = [self.places[slot], self.places[other]], max(self.lengths[slot], self.lengths[other])
        for buffer in self.buffers:
            with buffer.edited() as contents:
                part = contents[:, :, :length]
                part[places] = part[places[::-1]]
        self.places[slot], self.places[other] = self.places[other], self.places[slot]

    def _copy(self, old: Buffer, new: Buffer) -> None:
        source = old.read()
        with new.edited() as target:
            for slot, length in enumerate(self.lengths):
                place = self.places[slot]
                target[place, :, :length] = source[place, :, :length]

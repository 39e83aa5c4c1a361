"""Memory that the graph reads and writes in place, where its provider computes."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from sparktts_onnx.runtime.graphs.onnx_runtime import ort
from sparktts_onnx.runtime.graphs.providers import CUDA

_DEVICES = {CUDA: "cuda"}
"""ONNX Runtime's names of devices whose memory is not the processor's; other providers bind to that."""


def device_of(session: Any) -> str:
    """Where a session's cache belongs."""
    return _DEVICES.get(session.get_providers()[0], "cpu")


class Buffer(Protocol):
    """An array whose first axis is places."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def address(self, place: int) -> int:
        """Where a place begins."""
        ...

    def edited(self) -> AbstractContextManager[np.ndarray[Any, Any]]:
        """The contents, to be changed inside the block."""
        ...

    def read(self) -> np.ndarray[Any, Any]:
        """The contents, to be looked at only."""
        ...


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
        contents: np.ndarray[Any, Any] = self._value.numpy()
        return contents


def allocate(shape: Sequence[int], dtype: str, device: str) -> Buffer:
    """A buffer whose contents do not matter yet."""
    return HostBuffer(shape, dtype) if device == "cpu" else DeviceBuffer(shape, dtype, device)

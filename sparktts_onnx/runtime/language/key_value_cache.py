"""The attention cache of several rows: buffers that the graph reads and writes in place.

A row is what a caller holds; a slot is its place in the buffers. A step runs over the first slots, so rows move
between slots when others come and go.
"""

from collections.abc import Sequence

from sparktts_onnx.bundle.manifest import LanguageModelLayout
from sparktts_onnx.runtime.language.cache_buffers import Buffer, allocate

_FIRST_POSITIONS = 1024
"""Room of new buffers; memory that no position used yet is not resident."""


class KeyValueCache:
    """Keys and values of `rows` rows: for each layer two arrays [R, Hkv, P, Dh]."""

    def __init__(self, layout: LanguageModelLayout, rows: int, *, device: str = "cpu") -> None:
        self._layout = layout
        self.device = device
        self.rows = rows
        self.positions = 0
        """P: positions that the buffers have room for."""
        self.buffers: list[Buffer] = []
        """Key and value of layer 0, of layer 1, and so on."""
        self.generation = 0
        """Counts changes of the buffers' addresses."""
        self._slots = list(range(rows))
        self._lengths = [0] * rows

    def length(self, row: int) -> int:
        """Positions that a row has filled."""
        return self._lengths[row]

    def slot(self, row: int) -> int:
        """Place of a row in the buffers."""
        return self._slots[row]

    def append(self, row: int, count: int) -> None:
        """Note that the graph has written `count` more positions of a row."""
        self._lengths[row] += count

    def clear(self, row: int) -> None:
        """Forget a row's positions."""
        self._lengths[row] = 0

    def release(self) -> None:
        """Give the memory back; every row is forgotten."""
        self.buffers, self.positions = [], 0
        self._lengths = [0] * self.rows
        self.generation += 1

    def reserve(self, positions: int) -> None:
        """Make room for that many positions a row; what rows have filled is kept."""
        if positions <= self.positions:
            return
        room = max(positions, 2 * self.positions, _FIRST_POSITIONS)
        room = min(room, self._layout.max_positions)
        shape = (self.rows, self._layout.kv_heads, room, self._layout.head_dim)
        grown = [allocate(shape, self._layout.cache_dtype, self.device) for _ in range(2 * self._layout.layers)]
        for old, new in zip(self.buffers, grown, strict=False):
            self._copy(old, new)
        self.buffers, self.positions = grown, room
        self.generation += 1

    def gather_in_front(self, rows: Sequence[int]) -> None:
        """Move rows so that the given ones fill the first slots, in any order."""
        wanted = set(rows)
        free = [row for row in range(self.rows) if row not in wanted and self._slots[row] < len(rows)]
        for row in rows:
            if self._slots[row] >= len(rows):
                self._swap(row, free.pop())

    def _swap(self, row: int, other: int) -> None:
        slots, length = [self._slots[row], self._slots[other]], max(self._lengths[row], self._lengths[other])
        for buffer in self.buffers:
            with buffer.edited() as contents:
                part = contents[:, :, :length]
                part[slots] = part[slots[::-1]]
        self._slots[row], self._slots[other] = self._slots[other], self._slots[row]

    def _copy(self, old: Buffer, new: Buffer) -> None:
        with old.edited() as source, new.edited() as target:
            for row, length in enumerate(self._lengths):
                slot = self._slots[row]
                target[slot, :, :length] = source[slot, :, :length]

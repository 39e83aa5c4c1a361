"""Which files beside a graph its weights are read from, as the graph says: protobuf, walked without a library."""

import mmap
from collections.abc import Iterator
from pathlib import Path

_PARTS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external data"},
}
"""Field numbers of onnx.proto on the way to the entries of external data."""
_KEY, _VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5


def external_files(path: Path) -> set[str]:
    """Every location that a tensor of an `.onnx` file names.

    Raises:
        ValueError: the file is not protobuf.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return set(_locations(data, "model", 0, len(data)))
        except (IndexError, RecursionError) as error:
            raise ValueError(f"{path} is not a graph") from error


def _locations(data: mmap.mmap, kind: str, start: int, stop: int) -> Iterator[str]:
    if kind == "external data":
        entry = {number: data[begin:end] for number, begin, end in _messages(data, start, stop)}
        if entry.get(_KEY) == b"location":
            yield entry.get(_VALUE, b"").decode("utf-8", "replace")
        return
    for number, begin, end in _messages(data, start, stop):
        if part := _PARTS[kind].get(number):
            yield from _locations(data, part, begin, end)


def _messages(data: mmap.mmap, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Number, beginning and end of each field that has a length."""
    while start < stop:
        tag, start = _varint(data, start)
        wire = tag & 7
        if wire == _VARINT:
            _, start = _varint(data, start)
        elif wire == _MESSAGE:
            length, start = _varint(data, start)
            if start + length > stop:
                raise IndexError(start)
            yield tag >> 3, start, start + length
            start += length
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            start += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise IndexError(start)


def _varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, start
        shift += 7
    raise IndexError(start)

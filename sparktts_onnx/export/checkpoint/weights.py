"""Tensors of a checkpoint, whatever files they lie in: one safetensors file, several with an index, or a pickle."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sparktts_onnx.errors import CheckpointError

SAFETENSORS_NAME = "model.safetensors"
PICKLE_NAME = "pytorch_model.bin"
LISTED = 5
"""Tensor names that a message spells out before it only counts."""

PARAMETRIZED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
"""Newer spelling of weight norm, read as the published one."""


class TensorFiles:
    """The tensors below one folder, read one at a time; names are given in the published spelling.

    Safetensors files are preferred where a folder has both kinds.
    """

    def __init__(self, folder: Path) -> None:
        """Find the files and the names in them.

        Raises:
            CheckpointError: no weights in the folder, or files that cannot be read.
        """
        self.folder = folder
        self._files: dict[str, Path] = {}
        self._spelling: dict[str, str] = {}
        self._pickled: Mapping[str, Tensor] = {}
        paths = weight_files(folder)
        for path in paths:
            self._index(path)

    def _index(self, path: Path) -> None:
        if path.suffix == ".safetensors":
            try:
                with safe_open(path, framework="pt") as file:
                    found = list(file.keys())
            except (OSError, SafetensorError) as error:
                raise CheckpointError(f"the weights {path} cannot be read: {error}") from error
        else:
            self._pickled = {**self._pickled, **read_pickle(path)}
            found = list(self._pickled)
        for stored in found:
            name = published_name(stored)
            self._files[name] = path
            self._spelling[name] = stored

    @property
    def names(self) -> frozenset[str]:
        """Every tensor's name."""
        return frozenset(self._files)

    def read(self, name: str) -> Tensor:
        """One tensor; floating ones as float32, whatever they are stored in.

        Raises:
            CheckpointError: there is no such tensor, or its file is damaged.
        """
        if name not in self._files:
            raise CheckpointError(f"the weights in {self.folder} lack the tensor {name}")
        return _computed(self._read_stored(name))

    def _read_stored(self, name: str) -> Tensor:
        path, stored = self._files[name], self._spelling[name]
        if path.suffix != ".safetensors":
            return self._pickled[stored]
        try:
            with safe_open(path, framework="pt") as file:
                tensor: Tensor = file.get_tensor(stored)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"the tensor {stored} of {path} cannot be read: {error}") from error
        return tensor

    def read_all(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Several tensors by name; each file is opened once."""
        by_file: dict[Path, list[str]] = {}
        for name in names:
            if name not in self._files:
                raise CheckpointError(f"the weights in {self.folder} lack the tensor {name}")
            by_file.setdefault(self._files[name], []).append(name)
        result: dict[str, Tensor] = {}
        for path, members in by_file.items():
            if path.suffix != ".safetensors":
                result |= {name: self.read(name) for name in members}
                continue
            try:
                with safe_open(path, framework="pt") as file:
                    result |= {name: _computed(file.get_tensor(self._spelling[name])) for name in members}
            except (OSError, SafetensorError) as error:
                raise CheckpointError(f"the weights {path} cannot be read: {error}") from error
        return result


def _computed(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights, shards in the order of their names."""
    single = folder / SAFETENSORS_NAME
    for name in (f"{SAFETENSORS_NAME}.index.json", f"{PICKLE_NAME}.index.json"):
        if not single.is_file() and (folder / name).is_file():
            return _shards(folder / name)
    for candidate in (single, folder / PICKLE_NAME):
        if candidate.is_file():
            return [candidate]
    raise CheckpointError(
        f"there are no weights in {folder}: expected {SAFETENSORS_NAME}, {SAFETENSORS_NAME}.index.json or {PICKLE_NAME}"
    )


def _shards(index: Path) -> list[Path]:
    try:
        members = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        paths = [index.parent / name for name in sorted(set(members.values()))]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"the index {index} cannot be read: {error!r}") from error
    if absent := [path.name for path in paths if not path.is_file()]:
        raise CheckpointError(f"{index} names {absent[0]}, which is not there; download the checkpoint again")
    return paths


def read_pickle(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a pickled state_dict, loaded with `weights_only`, so that no code in it can run."""
    try:
        state: Any = _load_pickle(path)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"the weights {path} cannot be read: {error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is not a state_dict: expected names with tensors only")
    return state


def _load_pickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # Written in the format before torch 1.6, which cannot be mapped.
        return torch.load(path, map_location="cpu", weights_only=True)


def published_name(stored: str) -> str:
    """A tensor's name with weight norm in the published spelling."""
    for newer, published in PARAMETRIZED.items():
        if stored.endswith(newer):
            return stored.removesuffix(newer) + published
    return stored


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], *, source: Path) -> None:
    """Give a module its weights, all of them and no others.

    Raises:
        CheckpointError: tensors are missing, left over, or of another shape; each is named.
    """
    expected = module.state_dict()
    faults = _faults(
        {name: tuple(tensor.shape) for name, tensor in expected.items()},
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
    )
    if faults:
        raise CheckpointError(f"the weights in {source} do not fit the model that its config describes: {faults}")
    module.load_state_dict(dict(tensors), strict=True, assign=True)


def _faults(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str:
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    misshapen = [
        f"{name} (found {list(found[name])}, expected {list(expected[name])})"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    kinds = (("missing", missing), ("not expected", extra), ("of another shape", misshapen))
    return "; ".join(f"{kind}: {_listed(names)}" for kind, names in kinds if names)


def _listed(names: list[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")

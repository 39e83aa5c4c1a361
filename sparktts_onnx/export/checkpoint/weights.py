"""Tensors of a checkpoint, whatever files they lie in: one safetensors file, several with an index, or a pickle."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sparktts_onnx.bundle.values import shown
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.files import TABLE_BYTES, read_json, reason, refuse_pointer

SAFETENSORS_NAME = "model.safetensors"
PICKLE_NAME = "pytorch_model.bin"
ADAPTER_CONFIG = "adapter_config.json"
LISTED = 5
"""Tensor names that a message spells out before it only counts."""
PARAMETRIZED = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
"""Newer spelling of weight norm, read as the published one."""
WRAPPED = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_forward_module.")
"""What torch.compile, FSDP, checkpointing and Lightning put into names, wherever a module is that they wrap."""
WRAPPERS = ("module.", "base_model.model.")
"""What data parallel training and PEFT put before every name."""
TRAINING_ONLY = ("num_batches_tracked", "cluster_size", "masked_spec_embed")
"""Last parts of the names of tensors that nothing but training reads."""
QUANTIZED = re.compile(
    r"\.(SCB|weight_format|absmax|quant_map|nested_absmax|nested_quant_map|qweight|qzeros|g_idx|weight_packed)$"
    r"|\.quant_state\."
)
"""Tensors that bitsandbytes, GPTQ, AWQ and compressed-tensors keep beside or instead of a weight."""
ADAPTED = re.compile(r"\.(lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|base_layer)\b")
"""Parts of a LoRA adapter, and of a model that one is attached to."""


class TensorFiles:
    """The tensors below one folder, read one at a time; names are given in the published spelling.

    Safetensors files are preferred where a folder has both kinds.
    """

    def __init__(self, folder: Path) -> None:
        """Find the files and what is in them."""
        self.folder = folder
        self.shapes: dict[str, tuple[int, ...]] = {}
        """Of every tensor, by name."""
        self._places: dict[str, tuple[Path, str]] = {}
        self._pickled: dict[Path, Mapping[str, Tensor]] = {}
        for path in weight_files(folder):
            self._index(path)

    def _index(self, path: Path) -> None:
        if path.suffix == ".safetensors":
            with _opened(path) as file:
                found = {stored: tuple(file.get_slice(stored).get_shape()) for stored in file.keys()}  # noqa: SIM118
        else:
            self._pickled[path] = read_pickle(path)
            found = {stored: tuple(tensor.shape) for stored, tensor in self._pickled[path].items()}
        refuse_derived(found, path)
        for stored, shape in found.items():
            name = published_name(stored)
            if name in self._places:
                raise CheckpointError(f"the weights in {self.folder} have two tensors that are read as {name}")
            self._places[name], self.shapes[name] = (path, stored), shape

    def beginning(self, base: str, known: str) -> Self:
        """Begin the names as the model's own do: without what a trainer put before all of them, as in
        `model.model.norm.weight`, and with what a part that was saved by itself lacks, as in `norm.weight`.

        Args:
            base: how the names begin.
            known: how a name goes on that every such model has, and once.
        """
        ends = [name.removesuffix(known) for name in self.shapes if f".{name}".endswith(f".{known}")]
        if base + known in self.shapes or len(ends) != 1:
            return self
        [found] = ends
        if found.endswith(base):
            names = {name: name.removeprefix(found.removesuffix(base)) for name in self.shapes}
        else:
            names = {name: re.sub(f"^{re.escape(found)}", base, name) for name in self.shapes}
        if twice := sorted(name for name, count in Counter(names.values()).items() if count > 1):
            raise CheckpointError(f"the weights in {self.folder} have two tensors that are read as {twice[0]}")
        self.shapes = {names[name]: shape for name, shape in self.shapes.items()}
        self._places = {names[name]: place for name, place in self._places.items()}
        return self

    def read(self, name: str) -> Tensor:
        """One tensor; floating ones as float32, whatever they are stored in."""
        return self.read_all([name])[name]

    def read_all(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Several tensors by name; each file is opened once."""
        by_file: dict[Path, list[str]] = {}
        for name in names:
            if name not in self._places:
                raise CheckpointError(f"the weights in {self.folder} lack the tensor {name}")
            by_file.setdefault(self._places[name][0], []).append(name)
        result: dict[str, Tensor] = {}
        for path, members in by_file.items():
            stored = {name: self._places[name][1] for name in members}
            if path in self._pickled:
                result |= {name: self._pickled[path][stored[name]] for name in members}
                continue
            with _opened(path) as file:
                result |= {name: file.get_tensor(stored[name]) for name in members}
        return {name: self._computed(name, tensor) for name, tensor in result.items()}

    def _computed(self, name: str, tensor: Tensor) -> Tensor:
        """A tensor as it is computed with; one that holds no numbers makes no sound, and no check can judge it."""
        if not tensor.is_floating_point():
            return tensor
        values = tensor.to(torch.float32)
        if not bool(torch.isfinite(values).all()):
            raise CheckpointError(
                f"{name} in {self.folder} holds values that are no finite numbers: its training went wrong or the file "
                "is damaged; download it again, or take an earlier state of the training"
            )
        return values


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        refuse_pointer(path)
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError, RuntimeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the weights {path} cannot be read: {reason(error)}") from error


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights, shards in the order of their names."""
    for single in (folder / SAFETENSORS_NAME, folder / PICKLE_NAME):
        index = single.with_name(f"{single.name}.index.json")
        if single.is_file():  # transformers, too, takes an index beside it for an older state's
            return [single]
        if index.is_file():
            return _shards(index)
    if list(folder.glob("adapter_*")):
        raise CheckpointError(MERGE.format(folder))
    raise CheckpointError(
        f"there are no weights in {folder}: expected {SAFETENSORS_NAME}, {SAFETENSORS_NAME}.index.json or {PICKLE_NAME}"
    )


def _shards(index: Path) -> list[Path]:
    members = read_json(index, limit=TABLE_BYTES).get("weight_map")
    names = set(members.values()) if isinstance(members, dict) and _all_text(members.values()) else set()
    if not names:
        raise CheckpointError(f"the index {index} cannot be read: its weight_map does not give a file for each tensor")
    if outside := sorted(name for name in names if Path(name).name != name or not Path(name).suffix or "\0" in name):
        raise CheckpointError(f"{index} names {outside[0]!r}, which is not a file in its folder")
    if absent := sorted(name for name in names if not (index.parent / name).is_file()):
        raise CheckpointError(f"{index} names {absent[0]}, which is not there; download the checkpoint again")
    return [index.parent / name for name in sorted(names)]


def _all_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def read_pickle(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a pickled state_dict, loaded with `weights_only`, so that no code in it can run."""
    try:
        refuse_pointer(path)
        state: Any = _load_pickle(path)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"the weights {path} cannot be read: {reason(error)}") from error
    entries = state if isinstance(state, Mapping) else {"": state}
    for name, value in entries.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            found = f"{shown(name)} with a {type(value).__name__}" if name else f"a {type(value).__name__}"
            raise CheckpointError(
                f"{path} is not a state_dict: expected names with tensors only, found {found}; save the model's "
                "state_dict by itself"
            )
    return dict(entries)


def _load_pickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # Written in the format before torch 1.6, which cannot be mapped.
        return torch.load(path, map_location="cpu", weights_only=True)


MERGE = (
    "{} holds a LoRA adapter, not a whole model: convert the model that it was trained on, and name the adapter's "
    "folder with --lora; or merge it yourself (PEFT's merge_and_unload, then save_pretrained)"
)


def refuse_derived(names: Iterable[str], path: Path) -> None:
    """Recognize weights that are not a model's own."""
    for name in names:
        if ADAPTED.search(name):
            raise CheckpointError(MERGE.format(path))
        if QUANTIZED.search(name):
            raise CheckpointError(
                f"the weights {path} were quantized by another tool ({name}): save the model in float32, float16 or "
                "bfloat16, and let --precision make it smaller"
            )


def published_name(stored: str) -> str:
    """A tensor's name without the prefixes of wrappers, with weight norm in the published spelling."""
    for wrapped in WRAPPED:
        stored = stored.replace(wrapped, "")
    while prefix := next((prefix for prefix in WRAPPERS if stored.startswith(prefix)), ""):
        stored = stored.removeprefix(prefix)
    for newer, published in PARAMETRIZED.items():
        if stored.endswith(newer):
            return stored.removesuffix(newer) + published
    return stored


def completed(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A module's tensors, also where it was saved without what training alone uses, or with weight norm folded."""
    result = dict(tensors)
    for name, tensor in module.state_dict().items():
        plain = f"{name.removesuffix('_g')}"
        if name.endswith(".weight_g") and plain in result and not {name, f"{plain}_v"} & result.keys():
            result[f"{plain}_v"] = direction = result.pop(plain)
            result[name] = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
        elif name.endswith(TRAINING_ONLY) and name not in result:
            result[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
    return result


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], *, source: Path) -> None:
    """Give a module its weights, all of them and no others.

    Raises:
        CheckpointError: tensors are missing, left over, of another shape or type; each is named.
    """
    if faults := _faults(module.state_dict(), tensors):
        raise CheckpointError(f"the weights in {source} do not fit the model that its config describes: {faults}")
    module.load_state_dict(dict(tensors), strict=True, assign=True)


def _faults(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    both = sorted(expected.keys() & found.keys())
    misshapen = [
        f"{name} (found {list(found[name].shape)}, expected {list(expected[name].shape)})"
        for name in both
        if expected[name].shape != found[name].shape
    ]
    mistyped = [name for name in both if expected[name].is_floating_point() != found[name].is_floating_point()]
    kinds = {"missing": missing, "not expected": extra, "of another shape": misshapen, "of another type": mistyped}
    return "; ".join(f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _listed(names: list[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")

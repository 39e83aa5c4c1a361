"""An adapter merged into its language model through PEFT: whatever PEFT can merge, LoRA and its relatives."""

import json
import re
import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from sparktts_onnx.errors import CheckpointError, MissingDependencyError, OutputError
from sparktts_onnx.export.checkpoint.weights import ADAPTER_CONFIG, SAFETENSORS_NAME, published_name
from sparktts_onnx.export.files import read_json, refuse_pointer
from sparktts_onnx.export.language.weights import EMBEDDING, HEAD, read_reference

ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
ADAPTER_NAME = "default"
TWICE = re.compile(r"\.(modules_to_save|original_module)\.")
"""In names of tensors that PEFT saves a second time where training changed the size of the embedding."""
MESSAGE_LENGTH = 300
"""What is kept of an error of PEFT, which lists every tensor."""


def merge_adapter(llm_folder: Path, adapter: Path, target: Path) -> None:
    """Write the language model of a folder, with an adapter merged into it, into the new folder `target`: float32.

    Raises:
        CheckpointError: the model or the adapter cannot be read, or they do not belong together.
        MissingDependencyError: PEFT is not installed.
        OutputError: there is no room for it.
    """
    _check_files(adapter)
    state = merged(read_reference(llm_folder), adapter).state_dict()
    tied = bool(torch.equal(state[HEAD], state[EMBEDDING]))
    if tied:
        del state[HEAD]
    target.mkdir()
    sizes = {"tie_word_embeddings": tied, "vocab_size": len(state[EMBEDDING])}
    config = {**read_json(llm_folder / "config.json"), **sizes}
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    try:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, target / SAFETENSORS_NAME)
    except SafetensorError as error:  # of a full disk too
        raise OutputError(
            f"the merged language model cannot be written to {target}: {error}; make room there, or name another "
            "folder with --output-dir"
        ) from error


def merged(model: nn.Module, adapter: Path) -> nn.Module:
    """A language model with an adapter merged into its weights.

    The output head and the embedding stay two tensors, also where the model has them equal: what was trained for one
    does not change the other, as in training.

    Raises:
        CheckpointError: they do not belong together, or PEFT cannot merge such an adapter.
        MissingDependencyError: PEFT is not installed.
    """
    try:
        import peft
    except ModuleNotFoundError as error:
        raise MissingDependencyError("merging an adapter", needs=str(error.name), extra="convert,cpu,lora") from error
    try:
        with warnings.catch_warnings(action="ignore"):
            config = peft.PeftConfig.from_pretrained(str(adapter))
            config.inference_mode = True
            tensors = peft.load_peft_weights(str(adapter), device="cpu")
            _resize(model, tensors)
            adapted = peft.PeftModel(model, config, ADAPTER_NAME)
            kept = {name: each for name, each in tensors.items() if TWICE.sub(".", name) not in tensors.keys() - {name}}
            given = {f"base_model.model.{published_name(name)}": tensor for name, tensor in kept.items()}
            loaded = peft.set_peft_model_state_dict(adapted, given, ADAPTER_NAME)
            _check_all_loaded(loaded, adapter, prefix=adapted.base_model.prefix)
            result: nn.Module = adapted.merge_and_unload(safe_merge=True)
    except CheckpointError:
        raise
    except Exception as error:
        found = textwrap.shorten(f"{type(error).__name__}: {error}", MESSAGE_LENGTH)
        raise CheckpointError(
            f"the adapter {adapter} cannot be merged into the language model: {found}; name the model that it was "
            "trained on"
        ) from error
    return result


def _resize(model: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give a model as many rows as it had in training, where the adapter holds its embedding; new ones are zeros."""
    kept = (EMBEDDING.removeprefix("model."), HEAD, "embed_tokens.base_layer.weight", "lm_head.base_layer.weight")
    rows = next((len(tensor) for name, tensor in tensors.items() if name.endswith(kept)), model.config.vocab_size)
    if rows == model.config.vocab_size:
        return
    for part in (model.model.embed_tokens, model.lm_head):
        resized = torch.zeros(rows, part.weight.shape[1])
        resized[: len(part.weight)] = part.weight[:rows]
        part.weight = nn.Parameter(resized, requires_grad=False)
    model.model.embed_tokens.num_embeddings = model.lm_head.out_features = model.config.vocab_size = rows


def _check_files(adapter: Path) -> None:
    """Recognize a folder that holds no adapter, before PEFT looks for one on the hub."""
    if not (adapter / ADAPTER_CONFIG).is_file():
        raise CheckpointError(
            f"there is no adapter in {adapter}: expected {ADAPTER_CONFIG}, as PEFT's save_pretrained writes it; a "
            "whole model goes to --language-model"
        )
    read_json(adapter / ADAPTER_CONFIG)
    weights = next((adapter / name for name in ADAPTER_WEIGHTS if (adapter / name).is_file()), None)
    if weights is None:
        raise CheckpointError(f"the adapter {adapter} has no weights: expected {' or '.join(ADAPTER_WEIGHTS)}")
    refuse_pointer(weights)


def _check_all_loaded(loaded: Any, adapter: Path, *, prefix: str) -> None:
    """Refuse what PEFT would leave out; `prefix` is in the names of the adapter's own tensors."""
    missing = [name for name in loaded.missing_keys if prefix in name and f".{ADAPTER_NAME}" in name]
    for fault, names in (("has a tensor too many", loaded.unexpected_keys), ("lacks the tensor", missing)):
        if names:
            raise CheckpointError(
                f"the adapter {adapter} {fault}: {sorted(names)[0]}; it was trained on another model than this one"
            )

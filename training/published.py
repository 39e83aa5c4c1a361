"""A published checkpoint as a start: what `publish` wrote, back in the modules that are trained."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from training.codec import ECAPA_WIDTH, TokenCodec
from training.ecapa import narrowed_state
from training.language import LanguageModel

_WEIGHT_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


def load_codec(checkpoint: Path) -> TokenCodec:
    """The codec that gives the checkpoint's tokens; the heads that only its training needs are as they start."""
    codec = TokenCodec(1)
    state = _tensors(checkpoint / "BiCodec")
    codec.encoder.load_state_dict(_part(state, "encoder."))
    codec.codebook.quantizer.load_state_dict(_part(state, "quantizer."))
    codec.codebook.started.fill_(True)
    codec.prenet.load_state_dict(_part(state, "prenet."))
    speaker = narrowed_state(_part(state, "speaker_encoder."), codec.speaker.state_dict(), width=ECAPA_WIDTH)
    codec.speaker.load_state_dict(speaker)
    codec.features.load_published_state(_wav2vec2(checkpoint))
    return codec.eval()


def load_language_model(checkpoint: Path, *, sharpness: float) -> LanguageModel:
    """The language model with the scores that it was trained with: they were multiplied by `sharpness` at the end."""
    state = _tensors(checkpoint / "LLM")
    state["model.norm.weight"] = state["model.norm.weight"] / sharpness
    model = LanguageModel()
    model.load_state_dict(state)
    return model


def _wav2vec2(checkpoint: Path) -> dict[str, Tensor]:
    state = {}
    for name, tensor in _tensors(checkpoint / "wav2vec2-large-xlsr-53").items():
        stem, _, last = name.rpartition(".")
        state[f"{stem}.{_WEIGHT_NORM.get(last, last)}"] = tensor
    return state


def _tensors(folder: Path) -> dict[str, Tensor]:
    state = load_file(folder / "model.safetensors")
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

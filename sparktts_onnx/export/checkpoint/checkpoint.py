"""A checkpoint folder in the published layout, read into the models it describes."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, Wav2Vec2Config, Wav2Vec2Model
from transformers.utils.logging import disable_progress_bar

from sparktts_onnx.bundle.manifest import TokenIds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import read_token_ids
from sparktts_onnx.export.checkpoint.weights import PARAMETRIZED, TensorFiles, load_strictly
from sparktts_onnx.export.modules import BiCodec, BiCodecConfig

logger = logging.getLogger(__name__)

CODEC_FOLDER = "BiCodec"
LANGUAGE_MODEL_FOLDER = "LLM"
WAV2VEC2_FOLDER = "wav2vec2-large-xlsr-53"
FEATURE_STATES = (11, 14, 16)
"""Hidden states whose mean is the codec's input; 0 is the input of the first transformer layer."""
USED_LAYERS = max(FEATURE_STATES)


@dataclass(frozen=True)
class AudioConfig:
    """What the top-level `config.yaml` says about recordings."""

    sample_rate: int
    """Samples a second."""
    ref_segment_duration: float
    """Length of the clip that the speaker encoder hears, seconds."""
    latent_hop_length: int
    """The clip's length is a multiple of this many samples."""
    volume_normalize: bool
    """Whether a recording's volume is normalized before anything else."""

    @property
    def reference_samples(self) -> int:
        """Length of the reference clip, samples."""
        whole = int(self.sample_rate * self.ref_segment_duration)
        return whole // self.latent_hop_length * self.latent_hop_length


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder whose configs have been read; weights are read when a model is asked for."""

    folder: Path
    """The folder."""
    audio: AudioConfig
    """From `config.yaml`."""
    codec: BiCodecConfig
    """From `BiCodec/config.yaml`."""
    wav2vec2: Wav2Vec2Config
    """From `wav2vec2-large-xlsr-53/config.json`."""
    normalize_recording: bool
    """Whether wav2vec2 reads recordings of zero mean and unit variance."""
    token_ids: TokenIds
    """From `LLM/tokenizer.json`."""

    @property
    def language_model_folder(self) -> Path:
        """Where the language model and its tokenizer lie."""
        return self.folder / LANGUAGE_MODEL_FOLDER

    def load_codec(self) -> BiCodec:
        """BiCodec in float32, ready for inference."""
        folder = self.folder / CODEC_FOLDER
        files = TensorFiles(folder)
        with torch.device("meta"):
            codec = BiCodec(self.codec)
        load_strictly(codec, files.read_all(files.names), source=folder)
        return codec.eval().requires_grad_(False)

    def load_wav2vec2(self) -> Wav2Vec2Model:
        """wav2vec2 in float32 without the layers whose output nobody reads."""
        folder = self.folder / WAV2VEC2_FOLDER
        files = TensorFiles(folder)
        model = Wav2Vec2Model(shortened(self.wav2vec2)).eval().requires_grad_(False)
        names = _wav2vec2_names(model, files.names)
        tensors = files.read_all(names.values())
        load_strictly(model, {ours: tensors[stored] for ours, stored in names.items()}, source=folder)
        return model

    def load_language_model(self) -> nn.Module:
        """The language model in float32, through transformers: what the written graph is compared with."""
        folder = self.language_model_folder
        disable_progress_bar()
        try:
            model, report = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
                attn_implementation="eager",
            )
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise CheckpointError(f"the language model in {folder} cannot be read: {error}") from error
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if report[kind]:
                found = sorted(str(key) for key in report[kind])
                raise CheckpointError(f"the language model in {folder} has {kind.replace('_', ' ')}: {found[0]}")
        result: nn.Module = model.eval().requires_grad_(False)
        return result


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint's configs and its token ids.

    Raises:
        CheckpointError: something is missing, unreadable, or describes a model that cannot be converted.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint folder {folder}; expected the layout of Spark-TTS-0.5B")
    codec = _read_yaml(folder / CODEC_FOLDER / "config.yaml")
    sections = codec.get("audio_tokenizer")
    if not isinstance(sections, Mapping):
        raise CheckpointError(f"{folder / CODEC_FOLDER / 'config.yaml'} has no table audio_tokenizer")
    wav2vec2, normalize = _read_wav2vec2_configs(folder / WAV2VEC2_FOLDER)
    checkpoint = Checkpoint(
        folder=folder,
        audio=_read_audio(folder / "config.yaml"),
        codec=BiCodecConfig.from_dict(sections),
        wav2vec2=wav2vec2,
        normalize_recording=normalize,
        token_ids=read_token_ids(folder / LANGUAGE_MODEL_FOLDER),
    )
    _check_widths(checkpoint)
    return checkpoint


def shortened(config: Wav2Vec2Config) -> Wav2Vec2Config:
    """The same wav2vec2 without the layers above the last hidden state that is read."""
    result = Wav2Vec2Config.from_dict({**config.to_dict(), "num_hidden_layers": USED_LAYERS})
    result._attn_implementation = "eager"
    return result


def codec_fingerprint(codec: nn.Module) -> str:
    """SHA-256 over the names and float32 values of a codec's tensors, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(codec.state_dict().items()):
        digest.update(name.encode())
        digest.update(memoryview(tensor.contiguous().cpu().numpy()).cast("B") if tensor.numel() else b"")
    return digest.hexdigest()


def _check_widths(checkpoint: Checkpoint) -> None:
    found, expected = checkpoint.wav2vec2.hidden_size, checkpoint.codec.encoder.input_channels
    if found != expected:
        raise CheckpointError(f"wav2vec2 is {found} wide, the codec's encoder expects {expected}")
    kinds = (
        ("semantic", checkpoint.token_ids.semantic_tokens.count, checkpoint.codec.quantizer.codebook_size),
        ("global", checkpoint.token_ids.global_tokens.count, _product(checkpoint.codec.speaker_encoder.fsq_levels)),
    )
    for kind, ids, codes in kinds:
        if ids < codes:
            raise CheckpointError(f"the tokenizer has {ids} {kind} tokens, the codec makes {codes} codes")


def _product(levels: tuple[int, ...]) -> int:
    result = 1
    for level in levels:
        result *= level
    return result


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a table of keys")
    return data


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return data


def _read_audio(path: Path) -> AudioConfig:
    data = _read_yaml(path)
    try:
        return AudioConfig(
            sample_rate=int(data["sample_rate"]),
            ref_segment_duration=float(data["ref_segment_duration"]),
            latent_hop_length=int(data["latent_hop_length"]),
            volume_normalize=bool(data.get("volume_normalize", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} lacks a usable value: {error!r}") from error


def _read_wav2vec2_configs(folder: Path) -> tuple[Wav2Vec2Config, bool]:
    data = _read_json(folder / "config.json")
    if data.get("model_type") != "wav2vec2":
        raise CheckpointError(
            f"{folder / 'config.json'}: model_type is {data.get('model_type')!r}, expected 'wav2vec2'"
        )
    config = Wav2Vec2Config.from_dict(data)
    if config.num_hidden_layers < USED_LAYERS:
        raise CheckpointError(
            f"wav2vec2 has {config.num_hidden_layers} layers; the codec reads hidden state {USED_LAYERS}"
        )
    preprocessor = folder / "preprocessor_config.json"
    return config, bool(_read_json(preprocessor).get("do_normalize", True)) if preprocessor.is_file() else True


def _wav2vec2_names(model: nn.Module, stored: frozenset[str]) -> dict[str, str]:
    """Which stored tensor each tensor of our shortened model takes; heads and unused layers take part in nothing."""
    prefix = "wav2vec2." if any(name.startswith("wav2vec2.") for name in stored) else ""
    names = {}
    for ours in model.state_dict():
        published = ours
        for newer, older in PARAMETRIZED.items():
            published = published.replace(newer, older)
        names[ours] = prefix + published
    return names

"""A checkpoint folder in the published layout, read into the models it describes, and its license."""

import hashlib
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import yaml
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from sparktts_onnx.bundle.manifest import TokenIds
from sparktts_onnx.bundle.values import Bounds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import agreed_tokenizer
from sparktts_onnx.export.checkpoint.wav2vec2 import normalizes_recordings, read_wav2vec2_config, shortened, takes_part
from sparktts_onnx.export.checkpoint.weights import (
    ADAPTER_CONFIG,
    MERGE,
    TRAINING_ONLY,
    TensorFiles,
    completed,
    load_strictly,
    published_name,
)
from sparktts_onnx.export.files import read_yaml, values_of
from sparktts_onnx.export.modules import BiCodec
from sparktts_onnx.export.modules.config import BiCodecConfig

logger = logging.getLogger(__name__)

CODEC_FOLDER = "BiCodec"
LANGUAGE_MODEL_FOLDER = "LLM"
WAV2VEC2_FOLDER = "wav2vec2-large-xlsr-53"
SPECTROGRAM = "mel_transformer."
"""Filters and window of the spectrogram, where a codec was saved with them; they follow from its config."""
MOST_CLIP_FRAMES = 10_000
"""Of the spectrogram that the speaker encoder hears; the published model has 301."""
PUBLISHED = (
    "CC BY-NC-SA 4.0 (non-commercial) for the weights of SparkAudio/Spark-TTS-0.5B and whatever is made from them; "
    "for other checkpoints, as their makers say"
)
FRONT = re.compile(r"\A---\n(.*?)^---", re.MULTILINE | re.DOTALL)
"""What a model card says for programs, in YAML."""


@dataclass(frozen=True)
class AudioConfig:
    """What the top-level `config.yaml` says about recordings."""

    sample_rate: Annotated[int, Bounds(1000, 192_000)]
    """Samples a second."""
    ref_segment_duration: Annotated[float, Bounds(0.1, 60)]
    """Length of the clip that the speaker encoder hears, seconds."""
    latent_hop_length: Annotated[int, Bounds(1, 1 << 12)]
    """The clip's length is a multiple of this many samples."""
    volume_normalize: bool = True
    """Whether a recording's volume is normalized before anything else."""

    def __post_init__(self) -> None:
        if not self.reference_samples:
            raise ValueError(f"ref_segment_duration is shorter than the {self.latent_hop_length} samples of a latent")

    @property
    def reference_samples(self) -> int:
        """Length of the reference clip, samples."""
        whole = int(self.sample_rate * self.ref_segment_duration)
        return whole // self.latent_hop_length * self.latent_hop_length


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder whose configs have been read; weights are read when a model is asked for."""

    folder: Path
    audio: AudioConfig
    codec: BiCodecConfig
    wav2vec2: Wav2Vec2Config
    normalize_recording: bool
    """Whether wav2vec2 reads recordings of zero mean and unit variance."""
    token_ids: TokenIds
    language_model_folder: Path
    """Where the language model lies: `LLM`, or a finetune's folder."""
    tokenizer_folder: Path
    """Where its tokenizer lies."""

    def load_codec(self) -> BiCodec:
        """BiCodec in float32, ready for inference."""
        folder = self.folder / CODEC_FOLDER
        files = TensorFiles(folder).beginning("", "quantizer.codebook.weight")
        with torch.device("meta"):
            codec = BiCodec(self.codec)
        tensors = files.read_all(name for name in files.shapes if not name.startswith(SPECTROGRAM))
        load_strictly(codec, completed(codec, tensors), source=folder)
        return codec.eval().requires_grad_(False)

    def load_wav2vec2(self) -> Wav2Vec2Model:
        """wav2vec2 in float32 without the layers whose output nobody reads."""
        folder = self.folder / WAV2VEC2_FOLDER
        files = TensorFiles(folder).beginning("wav2vec2.", "feature_projection.projection.weight")
        with torch.device("meta"):
            model = Wav2Vec2Model(shortened(self.wav2vec2))
        names = {ours: "wav2vec2." + published_name(ours) for ours in model.state_dict()}
        if extra := sorted(name for name in files.shapes.keys() - set(names.values()) if takes_part(name)):
            raise CheckpointError(
                f"the weights in {folder} have a tensor too many, {extra[0]}: only a plain wav2vec2 can be converted"
            )
        optional = {stored for stored in names.values() if stored.endswith(TRAINING_ONLY)} - files.shapes.keys()
        tensors = files.read_all(set(names.values()) - optional)
        given = {ours: tensors[stored] for ours, stored in names.items() if stored in tensors}
        load_strictly(model, completed(model, given), source=folder)
        return model.eval().requires_grad_(False)


def open_checkpoint(folder: Path, *, language_model: Path | None = None, adapter: Path | None = None) -> Checkpoint:
    """Read a checkpoint's configs and its token ids.

    Args:
        folder: the checkpoint.
        language_model: a folder with another language model for its codec, such as a finetune.
        adapter: a folder with an adapter for the language model; what is read of it here is its tokenizer.

    Raises:
        CheckpointError: something is missing, unreadable, or describes a model that cannot be converted.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no checkpoint folder {folder}; expected the layout of Spark-TTS-0.5B")
    for file, option in (("config.json", "--language-model"), (ADAPTER_CONFIG, "--lora")):
        if (folder / file).is_file() and not (folder / CODEC_FOLDER).exists():
            raise CheckpointError(
                f"{folder} has no codec, only what a finetune is made of: convert the checkpoint that it was trained "
                f"from, and name this folder with {option}"
            )
    top, published = folder / "config.yaml", folder / LANGUAGE_MODEL_FOLDER
    llm = published if language_model is None else language_model_in(language_model)
    if adapter is None and (llm / ADAPTER_CONFIG).is_file():
        logger.warning(
            "%s has an adapter beside its weights, which are taken as they are: to merge it, name the folder with "
            "--lora",
            llm,
        )
    tokenizer, ids = agreed_tokenizer([published, llm, *([] if adapter is None else [adapter])])
    codec = read_yaml(folder / CODEC_FOLDER / "config.yaml")
    sections = codec.get("audio_tokenizer")
    if not isinstance(sections, Mapping):
        raise CheckpointError(f"{folder / CODEC_FOLDER / 'config.yaml'} has no table audio_tokenizer")
    checkpoint = Checkpoint(
        folder=folder,
        audio=values_of(AudioConfig, read_yaml(top), source=top, where="config"),
        codec=BiCodecConfig.from_dict(sections),
        wav2vec2=read_wav2vec2_config(folder / WAV2VEC2_FOLDER),
        normalize_recording=normalizes_recordings(folder / WAV2VEC2_FOLDER),
        token_ids=ids,
        language_model_folder=llm,
        tokenizer_folder=tokenizer,
    )
    _check_widths(checkpoint)
    _warn_of_rates(checkpoint)
    return checkpoint


def language_model_in(folder: Path) -> Path:
    """Where a folder from elsewhere has its language model: itself, or `LLM` in it."""
    for place in (folder, folder / LANGUAGE_MODEL_FOLDER):
        if (place / "config.json").is_file():
            return place
    if (folder / ADAPTER_CONFIG).is_file():
        raise CheckpointError(MERGE.format(folder))
    raise CheckpointError(
        f"there is no language model in {folder}: expected config.json, model.safetensors and the like, as "
        "transformers' save_pretrained writes them"
    )


def codec_fingerprint(codec: nn.Module) -> str:
    """SHA-256 over the names and float32 values of a codec's tensors, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(codec.state_dict().items()):
        digest.update(name.encode())
        digest.update(memoryview(tensor.contiguous().cpu().numpy()).cast("B") if tensor.numel() else b"")
    return digest.hexdigest()


def _check_widths(checkpoint: Checkpoint) -> None:
    frames = checkpoint.audio.reference_samples // checkpoint.codec.mel_params.hop_length
    if frames > MOST_CLIP_FRAMES:
        raise CheckpointError(
            f"the reference clip makes {frames} frames of the spectrogram, at most {MOST_CLIP_FRAMES} are possible"
        )
    found, expected = checkpoint.wav2vec2.hidden_size, checkpoint.codec.encoder.input_channels
    if found != expected:
        raise CheckpointError(f"wav2vec2 is {found} wide, the codec's encoder expects {expected}")
    kinds = (
        ("semantic", checkpoint.token_ids.semantic_tokens.count, checkpoint.codec.quantizer.codebook_size),
        ("global", checkpoint.token_ids.global_tokens.count, math.prod(checkpoint.codec.speaker_encoder.fsq_levels)),
    )
    for kind, ids, codes in kinds:
        if ids < codes:
            raise CheckpointError(f"the tokenizer has {ids} {kind} tokens, the codec makes {codes} codes")


def _warn_of_rates(checkpoint: Checkpoint) -> None:
    """Say what no config is at fault for, but would be heard."""
    codec, rate = checkpoint.codec, checkpoint.audio.sample_rate
    if rate != codec.mel_params.sample_rate:
        logger.warning(
            "config.yaml says %d samples a second, BiCodec/config.yaml says %d for mel_params: the first is taken",
            *(rate, codec.mel_params.sample_rate),
        )
    heard = math.prod((*checkpoint.wav2vec2.conv_stride, *codec.encoder.sample_ratios))
    spoken = math.prod((*codec.decoder.rates, *codec.prenet.sample_ratios))
    if heard != spoken:
        logger.warning(
            "a token is read from %d samples of a recording and spoken as %d: speech has another tempo than it had",
            *(heard, spoken),
        )


def licenses_of(folders: Sequence[Path]) -> str:
    """The license of a checkpoint, the first folder, and those that the cards of finetunes name."""
    first, *others = (_named_in(folder) for folder in folders)
    return "; ".join(dict.fromkeys(name for name in (first or PUBLISHED, *others) if name))


def _named_in(folder: Path) -> str | None:
    """The license named by the model card in a folder; of several, all."""
    try:
        front = FRONT.match((folder / "README.md").read_text(encoding="utf-8-sig"))
        found = yaml.safe_load(front[1])["license"] if front else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        return None
    names = [str(name) for name in (found if isinstance(found, list) else [found]) if name is not None]
    return ", ".join(" ".join(name.split()) for name in names) or None

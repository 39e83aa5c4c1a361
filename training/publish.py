"""Last stage: the trained parts as a checkpoint in the published layout, in float16.

python -m training.publish --out work/run --to pretrained_models/Spark-TTS-mini
python -m training.publish --out work/run --to FOLDER --from CHECKPOINT     # its codec, our language model
"""

import argparse
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from sparktts_onnx.export.modules import BiCodec
from sparktts_onnx.export.modules.config import BiCodecConfig
from training import features, language, vocabulary
from training.codec import ECAPA_WIDTH, TokenCodec, codec_config
from training.ecapa import published_state
from training.settings import Sizes
from training.stage import load_modules
from training.tokenize import load_codec
from training.vocoder_stage import Vocoder

log = logging.getLogger(__name__)
_CONFIG = {
    "highpass_cutoff_freq": 40, "sample_rate": 16000, "segment_duration": 2.4, "max_val_duration": 12,
    "latent_hop_length": 320, "ref_segment_duration": 6, "volume_normalize": True,
}  # fmt: skip
_PREPROCESSOR = {
    "do_normalize": True, "feature_extractor_type": "Wav2Vec2FeatureExtractor", "feature_size": 1,
    "padding_side": "right", "padding_value": 0, "return_attention_mask": True, "sampling_rate": 16000,
}  # fmt: skip
_WEIGHT_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}


def bicodec_state(codec: TokenCodec, vocoder: Vocoder) -> dict[str, Tensor]:
    """Every tensor of the published BiCodec."""
    torch.manual_seed(0)  # the postnet is part of the layout and has no part in the sound: it stays as it starts
    whole = BiCodec(BiCodecConfig.from_dict(codec_config()))
    whole.encoder.load_state_dict(codec.encoder.state_dict())
    whole.quantizer.load_state_dict(vocoder.quantizer.state_dict())
    whole.prenet.load_state_dict(vocoder.prenet.state_dict())
    whole.decoder.load_state_dict(vocoder.decoder.state_dict())
    speaker = published_state(vocoder.speaker.state_dict(), whole.speaker_encoder.state_dict(), width=ECAPA_WIDTH)
    whole.speaker_encoder.load_state_dict(speaker)
    return whole.state_dict()


def wav2vec2_state(codec: TokenCodec) -> dict[str, Tensor]:
    """Every tensor of the published wav2vec2, weight normalization under its published names."""
    found = {}
    for name, tensor in codec.features.published_state().items():
        for new, published in _WEIGHT_NORM.items():
            name = name.replace(new, published)
        found[name] = tensor
    return found


def language_state(model: language.LanguageModel, *, sharpness: float) -> dict[str, Tensor]:
    """The language model with its scores multiplied by `sharpness`: sampling is fixed at temperature 0.8,
    and a model as small as this one speaks more clearly at a lower one."""
    state = dict(model.state_dict())
    state["model.norm.weight"] = state["model.norm.weight"] * sharpness
    return state


def write(run: Path, target: Path, *, sharpness: float) -> None:
    """The whole folder, from the checkpoints as they are."""
    codec, _ = load_codec(run)
    vocoder = Vocoder(codec)
    load_modules(run / "vocoder.pt", {"vocoder": vocoder})
    model = language.LanguageModel()
    load_modules(run / "language.pt", {"model": model})
    folders = [target / name for name in ("LLM", "BiCodec", "wav2vec2-large-xlsr-53")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    llm, bicodec, wav2vec2 = folders
    (target / "config.yaml").write_text(yaml.safe_dump(_CONFIG, sort_keys=False))
    (bicodec / "config.yaml").write_text(yaml.safe_dump({"audio_tokenizer": codec_config()}, sort_keys=False))
    _save(bicodec_state(codec, vocoder), bicodec / "model.safetensors")
    _save(wav2vec2_state(codec), wav2vec2 / "model.safetensors")
    _save(language_state(model, sharpness=sharpness), llm / "model.safetensors")
    _json(features.wav2vec2_config(features.PUBLISHED_LAYERS), wav2vec2 / "config.json")
    _json(_PREPROCESSOR, wav2vec2 / "preprocessor_config.json")
    _json(language.config(), llm / "config.json")
    vocabulary.write(llm)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    log.info("wrote %s: %.1f MB", target, size / 1e6)


def write_language_model(run: Path, target: Path, start: Path, *, sharpness: float) -> None:
    """The checkpoint `start` with the run's language model: a copy, or the same folder."""
    model = language.LanguageModel()
    load_modules(run / "language.pt", {"model": model})
    if not (target.exists() and target.samefile(start)):
        shutil.copytree(start, target, ignore=shutil.ignore_patterns("onnx"), dirs_exist_ok=True)
    _save(language_state(model, sharpness=sharpness), target / "LLM" / "model.safetensors")


def _json(value: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def _save(state: dict[str, Tensor], path: Path) -> None:
    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    broken = [name for name, tensor in half.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(f"{path.name}: {', '.join(broken)} cannot be held in float16")
    save_file(half, path, {"format": "pt"})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the checkpoint in the published layout.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--from", dest="start", type=Path, help="published checkpoint to take everything else from")
    parser.add_argument("--sharpness", type=float, default=Sizes().sharpness)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.start is not None:
        write_language_model(options.out, options.to, options.start, sharpness=options.sharpness)
    else:
        write(options.out, options.to, sharpness=options.sharpness)


if __name__ == "__main__":
    main()

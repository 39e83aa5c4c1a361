"""The original's way from text to sound, greedily: one prompt string, the whole vocabulary, ids picked by pattern."""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoTokenizer

from sparktts_onnx.audio.reading import load_recording, reference_clip
from sparktts_onnx.export.checkpoint.checkpoint import open_checkpoint
from sparktts_onnx.export.codec.references import CODEC_GRAPHS, Wav2Vec2Features
from sparktts_onnx.export.language.weights import read_reference
from sparktts_onnx.export.modules import BiCodec

STYLES = {"female": 0, "male": 1, "very_low": 0, "low": 1, "moderate": 2, "high": 3, "very_high": 4}


def tokenized(codec: BiCodec, features: Tensor, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Features float32 [B, T, D] and clip float32 [B, N] to ids int64 [B, T] and int64 [B, 1, G]."""
    z = CODEC_GRAPHS["encoder"](codec)(features)
    return CODEC_GRAPHS["quantizer_tokenize"](codec)(z), CODEC_GRAPHS["speaker_encoder"](codec)(clip)[0]


def detokenized(codec: BiCodec, semantic_ids: Tensor, global_ids: Tensor) -> Tensor:
    """int64 [B, T] and int64 [B, 1, G] to samples float32 [B, 1, N]."""
    d_vector = CODEC_GRAPHS["speaker_detokenize"](codec)(global_ids)
    z_q = CODEC_GRAPHS["quantizer_detokenize"](codec)(semantic_ids)
    wave: Tensor = CODEC_GRAPHS["decoder"](codec)(CODEC_GRAPHS["prenet"](codec)(z_q, d_vector), d_vector)
    return wave


class Original:
    """Greedy speech of a checkpoint with transformers and the torch modules."""

    def __init__(self, folder: Path) -> None:
        self._checkpoint = open_checkpoint(folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder / "LLM", local_files_only=True)
        self._language_model = read_reference(self._checkpoint.language_model_folder)
        self._codec = self._checkpoint.load_codec().eval()
        self._wav2vec2 = self._checkpoint.load_wav2vec2().eval()

    def clone(self, text: str, recording: Path, transcript: str | None = None) -> NDArray[np.float32]:
        """float32 [N]: `text` spoken by the voice of a recording."""
        semantic, speaker = self.tokens(recording)
        content = (transcript or "") + text
        prompt = f"<|task_tts|><|start_content|>{content}<|end_content|><|start_global_token|>{speaker}"
        prompt += "<|end_global_token|>"
        if transcript:
            prompt += f"<|start_semantic_token|>{semantic}"
        return self._decode(self._continue(prompt), speaker)

    def create(self, text: str, gender: str, pitch: str, speed: str) -> NDArray[np.float32]:
        """float32 [N]: `text` spoken by a voice of that style."""
        style = f"<|gender_{STYLES[gender]}|><|pitch_label_{STYLES[pitch]}|><|speed_label_{STYLES[speed]}|>"
        prompt = f"<|task_controllable_tts|><|start_content|>{text}<|end_content|><|start_style_label|>{style}"
        answer = self._continue(prompt + "<|end_style_label|>")
        return self._decode(answer, answer)

    def tokens(self, recording: Path) -> tuple[str, str]:
        audio = self._checkpoint.audio
        read = load_recording(recording, sample_rate=audio.sample_rate)
        wav = read.normalized() if audio.volume_normalize else read.wav.astype(np.float32)
        seconds = audio.reference_samples / audio.sample_rate
        clip = reference_clip(wav, sample_rate=audio.sample_rate, seconds=seconds, hop=audio.latent_hop_length)
        with torch.inference_mode():
            hear = Wav2Vec2Features(self._wav2vec2, normalize=self._checkpoint.normalize_recording)
            features = hear(torch.from_numpy(wav)[None])
            semantic, speaker = tokenized(self._codec, features, torch.from_numpy(clip)[None])
        return (
            "".join(f"<|bicodec_semantic_{i}|>" for i in semantic.flatten().tolist()),
            "".join(f"<|bicodec_global_{i}|>" for i in speaker.flatten().tolist()),
        )

    def _continue(self, prompt: str) -> str:
        inputs = self._tokenizer(prompt, return_tensors="pt")
        length = inputs.input_ids.shape[1]
        with torch.inference_mode():
            output = self._language_model.generate(
                inputs.input_ids,
                attention_mask=torch.ones_like(inputs.input_ids),
                do_sample=False,
                max_new_tokens=3000,
                eos_token_id=self._checkpoint.token_ids.end_of_text,
                pad_token_id=self._checkpoint.token_ids.end_of_text,
            )
        answer: str = self._tokenizer.decode(output[0, length:], skip_special_tokens=True)
        return answer

    def _decode(self, answer: str, speaker: str) -> NDArray[np.float32]:
        semantic_ids = [int(i) for i in re.findall(r"bicodec_semantic_(\d+)", answer)]
        global_ids = [int(i) for i in re.findall(r"bicodec_global_(\d+)", speaker)]
        with torch.inference_mode():
            wav = detokenized(self._codec, torch.tensor([semantic_ids]), torch.tensor([[global_ids]]))
        return wav.reshape(-1).numpy()

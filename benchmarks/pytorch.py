"""The original's computation in PyTorch: the language model through transformers, the codec and wav2vec2 as modules.

The codec is this project's own modules (`sparktts_onnx.export.modules`), which reproduce the original's stage by
stage; the language model and wav2vec2 are the transformers classes that the original uses, whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, Wav2Vec2Model
from transformers.generation.streamers import BaseStreamer

from benchmarks.sides import TEMPERATURE, TOP_K, TOP_P, Logits, Wave, Written, stamped
from sparktts_onnx.bundle.manifest import IdRange
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER, WAV2VEC2_FOLDER, open_checkpoint
from sparktts_onnx.export.checkpoint.wav2vec2 import FEATURE_STATES
from sparktts_onnx.export.modules import BiCodec

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.1}


class _Ids(BaseStreamer):  # type: ignore[misc]
    """Notes ids as transformers writes them; the first it is given are the prompt's."""

    def __init__(self) -> None:
        self.written: list[Written] = []
        self._prompt_seen = False

    def put(self, value: Tensor) -> None:
        if self._prompt_seen:
            self.written += stamped(int(token) for token in value.reshape(-1).tolist())
        self._prompt_seen = True

    def end(self) -> None:
        pass


class TorchLanguageModel:
    """transformers' `generate`, as the original calls it."""

    def __init__(self, checkpoint: Path, dtype: str, rows: IdRange, device: str = "cpu") -> None:
        self.name = f"PyTorch {dtype}"
        self.tolerance = TOLERANCES[dtype]
        self._rows = rows
        self._device = device
        folder = checkpoint / LANGUAGE_MODEL_FOLDER
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=DTYPES[dtype], local_files_only=True)
        self._model.eval().to(device)
        self._model.generation_config.eos_token_id = None  # the number of ids is the benchmark's, not the model's
        self._model.generation_config.pad_token_id = 0

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits of the rows of speech."""
        with torch.no_grad():
            row = self._model(self._row(prompt), logits_to_keep=1).logits[0, -1]
        kept: Logits = row.float().cpu().numpy()[self._rows.first : self._rows.stop]
        return kept

    @torch.no_grad()
    def write(self, prompt: Sequence[int], count: int) -> list[Written]:
        """Sampled ids."""
        streamer, ids = _Ids(), self._row(prompt)
        self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            top_p=TOP_P,
            streamer=streamer,
        )
        return streamer.written

    def _row(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor([list(ids)], device=self._device)


class TorchCodec:
    """BiCodec's way back: ids to samples, in one piece as the original does it."""

    def __init__(self, checkpoint: Path, dtype: str = "float32", device: str = "cpu") -> None:
        self.name = f"PyTorch {dtype}"
        self._dtype, self._device = DTYPES[dtype], device
        self.module = _codec(checkpoint, self._dtype).to(device)

    @torch.no_grad()
    def decode(self, semantic_ids: Sequence[int], global_ids: Sequence[int]) -> Wave:
        """Samples float32 [N]."""
        codec = self.module
        global_tokens = torch.tensor([[list(global_ids)]], device=self._device)
        semantic_tokens = torch.tensor([list(semantic_ids)], device=self._device)
        speaker = codec.speaker_encoder.detokenize(global_tokens).to(self._dtype)
        z_q = codec.quantizer.detokenize(semantic_tokens).to(self._dtype)
        wav = codec.decoder(codec.prenet(z_q, speaker) + speaker.unsqueeze(-1))
        samples: Wave = wav.reshape(-1).float().cpu().numpy()
        return samples


def _codec(checkpoint: Path, dtype: torch.dtype) -> BiCodec:
    """The codec with its large parts in a type; quantizers and the small speaker encoder stay in float32."""
    codec = open_checkpoint(checkpoint).load_codec()
    for part in (codec.encoder, codec.prenet, codec.decoder):
        part.to(dtype)
    return codec


class TorchEnrollment:
    """A recording to ids: the original hears every recording with wav2vec2, whether it has a transcript or not."""

    def __init__(self, checkpoint: Path, dtype: str = "float32", *, codec: BiCodec | None = None) -> None:
        """`codec`: one that is loaded already."""
        self.name = f"PyTorch {dtype}"
        self._dtype = DTYPES[dtype]
        folder = checkpoint / WAV2VEC2_FOLDER
        # All of its layers run, as in the original, though nothing above the sixteenth is read.
        self.wav2vec2: Any = Wav2Vec2Model.from_pretrained(folder, dtype=self._dtype, local_files_only=True).eval()
        self.codec = codec or _codec(checkpoint, self._dtype)

    @torch.no_grad()
    def enroll(self, wav: Wave, clip: Wave) -> tuple[list[int], list[int]]:
        """Semantic and global ids of a recording float32 [N] and its reference clip."""
        normal = (wav - wav.mean()) / np.sqrt(wav.var() + 1e-7)
        states = self.wav2vec2(torch.from_numpy(normal)[None].to(self._dtype), output_hidden_states=True).hidden_states
        features = torch.stack([states[index] for index in FEATURE_STATES]).mean(dim=0)
        semantic = self.codec.quantizer.tokenize(self.codec.encoder(features).float())
        speaker, _ = self.codec.speaker_encoder.tokenize(self.codec.mel_transformer(torch.from_numpy(clip)[None]))
        return semantic.reshape(-1).tolist(), speaker.reshape(-1).tolist()


class OriginalSpeaker:
    """The original from text to sound, with a voice that is kept: its tokenizer, language model and codec in turn."""

    def __init__(self, checkpoint: Path, dtype: str, device: str = "cpu") -> None:
        ids = open_checkpoint(checkpoint).token_ids
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint / LANGUAGE_MODEL_FOLDER, local_files_only=True)
        self._language_model = TorchLanguageModel(checkpoint, dtype, ids.semantic_tokens, device)
        self._decoder = TorchCodec(checkpoint, dtype, device)
        self.codec = self._decoder.module
        self._semantic = ids.semantic_tokens
        self.name = f"PyTorch {dtype}"

    def speak(self, text: str, global_ids: Sequence[int], count: int) -> Wave:
        """Speak a text in one pass of `count` ids: float32 [N]."""
        speaker = "".join(f"<|bicodec_global_{i}|>" for i in global_ids)
        prompt = (
            f"<|task_tts|><|start_content|>{text}<|end_content|><|start_global_token|>{speaker}<|end_global_token|>"
        )
        written = self._language_model.write(self._tokenizer(prompt).input_ids, count)
        # Synthetic weights write ids of every kind; each stands for some semantic id here.
        return self._decoder.decode([token % self._semantic.count for token, _ in written], global_ids)

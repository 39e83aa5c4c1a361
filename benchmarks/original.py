"""The original from text to sound: its tokenizer, its language model, its codec, one after the other."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer

from benchmarks.pytorch import TorchCodec, TorchLanguageModel, Wave
from benchmarks.sides import SpeechRows
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER, open_checkpoint


@dataclass(frozen=True)
class Spoken:
    """A piece of speech."""

    wav: Wave
    first_id_seconds: float
    """From the request to the first id."""


class OriginalSpeaker:
    """Speaks with one voice that is kept; the original would hear the prompt recording again for every text."""

    def __init__(self, checkpoint: Path, dtype: str, device: str = "cpu") -> None:
        ids = open_checkpoint(checkpoint).token_ids
        rows = SpeechRows(ids.end_of_text, ids.semantic_tokens.stop - ids.end_of_text)
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint / LANGUAGE_MODEL_FOLDER, local_files_only=True)
        self._language_model = TorchLanguageModel(checkpoint, dtype, rows, device)
        self._decoder = TorchCodec(checkpoint, dtype, device)
        self.codec = self._decoder.module
        self._semantic = ids.semantic_tokens
        self.name = f"PyTorch {dtype}"

    def speak(self, text: str, global_ids: Sequence[int], count: int) -> Spoken:
        """Speak a text in one pass of `count` ids."""
        began = time.perf_counter()
        speaker = "".join(f"<|bicodec_global_{i}|>" for i in global_ids)
        prompt = (
            f"<|task_tts|><|start_content|>{text}<|end_content|><|start_global_token|>{speaker}<|end_global_token|>"
        )
        ids: list[int] = []
        for token in self._language_model.generate(self._tokenizer(prompt).input_ids, count):
            if not ids:
                first = time.perf_counter() - began
            # Synthetic weights write ids of every kind; each stands for some semantic id here.
            ids.append(token % self._semantic.count)
        return Spoken(self._decoder.decode(ids, global_ids), first)

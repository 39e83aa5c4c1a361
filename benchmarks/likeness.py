"""How alike two voices are, by a speaker encoder that is not ours: Resemblyzer's (Apache-2.0).

A d-vector encoder of three LSTM layers over mel frames, trained on recordings of thousands of people. Only its weights
are used: `pip install --no-deps resemblyzer`.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from benchmarks.judge import SAMPLE_RATE
from benchmarks.sides import Wave

_FFT, _HOP, _MELS = 400, 160, 40
_WIDTH, _PART, _STEP = 256, 160, 80
"""Size of a vector; frames that are heard together, and from one part to the next."""
_LOUDNESS = 0.03
"""Root mean square that every recording is brought to, about -30 dB of full scale."""


class SpeakerEncoder(nn.Module):
    """Vectors of speakers."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            SystemExit: they are not installed.
        """
        super().__init__()
        found = importlib.util.find_spec("resemblyzer")
        if found is None or not found.submodule_search_locations:
            raise SystemExit("likeness needs the weights of a speaker encoder: pip install --no-deps resemblyzer")
        self.lstm = nn.LSTM(_MELS, _WIDTH, num_layers=3, batch_first=True)
        self.linear = nn.Linear(_WIDTH, _WIDTH)
        stored = torch.load(Path(found.submodule_search_locations[0]) / "pretrained.pt", map_location="cpu")
        kept = {name: value for name, value in stored["model_state"].items() if not name.startswith("similarity")}
        self.load_state_dict(kept)
        self.eval()

    @torch.no_grad()
    def vector(self, wave: Wave) -> NDArray[np.float32]:
        """The speaker of float32 [N] at 16 kHz: float32 [256] of length 1."""
        mel = torch.from_numpy(_mel(wave))
        starts = range(0, max(1, len(mel) - _PART + _STEP), _STEP)
        padded = nn.functional.pad(mel, (0, 0, 0, _PART))
        parts = torch.stack([padded[start : start + _PART] for start in starts])
        vectors = torch.relu(self.linear(self.lstm(parts)[1][0][-1]))
        mean = nn.functional.normalize(vectors, dim=1).mean(dim=0)
        unit: NDArray[np.float32] = (mean / mean.norm()).numpy()
        return unit

    def likeness(self, waves: Sequence[Wave], others: Sequence[Wave]) -> float:
        """Cosine of the mean vectors of two sets of recordings."""
        left, right = (np.mean([self.vector(wave) for wave in some], axis=0) for some in (waves, others))
        return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def _mel(wave: Wave) -> NDArray[np.float32]:
    """Power of mel bands, float32 [frames, 40]."""
    loud = wave * (_LOUDNESS / max(float(np.sqrt(np.mean(wave**2))), 1e-6))
    bank = mel_filter_bank(_FFT // 2 + 1, _MELS, 0, SAMPLE_RATE / 2, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    power = spectrogram(loud, window_function(_FFT, "hann"), _FFT, _HOP, power=2.0, mel_filters=bank, mel_floor=0.0)
    frames: NDArray[np.float32] = power.T.astype(np.float32)
    return frames

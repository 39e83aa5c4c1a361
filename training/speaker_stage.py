"""Between the first and the second stage: global tokens that tell every speaker from every other.

    python -m training.speaker_stage --data work/data --out work/run

The token stage only asks the global tokens for what its spectra show, which is pitch before all: it gave
two speakers of one pitch the same tokens, and 50 Hz those of 100 Hz. Here the speaker encoder also has to
name the speaker, from tokens alone.
"""

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import speechdata, voices
from training.codec import ECAPA_WIDTH, Speaker, TokenCodec
from training.espeak import SAMPLE_RATE
from training.options import prepare_process, stage_options
from training.settings import Sizes
from training.stage import Ahead, Stage, device_of
from training.tokenize import load_token_codec

_CLIPS = 24


class ClipMaker:
    """Draws clips of random length with the number of their speaker."""

    def __init__(self, recordings: list[speechdata.Recording], *, seed: int) -> None:
        self._rng = random.Random(seed)
        self._of_speaker: dict[str, list[np.ndarray]] = defaultdict(list)
        for take, samples in recordings:
            self._of_speaker[take.speaker].append(samples)
        self._names = [s.name for s in voices.speakers() if s.name in self._of_speaker]

    def batch(self) -> tuple[Tensor, Tensor]:
        """Clips float32 [B, N] and speakers int64 [B]."""
        length = int(self._rng.uniform(2.0, 4.0) * SAMPLE_RATE) // 320 * 320
        known = [self._rng.randrange(len(self._names)) for _ in range(_CLIPS)]
        clips = np.stack([self._clip(self._names[i], length) for i in known])
        return torch.from_numpy(clips), torch.tensor(known)

    def _clip(self, speaker: str, length: int) -> np.ndarray:
        pieces = [self._rng.choice(self._of_speaker[speaker])]
        while sum(map(len, pieces)) < length:
            pieces.append(self._rng.choice(self._of_speaker[speaker]))
        gain = self._rng.uniform(0.7, 1.3) / 32767
        return np.concatenate(pieces)[:length].astype(np.float32) * gain


def start_apart(speaker: Speaker) -> None:
    """Start the resampler anew with latents larger than what attention adds to them: from the usual small
    start all 32 tokens learn to be one."""
    sampler = speaker.perceiver_sampler
    for module in sampler.modules():
        if isinstance(module, nn.Linear):
            module.reset_parameters()
    nn.init.normal_(sampler.latents, std=3.0)
    nn.init.ones_(sampler.norm.gamma)
    speaker.quantizer.project_in.reset_parameters()


class Names(nn.Module):
    """Speaker scores from the conditioning vector, and from the network before tokens are made of it."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.vector = nn.Linear(width, count)
        self.latent = nn.Linear(2 * 3 * ECAPA_WIDTH, count)

    def forward(self, vector: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, D] and float32 [B, C, T] to two times float32 [B, speakers]."""
        pooled = torch.cat([latent.mean(-1), latent.std(-1)], dim=-1)
        return self.vector(vector).float(), self.latent(pooled).float()


class SpeakerTraining:
    """The stage's state and its step."""

    def __init__(
        self, data: Path, run: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None
    ) -> None:
        torch.manual_seed(0)
        self.stage = Stage(run, "speaker", sizes.speaker_steps, minutes)
        codec, _ = load_token_codec(run)
        self.codec: TokenCodec = codec.to(device)
        self.codec.speaker.train()
        start_apart(self.codec.speaker)
        width, count = self.codec.speaker.project.out_features, len(voices.speakers())
        self.names = Names(width, count).to(device)
        self.modules: dict[str, nn.Module] = {"speaker": self.codec.speaker, "names": self.names}
        parameters = [p for module in self.modules.values() for p in module.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, 2e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.done = self.stage.resume(self.modules, self.optimizer)
        clips = ClipMaker(speechdata.load(data, "parallel"), seed=self.done + 1)
        self._batches = Ahead(clips.batch)
        self._device = device

    def step(self, number: int) -> dict[str, float]:
        """One update; its figures."""
        clips, known = (part.to(self._device) for part in self._batches.next())
        for group in self.optimizer.param_groups:
            group["lr"] = 2e-3 * self.stage.rate(number, warmup=20)
        with torch.autocast(self._device.type, torch.bfloat16):
            latent = self.codec.speaker.speaker_encoder(self.codec.mel(clips))[0]
            ids, vector = self.codec.speaker.from_latent(latent)
            scores, early = self.names(vector, latent)
        loss = F.cross_entropy(scores, known) + F.cross_entropy(early, known)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.codec.speaker.parameters(), 1.0)
        self.optimizer.step()
        right = (scores.argmax(-1) == known).float().mean()
        early_right = (early.argmax(-1) == known).float().mean()
        figures = {"loss": loss.detach(), "right": right, "early": early_right}
        return {k: float(v) for k, v in figures.items()} | {"different": _different(ids)}


def _different(ids: Tensor) -> float:
    """The mean number of different ids among a clip's 32: 1 where all are one."""
    return sum(len(row.unique()) for row in ids) / len(ids)


def train(data: Path, run: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None) -> None:
    """Train to the end from wherever the folder's checkpoint is."""
    training = SpeakerTraining(data, run, sizes, device=device, minutes=minutes)
    training.stage.train(training.done, training.step, training.modules, training.optimizer)


def main() -> None:
    """Command line."""
    options = stage_options("Train the speaker encoder to tell the speakers apart.").parse_args()
    prepare_process(options.threads)
    train(
        options.data, options.out, Sizes.named(options.size), device=device_of(options.device), minutes=options.minutes
    )


if __name__ == "__main__":
    main()

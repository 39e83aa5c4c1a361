"""Fourth stage, beside the third: tokens to sound.

python -m training.vocoder_stage --data work/data --out work/run
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from sparktts_onnx.export.modules.config import BiCodecConfig
from sparktts_onnx.export.modules.generator import WaveGenerator
from training import speechdata
from training.codec import TokenCodec, codec_config
from training.crops import CropBatch, CropMaker
from training.options import prepare_process, stage_options
from training.settings import Sizes
from training.stage import Ahead, Stage, device_of
from training.tokenize import load_codec, semantic_ids

_SIZES = (2048, 1024, 512, 256, 128)
_FLOOR = 1e-3


class Vocoder(nn.Module):
    """What turns tokens into sound: the second half of the codec, and the wave generator."""

    def __init__(self, codec: TokenCodec) -> None:
        super().__init__()
        self.quantizer = codec.codebook.quantizer
        self.speaker = codec.speaker
        self.prenet = codec.prenet
        self.decoder = WaveGenerator(BiCodecConfig.from_dict(codec_config()).decoder)

    def trained(self) -> list[nn.Parameter]:
        """Parameters of the path from tokens to sound; those that decide tokens stay as they are."""
        parts = [self.quantizer.out_project, self.speaker.quantizer.project_out, self.speaker.project]
        return [p for part in [*parts, self.prenet, self.decoder] for p in part.parameters()]

    def forward(self, semantic: Tensor, speaker: Tensor) -> Tensor:
        """Ids int64 [B, T] and int64 [B, G] to samples float32 [B, 320 T]."""
        vector = self.speaker.vector(speaker)
        x = self.prenet(self.quantizer.detokenize(semantic), vector)
        return cast(Tensor, self.decoder(x + vector.unsqueeze(-1))).squeeze(1)


class SpectralLoss:
    """Distance of magnitude spectra at five resolutions: of their logarithms, and relative to their size."""

    def __init__(self, device: torch.device) -> None:
        self._windows = {size: torch.hann_window(size, device=device) for size in _SIZES}

    def __call__(self, wave: Tensor, target: Tensor) -> Tensor:
        """Two float32 [B, N]."""
        total = torch.zeros((), device=wave.device)
        for size in _SIZES:
            made, wanted = self._magnitude(wave, size), self._magnitude(target, size)
            logs = (torch.log(made + _FLOOR) - torch.log(wanted + _FLOOR)).abs().mean()
            total = total + logs + torch.linalg.norm(made - wanted) / torch.linalg.norm(wanted)
        return total / len(_SIZES)

    def _magnitude(self, wave: Tensor, size: int) -> Tensor:
        window = self._windows[size]
        parts = torch.view_as_real(torch.stft(wave, size, size // 4, size, window, return_complex=True))
        # The modulus of complex numbers has a slow gradient on the CPU, and none at zero.
        return torch.sqrt((parts * parts).sum(-1) + 1e-9) * (2 / window.sum())


class VocoderTraining:
    """The stage's state and its step."""

    def __init__(
        self, data: Path, run: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None
    ) -> None:
        torch.manual_seed(0)
        self.device, self.sizes = device, sizes
        self.stage = Stage(run, "vocoder", sizes.vocoder_steps, minutes=minutes)
        codec, _ = load_codec(run)
        codec.to(device)
        recordings = speechdata.load(data, "parallel")
        ids = _parallel_ids(run / "parallel.npz", codec, recordings, device=device)
        self.vocoder = Vocoder(codec).to(device)
        self.optimizer = torch.optim.AdamW(
            self.vocoder.trained(), sizes.vocoder_rate, betas=(0.8, 0.98), weight_decay=0.0, fused=True
        )
        self.done = self.stage.resume({"vocoder": self.vocoder}, self.optimizer)
        crops = CropMaker(recordings, ids, run / "speakers.npz", frames=sizes.crop_frames, seed=self.done + 1)
        self._batches = Ahead(lambda: crops.batch(sizes.crops))
        self._loss = SpectralLoss(device)

    def step(self, number: int) -> dict[str, float]:
        """One update; its figures."""
        batch = CropBatch(**{k: v.to(self.device) for k, v in vars(self._batches.next()).items()})
        for group in self.optimizer.param_groups:
            group["lr"] = self.sizes.vocoder_rate * self.stage.rate(number, warmup=50)
        with torch.autocast(self.device.type, torch.bfloat16):
            wave = self.vocoder(batch.semantic_ids, batch.global_ids)
        loss = self._loss(wave.float(), batch.wave)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.vocoder.trained(), 5.0)
        self.optimizer.step()
        return {"loss": float(loss.detach()), "gradient": float(norm)}


def _parallel_ids(
    path: Path, codec: TokenCodec, recordings: list[speechdata.Recording], *, device: torch.device
) -> list[np.ndarray]:
    """Semantic ids int64 [T] of every parallel recording, written once."""
    if not path.exists():
        ids = semantic_ids(codec, recordings, device=device)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, ids=np.concatenate(ids), lengths=np.array([len(row) for row in ids]))
        partial.rename(path)
    file = np.load(path)
    return list(np.split(file["ids"].astype(np.int64), np.cumsum(file["lengths"])[:-1]))


def train(data: Path, run: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None) -> None:
    """Train to the end from wherever the folder's checkpoint is."""
    training = VocoderTraining(data, run, sizes, device=device, minutes=minutes)
    training.stage.train(training.done, training.step, {"vocoder": training.vocoder}, training.optimizer)


def main() -> None:
    """Command line."""
    options = stage_options("Train the vocoder.").parse_args()
    prepare_process(options.threads)
    train(
        options.data, options.out, Sizes.named(options.size), device=device_of(options.device), minutes=options.minutes
    )


if __name__ == "__main__":
    main()

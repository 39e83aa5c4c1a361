"""The codec under training: the published modules, a straight-through quantizer, and heads for the losses."""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparktts_onnx.export.modules.config import BiCodecConfig
from sparktts_onnx.export.modules.ecapa import EcapaTdnn
from sparktts_onnx.export.modules.feature_codec import FeatureDecoder, FeatureEncoder
from sparktts_onnx.export.modules.mel import MelSpectrogram
from sparktts_onnx.export.modules.quantizer import FiniteScalarQuantizer, VectorQuantizer
from sparktts_onnx.export.modules.speaker import PerceiverResampler
from training.features import WIDTH, Features

ECAPA_WIDTH = 64
CODES = 512
MELS, MEL_FRAMES = 80, 4
"""Bands, and mel frames in a token's 20 ms."""
LOW_BINS = 96
"""Bins of the fine spectrum, 15.6 Hz each: pitch lies there."""


def codec_config() -> dict[str, Any]:
    """`audio_tokenizer` of the published config.yaml, in our sizes."""
    mel = {"sample_rate": 16000, "n_fft": 1024, "win_length": 640, "hop_length": 320}
    return {
        "mel_params": mel | {"mel_fmin": 10, "mel_fmax": None, "num_mels": 128},
        "encoder": {
            "input_channels": WIDTH, "vocos_dim": 96, "vocos_intermediate_dim": 256, "vocos_num_layers": 4,
            "out_channels": 64, "sample_ratios": [1, 1],
        },
        "decoder": {
            "input_channel": 128, "channels": 256, "rates": [5, 4, 4, 4], "kernel_sizes": [11, 8, 8, 8],
        },
        "quantizer": {
            "input_dim": 64, "codebook_size": CODES, "codebook_dim": 8, "commitment": 0.25,
            "codebook_loss_weight": 2.0, "use_l2_normlize": True, "threshold_ema_dead_code": 0.2,
        },
        "speaker_encoder": {
            "input_dim": 128, "out_dim": 128, "latent_dim": 16, "token_num": 32, "fsq_levels": [4] * 6,
            "fsq_num_quantizers": 1,
        },
        "prenet": {
            "input_channels": 64, "vocos_dim": 128, "vocos_intermediate_dim": 384, "vocos_num_layers": 6,
            "out_channels": 128, "condition_dim": 128, "sample_ratios": [1, 1], "use_tanh_at_final": False,
        },
        "postnet": {
            "input_channels": 128, "vocos_dim": 16, "vocos_intermediate_dim": 32, "vocos_num_layers": 1,
            "out_channels": 64, "use_tanh_at_final": False,
        },
    }  # fmt: skip


class Speaker(nn.Module):
    """The published speaker encoder around a narrow ECAPA-TDNN."""

    def __init__(self, config: BiCodecConfig) -> None:
        super().__init__()
        sizes = config.speaker_encoder
        self.speaker_encoder = EcapaTdnn(sizes.input_dim, sizes.out_dim, channels=ECAPA_WIDTH)
        self.perceiver_sampler = PerceiverResampler(sizes.latent_dim, 3 * ECAPA_WIDTH, sizes.token_num)
        self.quantizer = FiniteScalarQuantizer(sizes.latent_dim, sizes.fsq_levels)
        self.project = nn.Linear(sizes.latent_dim * sizes.token_num, sizes.out_dim)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Mel float32 [B, mels, T] to global ids int64 [B, G] and, with gradients, the vector float32 [B, D]."""
        return self.from_latent(self.speaker_encoder(mel)[0])

    def from_latent(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """The same from ECAPA's latents float32 [B, C, T]."""
        bounded = self.quantizer.bounded(self.perceiver_sampler(latent.transpose(1, 2)).float())
        digits = bounded + (torch.round(bounded) - bounded).detach()
        ids = ((torch.round(bounded).long() + self.quantizer.half_width) * self.quantizer.basis).sum(-1)
        vectors = self.quantizer.project_out(digits / self.quantizer.half_width)
        return ids, self.project(vectors.transpose(1, 2).flatten(1))

    def vector(self, ids: Tensor) -> Tensor:
        """Global ids int64 [B, G] to the vector float32 [B, D]."""
        vectors = self.quantizer.detokenize(ids)
        return cast(Tensor, self.project(vectors.transpose(1, 2).flatten(1)))


class Codebook(nn.Module):
    """The published quantizer, with the codes kept as moving averages on the unit sphere."""

    sums: Tensor
    started: Tensor

    def __init__(self, config: BiCodecConfig) -> None:
        super().__init__()
        self.quantizer = VectorQuantizer(config.quantizer)
        self.quantizer.codebook.weight.requires_grad_(False)
        self.register_buffer("sums", torch.zeros(CODES, config.quantizer.codebook_dim))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @property
    def _sizes(self) -> Tensor:
        """How much each code is used, float32 [K]: a buffer of the published quantizer."""
        return cast(Tensor, self.quantizer.cluster_size)

    def latents(self, z: Tensor) -> Tensor:
        """float32 [B, D, T] to unit vectors float32 [B, T, 8]."""
        return F.normalize(cast(Tensor, self.quantizer.in_project(z)).float().transpose(1, 2), dim=-1)

    def forward(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors float32 [B, T, 8] to z_q float32 [B, D, T] and ids int64 [B, T]; ids 0 before the start."""
        ids = (latents @ self.quantizer.codebook.weight.t()).argmax(-1)
        chosen = self.quantizer.codebook.weight[ids] if bool(self.started) else latents
        through = latents + (chosen - latents).detach()
        return cast(Tensor, self.quantizer.out_project(through.transpose(1, 2))), ids

    @torch.no_grad()
    def start(self, latents: Tensor) -> None:
        """k-means on unit vectors float32 [N, 8]."""
        codes = latents[torch.randperm(len(latents))[:CODES]].clone()
        for _ in range(25):
            ids = (latents @ codes.t()).argmax(-1)
            sums = torch.zeros_like(codes).index_add_(0, ids, latents)
            empty = sums.norm(dim=-1) < 1e-6
            sums[empty] = latents[torch.randint(len(latents), (int(empty.sum()),))]
            codes = F.normalize(sums, dim=-1)
        self.quantizer.codebook.weight.copy_(codes)
        self._sizes.fill_(len(latents) / CODES / 20)
        self.sums.copy_(codes * self._sizes[:, None])
        self.started.fill_(True)

    @torch.no_grad()
    def follow(self, latents: Tensor, ids: Tensor, *, decay: float = 0.98) -> int:
        """Move the codes to what uses them; codes that nothing uses move to random vectors. The number moved."""
        flat, ids = latents.reshape(-1, latents.shape[-1]), ids.reshape(-1)
        counts = torch.bincount(ids, minlength=CODES).float()
        self._sizes.mul_(decay).add_(counts, alpha=1 - decay)
        self.sums.mul_(decay).index_add_(0, ids, flat, alpha=1 - decay)
        dead = self._sizes < 0.2
        fresh = flat[torch.randint(len(flat), (int(dead.sum()),))]
        self.sums[dead] = fresh
        self._sizes[dead] = 1.0
        self.quantizer.codebook.weight.copy_(F.normalize(self.sums, dim=-1))
        return len(fresh)


@dataclass(frozen=True)
class Parts:
    """What the codec made of a batch."""

    latents: Tensor
    """Unit vectors float32 [B, T, 8]."""
    ids: Tensor
    """int64 [B, T]."""
    before: Tensor
    """Phoneme scores from the latents before the quantizer, float32 [B, T, P]."""
    after: Tensor
    """Phoneme scores from the quantized vectors, float32 [B, T, P]."""
    mel: Tensor
    """Predicted log mel, float32 [B, T, 4, 80]."""
    low: Tensor
    """Predicted log of the fine spectrum, float32 [B, T, 96]."""


class TokenCodec(nn.Module):
    """Everything between a recording and the prenet's output; spectra stand in for the vocoder."""

    def __init__(self, phonemes: int) -> None:
        super().__init__()
        config = BiCodecConfig.from_dict(codec_config())
        self.features = Features()
        self.encoder = FeatureEncoder(config.encoder)
        self.codebook = Codebook(config)
        self.mel = MelSpectrogram(config.mel_params)
        self.speaker = Speaker(config)
        self.prenet = FeatureDecoder(config.prenet)
        self.spectra = nn.Linear(128, MEL_FRAMES * MELS + LOW_BINS)
        self.before = nn.Linear(config.quantizer.codebook_dim, phonemes)
        self.after = nn.Sequential(nn.Conv1d(64, 96, 5, padding=2), nn.GELU(), nn.Conv1d(96, phonemes, 1))

    def forward(self, wave: Tensor, reference: Tensor) -> Parts:
        """Recordings float32 [B, N] and clips of the target speaker float32 [B, R]."""
        latents = self.codebook.latents(self.encoder(self.features(wave)))
        z_q, ids = self.codebook(latents)
        _, vector = self.speaker(self.mel(reference))
        vector = vector.repeat(len(wave) // len(reference), 1)
        x = self.prenet(z_q, vector).transpose(1, 2) + vector.unsqueeze(1)
        mel, low = self.spectra(x).split([MEL_FRAMES * MELS, LOW_BINS], dim=-1)
        before = self.before(latents * math.sqrt(latents.shape[-1]))
        after = self.after(z_q).transpose(1, 2)
        return Parts(latents, ids, before, after, mel.unflatten(-1, (MEL_FRAMES, MELS)), low)

    @torch.no_grad()
    def tokenize(self, wave: Tensor) -> Tensor:
        """Recordings float32 [B, N] to semantic ids int64 [B, T]."""
        return self.codebook.quantizer.tokenize(self.encoder(self.features(wave)))

    @torch.no_grad()
    def global_ids(self, clip: Tensor) -> Tensor:
        """Clips float32 [B, R] to global ids int64 [B, G]."""
        return cast(Tensor, self.speaker(self.mel(clip))[0])

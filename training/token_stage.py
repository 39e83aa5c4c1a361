"""First stage: semantic tokens that carry the words and global tokens that carry the voice, without a vocoder.

python -m training.token_stage --data work/data --out work/run
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import speechdata
from training.codec import Parts, TokenCodec
from training.options import prepare_process, stage_options
from training.rows import CodecBatch, RowMaker
from training.settings import Sizes
from training.spectra import Spectra
from training.stage import Ahead, Stage, device_of

_WEIGHTS = {"mel": 3.0, "low": 2.0, "after": 0.6, "before": 0.2, "commitment": 0.5, "twin": 2.0}
_CODES_FROM = 0.2
"""The part of the training after which latents become codes."""


def losses(parts: Parts, batch: CodecBatch, mel: Tensor, low: Tensor) -> dict[str, Tensor]:
    """Every term of the loss, unweighted."""
    phonemes = batch.phonemes[:, : parts.ids.shape[1]].reshape(-1)
    first, second = parts.latents.chunk(2)
    index = batch.twin_frames.clamp(min=0)
    twin = torch.gather(second, 1, index.unsqueeze(-1).expand(-1, -1, second.shape[-1]))
    apart = (first - twin).pow(2).sum(-1)
    known = batch.twin_frames >= 0
    return {
        "mel": F.l1_loss(parts.mel, mel),
        "low": F.l1_loss(parts.low, low),
        "after": F.cross_entropy(parts.after.reshape(len(phonemes), -1), phonemes),
        "before": F.cross_entropy(parts.before.reshape(len(phonemes), -1), phonemes),
        "twin": (apart * known).sum() / known.sum(),
    }


def commitment(codec: TokenCodec, parts: Parts) -> Tensor:
    """Mean squared distance of the latents from their codes."""
    codes = codec.codebook.quantizer.codebook.weight[parts.ids]
    return (parts.latents - codes).pow(2).sum(-1).mean()


@torch.no_grad()
def agreement(parts: Parts, batch: CodecBatch) -> float:
    """The share of frames at which two renditions of a text have the same token."""
    first, second = parts.ids.chunk(2)
    twin = torch.gather(second, 1, batch.twin_frames.clamp(min=0))
    known = batch.twin_frames >= 0
    return float(((first == twin) & known).sum() / known.sum())


def _to(batch: CodecBatch, device: torch.device) -> CodecBatch:
    return CodecBatch(**{k: v.to(device) for k, v in vars(batch).items()})


class TokenTraining:
    """The stage's state and its step."""

    def __init__(
        self, data: Path, out: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None
    ) -> None:
        torch.manual_seed(0)
        self.device, self.sizes = device, sizes
        self.stage = Stage(out, "tokens", sizes.token_steps, minutes)
        recordings = speechdata.load(data, "parallel")
        self.codec, self.optimizer, inventory, self.done = _start(self.stage, recordings, device)
        self.rows = RowMaker(recordings, seconds=sizes.row_seconds, reference_seconds=2.4, seed=self.done + 1)
        if inventory != self.rows.inventory:
            raise ValueError(f"{out} was trained on other speech than {data}: give it a folder of its own")
        self._batches = Ahead(lambda: self.rows.batch(sizes.rows))
        self.spectra = Spectra(device)
        self._seen: list[Tensor] = []

    def step(self, number: int) -> dict[str, float]:
        """One update; its figures."""
        batch = _to(self._batches.next(), self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = 2e-3 * self.stage.rate(number, warmup=40)
        mel, low = self.spectra.at(batch.target, batch.target_times)
        with torch.autocast(self.device.type, torch.bfloat16):
            parts = self.codec(batch.inputs, batch.reference)
        terms = losses(parts, batch, mel, low)
        if bool(self.codec.codebook.started):
            terms["commitment"] = commitment(self.codec, parts)
        # Pulling renditions together before the latents tell phonemes apart would pull everything to one point.
        terms["twin"] = terms["twin"] * min(1.0, max(0.0, self.stage.part - 0.12) / 0.1)
        loss = torch.stack([_WEIGHTS[k] * v for k, v in terms.items()]).sum()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        self.optimizer.step()
        figures = {k: float(v.detach()) for k, v in terms.items()}
        figures["moved"] = self._codes(parts)
        return figures | {"agreement": agreement(parts, batch), "phonemes": _right(parts, batch)}

    def _codes(self, parts: Parts) -> float:
        """Start the codebook when its time has come, or let it follow."""
        if bool(self.codec.codebook.started):
            return self.codec.codebook.follow(parts.latents.detach(), parts.ids)
        self._seen = [*self._seen[-20:], parts.latents.detach().reshape(-1, parts.latents.shape[-1])]
        if self.stage.part >= _CODES_FROM:
            self.codec.codebook.start(torch.cat(self._seen)[:40000])
        return 0.0


@torch.no_grad()
def _right(parts: Parts, batch: CodecBatch) -> float:
    return float((parts.after.argmax(-1) == batch.phonemes).float().mean())


def _start(
    stage: Stage, recordings: list[speechdata.Recording], device: torch.device
) -> tuple[TokenCodec, torch.optim.Optimizer, dict[str, int], int]:
    """Codec, optimizer, phoneme inventory and the number of steps already done."""
    inventory_file = stage.folder / "phonemes.json"
    stage.folder.mkdir(parents=True, exist_ok=True)
    if not inventory_file.exists():
        inventory_file.write_text(json.dumps(speechdata.phoneme_inventory(recordings)))
    inventory = json.loads(inventory_file.read_text())
    codec = TokenCodec(len(inventory) + 1).to(device)
    optimizer = torch.optim.AdamW(codec.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    return codec, optimizer, inventory, stage.resume({"codec": codec}, optimizer)


def train(data: Path, out: Path, sizes: Sizes, *, device: torch.device, minutes: float | None = None) -> None:
    """Train to the end from wherever the folder's checkpoint is."""
    training = TokenTraining(data, out, sizes, device=device, minutes=minutes)
    training.stage.train(training.done, training.step, {"codec": training.codec}, training.optimizer)


def main() -> None:
    """Command line."""
    options = stage_options("Train the token stage.").parse_args()
    prepare_process(options.threads)
    train(
        options.data, options.out, Sizes.named(options.size), device=device_of(options.device), minutes=options.minutes
    )


if __name__ == "__main__":
    main()

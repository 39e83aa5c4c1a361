"""Third stage: the language model, from text to semantic tokens.

python -m training.language_stage --out work/run
python -m training.language_stage --out work/run --from pretrained_models/Spark-TTS-mini --size finetune
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training import team
from training.language import GUIDED_HEADS, WIDTH, Hidden, LanguageModel
from training.options import prepare_process, stage_options
from training.prompts import IGNORED, RESTRICTED, WHOLE, Sequence, SequenceMaker
from training.published import load_language_model
from training.settings import Sizes
from training.stage import Ahead, Crew, Stage, device_of
from training.team import Team

_GUIDED_UNTIL = 0.9
"""The part of the training in which two heads are firmly told where to look."""
_SHORT_UNTIL = 0.85
"""The part of the training in which sequences are short."""


@dataclass(frozen=True)
class TextBatch:
    """Sequences of similar length, filled up on the right; everything int64 [B, S]."""

    inputs: Tensor
    """Ids that the model reads."""
    targets: Tensor
    """The next id at each position."""
    kinds: Tensor
    """What the loss makes of the target."""
    looks: Tensor
    """Position of the character that the target says, -1 where none."""
    labels: Tensor
    """Phoneme of the target, -1 where none."""


class BatchMaker:
    """Sorts sequences by length into batches of about equally many ids."""

    def __init__(self, maker: SequenceMaker, *, tokens: int, seed: int) -> None:
        self._maker, self._tokens = maker, tokens
        self._rng = np.random.default_rng(seed)
        self._ready: list[TextBatch] = []

    def reseed(self, seed: int) -> None:
        """Draw other sequences from here on."""
        self._maker.reseed(seed)
        self._rng = np.random.default_rng(seed)
        self._ready = []

    def next(self) -> TextBatch:
        """The next batch."""
        if not self._ready:
            pool = sorted((self._maker.draw() for _ in range(256)), key=lambda s: len(s.ids))
            group: list[Sequence] = []
            for sequence in pool:
                if group and len(sequence.ids) * (len(group) + 1) > self._tokens:
                    self._ready.append(_joined(group))
                    group = []
                group.append(sequence)
            self._ready.append(_joined(group))
            self._rng.shuffle(self._ready)
        return self._ready.pop()


def _joined(group: list[Sequence]) -> TextBatch:
    length = len(group[-1].ids) - 1

    def stacked(rows: list[np.ndarray], fill: int) -> Tensor:
        return torch.from_numpy(np.stack([np.pad(r, (0, length - len(r)), constant_values=fill) for r in rows]))

    return TextBatch(
        stacked([s.inputs[:-1] for s in group], 0),
        stacked([s.ids[1:] for s in group], 0),
        stacked([s.kinds[1:] for s in group], IGNORED),
        stacked([s.looks[1:] for s in group], -1),
        stacked([s.labels[1:] for s in group], -1),
    )


def attention_loss(scores: Tensor, looks: Tensor) -> Tensor:
    """How little the guided heads attend to the character being said and the one after it."""
    length = scores.shape[-1]
    future = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
    rows, queries = torch.nonzero(looks >= 0, as_tuple=True)
    chosen = scores[rows, :, queries].masked_fill(future[queries].unsqueeze(1), -1e9)  # [N, heads, S]
    index = looks[rows, queries]
    pair = torch.stack([index, index + 1], -1).unsqueeze(1).expand(-1, GUIDED_HEADS, -1)
    return (chosen.logsumexp(-1) - chosen.gather(-1, pair).logsumexp(-1)).mean()


@dataclass(frozen=True)
class Course:
    """Where a training starts and what it runs on."""

    device: torch.device
    start: Path | None = None
    """Published checkpoint whose language model it goes on from; without one it starts from nothing."""
    minutes: float | None = None
    """Fit it into this time."""
    team: Team = field(default_factory=Team)
    """The processes that train together."""


class LanguageTraining:
    """The stage's state and its step."""

    def __init__(self, run: Path, sizes: Sizes, course: Course) -> None:
        torch.manual_seed(0)
        device = course.device
        self.device, self.sizes, self.start = device, sizes, course.start
        self.stage = Stage(run, "language", sizes.language_steps, course.minutes, course.team)
        known = None if course.start is None else load_language_model(course.start, sharpness=sizes.sharpness)
        self.model = (known or LanguageModel()).to(device)
        phonemes = len(json.loads((run / "phonemes.json").read_text())) + 1
        self.phonemes = nn.Linear(WIDTH, phonemes).to(device)
        self.modules: dict[str, nn.Module] = {"model": self.model, "phonemes": self.phonemes}
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() < 2] + list(self.phonemes.parameters())
        groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, sizes.language_rate, betas=(0.9, 0.98), fused=True)
        self.done = self.stage.resume(self.modules, self.optimizer)
        self._team = self.stage.team
        seed = (self.done + 1) * self._team.size + self._team.rank
        self._maker = SequenceMaker(run, seed=seed)
        batches = BatchMaker(self._maker, tokens=sizes.language_tokens // self._team.size, seed=seed)
        workers = sizes.language_workers
        self._batches = Crew(batches, seed=seed, workers=workers) if workers else Ahead(batches.next)
        self._rows = self._maker.speech_rows().to(device)
        self._place = torch.zeros(self.model.model.embed_tokens.num_embeddings, dtype=torch.long, device=device)
        self._place[self._rows] = torch.arange(len(self._rows), device=device)

    def step(self, number: int) -> dict[str, float]:
        """One update; its figures."""
        batch = TextBatch(**{k: v.to(self.device) for k, v in vars(self._batches.next()).items()})
        for group in self.optimizer.param_groups:
            group["lr"] = self.sizes.language_rate * self.stage.rate(number, warmup=100)
        self._maker.long.fill_(self.start is not None or self.stage.part > _SHORT_UNTIL)
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.model(batch.inputs)
            terms = self._terms(hidden, batch)
        guidance = 0.3 if self.stage.part < _GUIDED_UNTIL else 0.1
        loss = terms["speech"] + 0.5 * terms["whole"] + 0.25 * terms["phonemes"] + guidance * terms["attention"]
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._team.average_gradients(p for group in self.optimizer.param_groups for p in group["params"])
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return {k: float(v.detach()) for k, v in terms.items()} | {"tokens": float(batch.inputs.numel())}

    def _terms(self, hidden: Hidden, batch: TextBatch) -> dict[str, Tensor]:
        speech, whole, spoken = batch.kinds == RESTRICTED, batch.kinds == WHOLE, batch.labels >= 0
        scores = self.model.logits(hidden.states[speech], self._rows).float()
        right = self._place[batch.targets[speech]]
        every = self.model.logits(hidden.states[whole]).float()
        return {
            "speech": F.cross_entropy(scores, right),
            "accuracy": (scores.detach().argmax(-1) == right).float().mean(),
            "whole": F.cross_entropy(every, batch.targets[whole]),
            "phonemes": F.cross_entropy(self.phonemes(hidden.states[spoken]).float(), batch.labels[spoken].long()),
            "attention": attention_loss(hidden.scores, batch.looks),
        }


def train(run: Path, sizes: Sizes, course: Course) -> None:
    """Train to the end from wherever the folder's checkpoint is."""
    training = LanguageTraining(run, sizes, course)
    training.stage.train(training.done, training.step, training.modules, training.optimizer)


@dataclass(frozen=True)
class _Work:
    """What one process of the team does; a class so that it can be sent to it."""

    run: Path
    size: str
    device: str
    threads: int
    minutes: float | None
    start: Path | None

    def __call__(self, team: Team) -> None:
        prepare_process(self.threads)
        course = Course(device_of(self.device), self.start, self.minutes, team)
        train(self.run, Sizes.named(self.size), course)


def main() -> None:
    """Command line."""
    parser = stage_options("Train the language model.", data=False)
    parser.add_argument("--team", type=int, default=1, help="processes that train together")
    parser.add_argument("--from", dest="start", type=Path, help="published checkpoint to go on from")
    options = parser.parse_args()
    work = _Work(options.out, options.size, options.device, options.threads, options.minutes, options.start)
    team.run(work, options.team)


if __name__ == "__main__":
    main()

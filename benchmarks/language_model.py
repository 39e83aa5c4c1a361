"""Suite: the language model's reading of prompts and writing of answers."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial

from benchmarks.harness import Case, Contender, Values
from benchmarks.ours import OurLanguageModel
from benchmarks.pytorch import TorchLanguageModel
from benchmarks.settings import PEERS, Settings
from benchmarks.sides import LanguageModelSide, Logits, judge_logits, random_ids, time_answer
from sparktts_onnx.bundle.manifest import IdRange

SUITE = "language model"
PROMPTS = (60, 300)
"""Lengths of prompts, ids."""
BATCH = 8
"""Answers at once where answers are written together."""
_CHECKED_PROMPT = 40
Judged = tuple[Sequence[int], Logits]
"""A prompt and the logits that PyTorch finds after it in float32."""


def run(settings: Settings) -> Iterator[Case]:
    """Measure every side, one answer at a time."""
    with ExitStack() as stack:
        ours = _ours(settings, settings.precisions, stack)
        rows = ours[0].speech_rows
        original = [TorchLanguageModel(settings.checkpoint, d, rows, settings.device) for d in settings.original]
        judged = _judged(original[0], rows)
        sides: list[LanguageModelSide] = [*original, *ours, *_peers(settings, rows, stack)]
        for length in PROMPTS:
            prompt = random_ids(rows, length)
            work = {side: partial(time_answer, side, prompt, settings.new_ids) for side in sides}
            contenders = tuple(Contender(s.name, run, partial(judge_logits, s, *judged)) for s, run in work.items())
            yield Case(SUITE, f"{length} ids in, {settings.new_ids} out", contenders)


def together(settings: Settings) -> Iterator[Case]:
    """Measure several answers at once, one at a time, and one without the scheduler."""
    with ExitStack() as stack:
        ours = _ours(settings, settings.fast, stack)
        rows = ours[0].speech_rows
        judged = _judged(TorchLanguageModel(settings.checkpoint, "float32", rows, settings.device), rows)
        gc.collect()
        prompts = [random_ids(rows, PROMPTS[0], seed=seed) for seed in range(BATCH)]
        contenders = tuple(
            Contender(f"{side.name}, {way}", work, partial(_judge_together, side, prompts, judged))
            for side in ours
            for way, work in _ways(side, prompts, settings.new_ids).items()
        )
        yield Case(SUITE, f"{BATCH} answers together", contenders)


def _judged(original: TorchLanguageModel, rows: IdRange) -> Judged:
    prompt = random_ids(rows, _CHECKED_PROMPT, seed=1)
    return prompt, original.logits(prompt)


def _ours(settings: Settings, precisions: Sequence[str], stack: ExitStack) -> list[OurLanguageModel]:
    sides = (
        OurLanguageModel(settings.bundle(p), p, threads=settings.threads, slots=BATCH, device=settings.device)
        for p in precisions
    )
    return [stack.enter_context(closing(side)) for side in sides]


def _peers(settings: Settings, rows: IdRange, stack: ExitStack) -> list[LanguageModelSide]:
    if settings.device != "cpu":
        return []
    from benchmarks.llama import LlamaLanguageModel  # not needed, and not installed, where there is no peer

    sides = (LlamaLanguageModel(settings, PEERS[precision], rows) for precision in settings.fast)
    return [stack.enter_context(closing(side)) for side in sides]


def _ways(side: OurLanguageModel, prompts: Sequence[Sequence[int]], count: int) -> dict[str, Callable[[], Values]]:
    return {
        "plain loop": lambda: {"decode": side.rate_plainly(prompts[0], count)},
        "1 at once": lambda: {"decode": side.rate_together(prompts[:1], count)},
        f"{len(prompts)} at once": lambda: {"decode": side.rate_together(prompts, count)},
    }


def _judge_together(side: OurLanguageModel, prompts: Sequence[Sequence[int]], judged: Judged) -> None:
    """See that the logits are right, and that an answer is the same alone, among others and without the scheduler."""
    judge_logits(side, *judged)
    side.judge_ids(prompts)

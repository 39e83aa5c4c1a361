"""Suite: the language model's reading of prompts and writing of answers."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harness import Case, Contender, Result, Values, measure
from benchmarks.material import gguf_path
from benchmarks.ours import OurLanguageModel
from benchmarks.pytorch import TorchLanguageModel
from benchmarks.settings import Settings
from benchmarks.sides import LanguageModelSide, Logits, SpeechRows, judge_logits, time_answer

if TYPE_CHECKING:
    from benchmarks.llama import LlamaLanguageModel

SUITE = "language model"
PROMPTS = (60, 300)
"""Lengths of prompts, ids."""
BATCH = 8
"""Answers at once where answers are written together."""
_CHECKED_PROMPT = 40
Judged = tuple[Sequence[int], Logits]
"""A prompt and the logits that PyTorch finds after it in float32."""


def run(settings: Settings) -> list[Result]:
    """Measure every side, one answer at a time."""
    with _ours(settings, settings.precisions) as ours, ExitStack() as stack:
        rows = ours[0].speech_rows
        original = [_original(settings, rows, dtype) for dtype in settings.original]
        judged = _judged(original[0], rows)
        peers = _peers(settings, rows) if settings.peers else []
        for peer in peers:
            stack.callback(peer.close)
        sides: list[LanguageModelSide] = [*original, *ours, *peers]
        results: list[Result] = []
        for length in PROMPTS:
            prompt = rows.prompt(length)
            contenders = tuple(_contender(side, prompt, settings.new_ids, judged) for side in sides)
            results += measure(Case(SUITE, f"{length} ids in, {settings.new_ids} out", contenders), settings.plan)
    gc.collect()
    return results


def together(settings: Settings) -> list[Result]:
    """Measure several answers at once, one at a time, and one without the scheduler."""
    with _ours(settings, settings.fast) as ours:
        rows = ours[0].speech_rows
        judged = _judged(_original(settings, rows, "float32"), rows)
        gc.collect()
        prompts = [rows.prompt(PROMPTS[0], seed=seed) for seed in range(BATCH)]
        contenders = [
            Contender(f"{side.name}, {way}", work, partial(_judge_together, side, prompts, judged))
            for side in ours
            for way, work in _ways(side, prompts, settings.new_ids).items()
        ]
        return measure(Case(SUITE, f"{BATCH} answers together", tuple(contenders)), settings.plan)


def _original(settings: Settings, rows: SpeechRows, dtype: str) -> TorchLanguageModel:
    return TorchLanguageModel(settings.checkpoint, dtype, rows, settings.device)


def _judged(original: TorchLanguageModel, rows: SpeechRows) -> Judged:
    prompt = rows.prompt(_CHECKED_PROMPT, seed=1)
    return prompt, original.logits(prompt)


def _peers(settings: Settings, rows: SpeechRows) -> "list[LlamaLanguageModel]":
    from benchmarks.llama import LlamaLanguageModel  # not needed, and not installed, where there is no peer

    return [
        LlamaLanguageModel(gguf_path(settings, form), form, threads=settings.threads, rows=rows)
        for form in settings.peers
    ]


def _contender(side: LanguageModelSide, prompt: Sequence[int], count: int, judged: Judged) -> Contender:
    return Contender(side.name, partial(time_answer, side, prompt, count), partial(judge_logits, side, *judged))


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


@contextmanager
def _ours(settings: Settings, precisions: Sequence[str]) -> Iterator[list[OurLanguageModel]]:
    options = {"threads": settings.threads, "slots": BATCH}
    with ExitStack() as stack:
        sides = []
        for precision in precisions:
            side = OurLanguageModel(settings.bundle(precision), precision, device=settings.device, **options)
            stack.callback(side.close)
            sides.append(side)
        yield sides

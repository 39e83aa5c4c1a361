"""Suite: the language model's reading of prompts and writing of answers."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
_CHECKED_PROMPT = 40
_BATCH_PROMPT = 60


def run(settings: Settings) -> list[Result]:
    """Measure every side."""
    with _ours(settings) as ours:
        rows = ours[0].speech_rows
        original = [
            TorchLanguageModel(settings.checkpoint, dtype, rows, settings.device) for dtype in settings.original
        ]
        peers = _peers(settings, rows) if settings.peers else []
        checked = rows.prompt(_CHECKED_PROMPT, seed=1)
        expected = original[0].logits(checked)
        sides: list[LanguageModelSide] = [*original, *ours, *peers]
        results: list[Result] = []
        for length in settings.prompts:
            contenders = tuple(
                _contender(side, rows.prompt(length), settings.new_ids, (checked, expected)) for side in sides
            )
            results += measure(Case(SUITE, f"{length} ids in, {settings.new_ids} out", contenders), settings.plan)
        results += _together(settings, ours, (checked, expected))
        for peer in peers:
            peer.close()
    gc.collect()
    return results


def _peers(settings: Settings, rows: SpeechRows) -> "list[LlamaLanguageModel]":
    from benchmarks.llama import LlamaLanguageModel  # not needed, and not installed, where there is no peer

    return [
        LlamaLanguageModel(gguf_path(settings, form, cut=cut), form, threads=settings.threads, rows=rows, cut=cut)
        for form in settings.peers
        for cut in (False, True)
    ]


def _contender(
    side: LanguageModelSide, prompt: Sequence[int], count: int, judged: tuple[Sequence[int], Logits]
) -> Contender:
    def timed() -> Values:
        timing = time_answer(side, prompt, count)
        return {
            "prefill": len(prompt) / timing.prefill_seconds,
            "decode": (count - 1) / timing.decode_seconds,
            "first_id_ms": 1000 * timing.prefill_seconds,
        }

    return Contender(side.name, partial(judge_logits, side, *judged), timed)


def _together(
    settings: Settings, ours: Sequence[OurLanguageModel], judged: tuple[Sequence[int], Logits]
) -> list[Result]:
    """Several answers at once, and the same answers one at a time."""
    prompts = [ours[0].speech_rows.prompt(_BATCH_PROMPT, seed=seed) for seed in range(settings.batch)]
    contenders = []
    for side in (side for side in ours if side.precision in settings.fast):
        check = partial(_judge_together, side, prompts, judged)
        for count in (1, settings.batch):
            name = f"{side.name}, {count} at once"
            contenders.append(Contender(name, check, _rate(side, prompts[:count], settings.batch_ids)))
    case = Case(SUITE, f"{settings.batch} answers together", tuple(contenders))
    return measure(case, settings.plan)


def _judge_together(
    side: OurLanguageModel, prompts: Sequence[Sequence[int]], judged: tuple[Sequence[int], Logits]
) -> str:
    """See that the logits are right, and that an answer is the same alone and among others."""
    told = judge_logits(side, *judged)
    side.judge_company(prompts)
    return f"{told}; ids in company the same as alone"


def _rate(side: OurLanguageModel, prompts: Sequence[Sequence[int]], count: int) -> Callable[[], Values]:
    return lambda: {"decode": side.rate_together(prompts, count)}


@contextmanager
def _ours(settings: Settings) -> Iterator[list[OurLanguageModel]]:
    sides = [
        OurLanguageModel(
            settings.bundle(precision),
            precision,
            threads=settings.threads,
            slots=settings.batch,
            device=settings.device,
        )
        for precision in settings.precisions
    ]
    try:
        yield sides
    finally:
        for side in sides:
            side.close()

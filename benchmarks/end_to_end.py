"""Suite: from a text to a wave file, as a stream, and many texts together, with a voice that is kept."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.harness import Case, Contender, Result, Values, WrongOutputError, measure
from benchmarks.pytorch import OriginalSpeaker
from benchmarks.settings import Settings
from benchmarks.signals import Wave
from benchmarks.texts import SENTENCES, TEXTS, Text
from sparktts_onnx import SparkTTSONNX, Voice

SUITE, TOGETHER = "end to end", "texts together"
JUDGED = "number of ids, length of the sound, finite samples, not silent"
_SEED = 0
_SHARE_OF_LENGTH = (0.85, 1.25)
"""Pauses between segments add to the sound of the ids, silent ends are cut."""


def run(settings: Settings) -> list[Result]:
    """Measure every side on every text."""
    results: list[Result] = []
    with _opened(settings, settings.precisions) as (ours, folder):
        original = [OriginalSpeaker(settings.checkpoint, dtype, settings.device) for dtype in settings.original]
        for name in settings.texts:
            results += measure(_case(TEXTS[name], ours, original, folder, settings.fast), settings.plan)
    return results


def together(settings: Settings) -> list[Result]:
    """Measure many texts at once against the same texts one by one."""
    with _opened(settings, settings.fast) as (ours, _):
        return measure(_together(settings, ours), settings.plan)


@contextmanager
def _opened(settings: Settings, precisions: Sequence[str]) -> Iterator[tuple[dict[str, "OurSpeaker"], Path]]:
    """A speaker for each precision, and the folder they write to."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield (
            {
                precision: OurSpeaker(
                    stack.enter_context(
                        SparkTTSONNX(settings.bundle(precision), device=settings.device, threads=settings.threads)
                    ),
                    folder,
                )
                for precision in precisions
            },
            folder,
        )


def _case(
    text: Text, ours: Mapping[str, "OurSpeaker"], original: Sequence[OriginalSpeaker], folder: Path, fast: Sequence[str]
) -> Case:
    """The long text is for the fast precisions: the other sides would take most of the run for it."""
    if text.segments > 1:
        return Case(SUITE, text.name, tuple(_checked(f"ours {p}", ours[p].to_file, text) for p in fast))
    contenders = [_original(side, text, folder) for side in original]
    contenders += [_checked(f"ours {p}", speaker.to_file, text) for p, speaker in ours.items()]
    contenders += [_checked(f"ours {p}, streamed", ours[p].streamed, text) for p in fast]
    return Case(SUITE, text.name, tuple(contenders))


def _original(side: OriginalSpeaker, text: Text, folder: Path) -> Contender:
    def speak() -> Values:
        began = time.perf_counter()
        wav = side.speak(text.text, kept_global_ids(32), text.ids)
        soundfile.write(folder / "original.wav", wav, 16000)
        seconds = time.perf_counter() - began
        judge_speech(side.name, wav, text.ids * 320)
        return {
            "seconds": seconds,
            "real_time": len(wav) / 16000 / seconds,
            "first_audio_seconds": seconds,
        }

    # No run of its own to judge: each takes a minute, and every timed one is judged.
    return Contender(side.name, lambda: JUDGED, speak)


class OurSpeaker:
    """One bundle, used through its public interface."""

    def __init__(self, tts: SparkTTSONNX, folder: Path) -> None:
        self._tts = tts
        self._folder = folder
        codec = tts.manifest.codec
        self._voice = Voice(codec=codec.fingerprint, global_ids=tuple(kept_global_ids(codec.global_tokens)))

    def to_file(self, text: Text) -> Values:
        """Speak into a wave file."""
        began = time.perf_counter()
        wav, info = self._tts.inference(
            text.text, voice=self._voice, seed=_SEED, max_new_tokens=text.ids_each, retries=0, save_dir=self._folder
        )
        seconds = time.perf_counter() - began
        assert info.file is not None, "a folder was given"
        self._judge(text, wav, info.tokens)
        if soundfile.info(info.file).frames != len(wav):
            raise WrongOutputError(f"{info.file} does not hold the {len(wav)} samples that were spoken")
        info.file.unlink()
        return {"seconds": seconds, "real_time": info.duration_seconds / seconds}

    def streamed(self, text: Text) -> Values:
        """Speak as a stream."""
        began = time.perf_counter()
        with self._tts.stream(
            text.text, voice=self._voice, seed=_SEED, max_new_tokens=text.ids_each, retries=0
        ) as stream:
            chunks = [next(stream)]
            first = time.perf_counter() - began
            chunks += list(stream)
            info = stream.info
        seconds = time.perf_counter() - began
        assert info is not None, "the stream was read to its end"
        self._judge(text, np.concatenate(chunks), info.tokens)
        return {"seconds": seconds, "first_audio_seconds": first, "real_time": info.duration_seconds / seconds}

    def together(self, texts: Sequence[Text], *, batch: bool) -> Values:
        """Speak several texts, at once or one by one."""
        items: list[dict[str, Any]] = [
            {"text": text.text, "voice": self._voice, "seed": seed, "max_new_tokens": text.ids_each, "retries": 0}
            for seed, text in enumerate(texts)
        ]
        began = time.perf_counter()
        spoken = self._tts.inference_batch(items) if batch else [self._tts.inference(**item) for item in items]
        seconds = time.perf_counter() - began
        for text, (wav, info) in zip(texts, spoken, strict=True):
            self._judge(text, wav, info.tokens)
        return {"real_time": sum(info.duration_seconds for _, info in spoken) / seconds, "seconds": seconds}

    def _judge(self, text: Text, wav: Wave, ids: int) -> None:
        if ids != text.ids:
            raise WrongOutputError(f"{ids} ids were spoken where {text.ids} were asked for")
        judge_speech("ours", wav, text.ids * self._tts.manifest.codec.hop_length)


def _together(settings: Settings, ours: Mapping[str, OurSpeaker]) -> Case:
    texts = [
        Text(f"sentence {i}", SENTENCES[i % len(SENTENCES)], settings.sentence_ids, 1)
        for i in range(settings.texts_together)
    ]
    contenders = []
    for precision, speaker in ours.items():
        for name, batch in (("one by one", False), ("together", True)):
            work = partial(speaker.together, texts, batch=batch)
            # As with the original: every timed run is judged.
            contenders.append(Contender(f"ours {precision}, {name}", lambda: JUDGED, work))
    return Case(TOGETHER, f"{settings.texts_together} texts of {settings.sentence_ids} ids", tuple(contenders))


def _checked(name: str, speak: Callable[[Text], Values], text: Text) -> Contender:
    work = partial(speak, text)
    return Contender(name, partial(_judged_after, work), work)


def _judged_after(work: Callable[[], Values]) -> str:
    work()
    return JUDGED


def judge_speech(name: str, wav: Wave, samples: int) -> None:
    """See that there is sound of about the length that the ids make."""
    low, high = (share * samples for share in _SHARE_OF_LENGTH)
    if not low <= len(wav) <= high + 8000:
        raise WrongOutputError(f"{name} made {len(wav)} samples of ids that make {samples}")
    if not np.isfinite(wav).all() or float(np.abs(wav).max()) < 1e-3:
        raise WrongOutputError(f"{name} made silence, or samples that are not numbers")


def kept_global_ids(count: int) -> list[int]:
    """The voice of the benchmark."""
    return [int(i) for i in np.random.default_rng(7).integers(0, 4096, count)]

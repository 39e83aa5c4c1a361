"""Suites: from a text to a wave file, as a stream, and many texts together, with a voice that is kept."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.harness import Case, Contender, Values, WrongOutputError
from benchmarks.pytorch import OriginalSpeaker
from benchmarks.settings import SENTENCES, TEXTS, Settings, Text
from benchmarks.sides import Wave, random_ids
from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.bundle.manifest import IdRange

SUITE, TOGETHER = "end to end", "texts together"
_MANY, _SENTENCE_IDS = 16, 100
"""Texts together, and the tokens of each: two seconds of speech."""
WARM_UP = Text("Good morning.", 50)
"""Spoken once by everyone of ours, so that no timed run loads a graph; the original has loaded before it is timed."""
_SPEAKER = tuple(random_ids(IdRange(0, 4096), 32, seed=7))
"""The voice of the benchmark, global ids."""
_WORDS_A_SECOND = 20
"""As a language model writes them."""
_SHARE_OF_LENGTH = (0.85, 1.25)
"""Pauses between segments add to the sound of the ids, silent ends are cut."""


def run(settings: Settings) -> Iterator[Case]:
    """Measure every side on every text; a run takes up to a minute, so none is made only to judge it."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        ours = _opened(settings, settings.precisions, stack)
        original = [OriginalSpeaker(settings.checkpoint, dtype, settings.device) for dtype in settings.original]
        to_file = {p: partial(speaker.to_file, folder=Path(folder)) for p, speaker in ours.items()}
        middle = [Contender(side.name, partial(_speak, side, TEXTS["middle"], Path(folder))) for side in original]
        for p in settings.fast:
            middle.append(Contender(f"ours {p}, streamed", partial(ours[p].streamed, TEXTS["middle"])))
            middle.append(Contender(f"ours {p}, in pieces", partial(ours[p].in_pieces, TEXTS["middle"])))
        middle += [Contender(f"ours {p}", partial(speak, TEXTS["middle"])) for p, speak in to_file.items()]
        yield Case(SUITE, "middle", tuple(middle))
        if settings.device == "cpu":  # The long text would take the others most of the run.
            long = tuple(Contender(f"ours {p}", partial(to_file[p], TEXTS["long"])) for p in settings.fast)
            yield Case(SUITE, "long", long)


def together(settings: Settings) -> Iterator[Case]:
    """Measure many texts at once against the same texts one by one."""
    texts = [Text(SENTENCES[i % len(SENTENCES)], _SENTENCE_IDS) for i in range(_MANY)]
    with ExitStack() as stack:
        contenders = tuple(
            Contender(f"ours {precision}, {way}", partial(speaker.many, texts, batch=way == "together"))
            for precision, speaker in _opened(settings, settings.fast, stack).items()
            for way in ("one by one", "together")
        )
        yield Case(TOGETHER, f"{_MANY} texts of {_SENTENCE_IDS} ids", contenders)


def _opened(settings: Settings, precisions: Sequence[str], stack: ExitStack) -> dict[str, "OurSpeaker"]:
    """A speaker for each precision."""
    speakers = {}
    for precision in precisions:
        tts = SparkTTSONNX(settings.bundle(precision), device=settings.device, threads=settings.threads)
        speakers[precision] = OurSpeaker(stack.enter_context(tts))
        speakers[precision].streamed(WARM_UP)
    return speakers


def _speak(side: OriginalSpeaker, text: Text, folder: Path) -> Values:
    """The original speaks into a wave file."""
    began = time.perf_counter()
    wav = side.speak(text.text, _SPEAKER, text.ids)
    soundfile.write(folder / "original.wav", wav, 16000)
    seconds = time.perf_counter() - began
    judge_speech(side.name, wav, text.ids * 320)
    return {"real_time": len(wav) / 16000 / seconds, "first_audio_seconds": seconds}


class OurSpeaker:
    """One bundle, used through its public interface."""

    def __init__(self, tts: SparkTTSONNX) -> None:
        self._tts = tts
        self._voice = Voice(codec=tts.manifest.codec.fingerprint, global_ids=_SPEAKER)

    def to_file(self, text: Text, folder: Path) -> Values:
        """Speak into a wave file."""
        began = time.perf_counter()
        wav, info = self._tts.inference(**self._item(text), save_dir=folder)
        seconds = time.perf_counter() - began
        assert info.file is not None, "a folder was given"
        self._judge(text, wav, info.tokens)
        if soundfile.info(info.file).frames != len(wav):
            raise WrongOutputError(f"{info.file} does not hold the {len(wav)} samples that were spoken")
        info.file.unlink()
        return {"real_time": info.duration_seconds / seconds}

    def streamed(self, text: Text) -> Values:
        """Speak as a stream."""
        began = time.perf_counter()
        with self._tts.stream(**self._item(text)) as stream:
            chunks = [next(stream)]
            first = time.perf_counter() - began
            chunks += list(stream)
        assert stream.info is not None, "the stream was read to its end"
        self._judge(text, np.concatenate(chunks), stream.info.tokens)
        return {"first_audio_seconds": first}

    def in_pieces(self, text: Text) -> Values:
        """Speak a text that comes word by word: from the end of its first clause to the first sound."""
        clause_ended = 0.0

        def words() -> Iterator[str]:
            nonlocal clause_ended
            for word in text.text.split():
                time.sleep(1 / _WORDS_A_SECOND)
                if word.endswith(","):
                    clause_ended = clause_ended or time.perf_counter()
                yield f"{word} "

        options = StreamOptions(first_segment="clause")
        with self._tts.stream(**self._item(text) | {"text": words()}, stream_options=options) as stream:
            next(stream)
            return {"first_audio_seconds": time.perf_counter() - clause_ended}

    def many(self, texts: Sequence[Text], *, batch: bool) -> Values:
        """Speak several texts, at once or one by one."""
        items = [self._item(text, seed) for seed, text in enumerate(texts)]
        began = time.perf_counter()
        spoken = self._tts.inference_batch(items) if batch else [self._tts.inference(**item) for item in items]
        seconds = time.perf_counter() - began
        for text, (wav, info) in zip(texts, spoken, strict=True):
            self._judge(text, wav, info.tokens)
        return {"real_time": sum(info.duration_seconds for _, info in spoken) / seconds}

    def _item(self, text: Text, seed: int = 0) -> dict[str, Any]:
        options = {"voice": self._voice, "seed": seed, "max_new_tokens": text.ids_each, "retries": 0}
        return {"text": text.text, **options}

    def _judge(self, text: Text, wav: Wave, ids: int) -> None:
        if ids != text.ids:
            raise WrongOutputError(f"{ids} ids were spoken where {text.ids} were asked for")
        judge_speech("ours", wav, text.ids * self._tts.manifest.codec.hop_length)


def judge_speech(name: str, wav: Wave, samples: int) -> None:
    """See that there is sound of about the length that the ids make."""
    low, high = (share * samples for share in _SHARE_OF_LENGTH)
    if not low <= len(wav) <= high + 8000:
        raise WrongOutputError(f"{name} made {len(wav)} samples of ids that make {samples}")
    if not np.isfinite(wav).all() or float(np.abs(wav).max()) < 1e-3:
        raise WrongOutputError(f"{name} made silence, or samples that are not numbers")

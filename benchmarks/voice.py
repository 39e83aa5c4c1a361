"""What a trained voice is asked to say and how: on texts and prompts that no stage of its training has seen."""

import functools
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.judge import Ear, median_pitch
from benchmarks.ours import OurLanguageModel
from benchmarks.sides import Wave
from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.language.grammar import SpeechGrammar
from sparktts_onnx.runtime.language.prompting import Prompter
from training import voices
from training.espeak import SAMPLE_RATE, Espeak, Speech, data_folder

_LISTED = json.loads(Path(__file__).parents[1].joinpath("training", "evaluation.json").read_text(encoding="utf-8"))
"""Sentences, prompts and their settings."""
UNSEEN_TEXTS: tuple[str, ...] = (*_LISTED["sentences"], *_LISTED["more"])
"""Short sentences, in a fixed order."""
PRECISIONS = ("fp32", "fp16", "int8", "int4")
_LONGEST = 400
"""Tokens of a sampled answer."""


@dataclass(frozen=True)
class Trial:
    """A trained voice before the judge."""

    checkpoint: Path
    bundles: Path
    """Folder with a bundle a precision."""
    ear: Ear
    texts: Sequence[str]
    """Sentences that each voice says."""
    threads: int = 2

    def open(self, precision: str) -> SparkTTSONNX:
        """A bundle through its public interface."""
        return SparkTTSONNX(self.bundles / precision, device="cpu", threads=self.threads)

    def listener(self, precision: str) -> "Listener":
        """A bundle's parts."""
        return Listener(self.bundles / precision, precision, threads=self.threads)

    @functools.cached_property
    def teacher(self) -> "Teacher":
        """espeak-ng."""
        return Teacher(self.bundles / "espeak-ng")


@dataclass(frozen=True)
class Spoken:
    """One sentence as said by one voice."""

    text: str
    """What was to be said."""
    wave: Wave
    """float32 [N] at 16 kHz."""
    stop_reason: str = "end"
    """Or the guard that rejected it."""


def median_seconds(spoken: Sequence[Spoken]) -> float:
    """Length of the median sentence."""
    return float(np.median([len(s.wave) / SAMPLE_RATE for s in spoken]))


def median_pitch_hz(spoken: Sequence[Spoken]) -> float:
    """Median over the sentences of their median pitch."""
    return float(np.median([median_pitch(s.wave) for s in spoken]))


def wave_file(wave: Wave) -> io.BytesIO:
    """A recording as somebody would upload it."""
    file = io.BytesIO()
    soundfile.write(file, wave, SAMPLE_RATE, format="WAV")
    file.seek(0)
    return file


def speak(tts: SparkTTSONNX, texts: Sequence[str], seed: int, **options: Any) -> list[Spoken]:
    """The model saying each text, once."""
    items = [{"text": text, "seed": seed + i, "retries": 0, **options} for i, text in enumerate(texts)]
    results = tts.inference_batch(items)
    return [Spoken(t, wave, info.stop_reason) for t, (wave, info) in zip(texts, results, strict=True)]


class Teacher:
    """espeak-ng: recordings to clone from, and the same sentences by the voices that training heard."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for its voices."""
        factor, spread = (_LISTED["prompt_settings"][key] for key in ("pitch_factor", "spread"))
        unseen = [speaker.file("unseen", factor=factor, spread=spread) for speaker in voices.BASE]
        self._espeak = Espeak(data_folder(folder, [*voices.voice_files(), *unseen]))

    def recording(self, number: int, speaker: voices.Speaker) -> tuple[Wave, str]:
        """A prompt that training never saw, and its transcript."""
        text = _LISTED["prompts"][number % len(_LISTED["prompts"])]
        rate = _LISTED["prompt_settings"]["rate"]
        return self._espeak.speak(text, f"{speaker.name}unseen", rate=rate).wave, text

    def speech(self, text: str, name: str) -> Speech:
        """A sentence by a voice that training heard."""
        return self._espeak.speak(text, name, rate=voices.RATES[voices.MODERATE])

    def say(self, texts: Sequence[str], speakers: Sequence[voices.Speaker] = voices.BASE) -> list[Spoken]:
        """What the voices that training heard would say, in turn."""
        return [Spoken(text, self.speech(text, speakers[i % len(speakers)].name).wave) for i, text in enumerate(texts)]

    def say_without_a_word(self, texts: Sequence[str]) -> list[Spoken]:
        """The same with the sound of a word in the middle cut out: a fault that a judge has to notice."""
        cut = []
        for text in texts:
            speech = self.speech(text, voices.BASE[0].name)
            middle = len(speech.words) // 2
            first, last = (int(seconds * SAMPLE_RATE) for seconds, _, _ in speech.words[middle : middle + 2])
            cut.append(Spoken(text, np.concatenate([speech.wave[:first], speech.wave[last:]])))
        return cut


@dataclass(frozen=True)
class Answer:
    """Ids of a prompt, the speech that followed it, and the semantic ids of that."""

    prompt: tuple[int, ...]
    speech: tuple[int, ...]
    semantic_ids: tuple[int, ...]


class Listener(OurLanguageModel):
    """A bundle's language model and vocoder, asked directly."""

    def __init__(self, bundle: Path, precision: str, *, threads: int) -> None:
        super().__init__(bundle, precision, threads=threads, slots=1)
        self._prompter = Prompter(bundle / self.manifest.tokenizer.name, self.manifest.token_ids)
        self.vocoder = Vocoder(self.sessions, self.manifest.codec)

    def sample(self, text: str, voice: Voice, seed: int) -> Answer:
        """Speech for a text, as it would be spoken."""
        prompt = self._prompter.clone(text, voice)
        grammar = SpeechGrammar(self.manifest.token_ids, self.manifest.codec)
        speech = tuple(self.generate(prompt, _LONGEST, seed=seed, grammar=grammar))
        return Answer(prompt, speech, tuple(grammar.semantic_ids))

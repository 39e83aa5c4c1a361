"""What a trained voice is asked to say and how: on texts and prompts that no stage of its training has seen."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.judge import Ear, Wave, median_pitch
from benchmarks.ours import OurLanguageModel
from benchmarks.sides import Logits
from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.language.grammar import SpeechGrammar
from sparktts_onnx.runtime.language.prompting import Prompter
from training import voices
from training.espeak import SAMPLE_RATE, Espeak, VoiceFile, data_folder

ROOT = Path(__file__).resolve().parent.parent
EVALUATION = ROOT / "training" / "evaluation.json"
PRECISIONS = ("fp32", "fp16", "int8", "int4")
_LONGEST = 400
"""Tokens of a sampled answer."""


def listed() -> dict[str, Any]:
    """The file of sentences, prompts and their settings."""
    found: dict[str, Any] = json.loads(EVALUATION.read_text(encoding="utf-8"))
    return found


def unseen_texts() -> list[str]:
    """Short sentences, in a fixed order."""
    found = listed()
    return [str(text) for text in (*found["sentences"], *found["more"])]


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
        """`folder`: for its files."""
        self._folder = folder
        self._texts, self._settings = (listed()[key] for key in ("prompts", "prompt_settings"))
        files = [self._unseen(speaker) for speaker in voices.BASE]
        self._espeak = Espeak(data_folder(folder / "espeak", [*voices.voice_files(), *files]))

    def _unseen(self, speaker: voices.Speaker) -> VoiceFile:
        return speaker.file("unseen", factor=self._settings["pitch_factor"], spread=self._settings["spread"])

    def recording(self, number: int, speaker: voices.Speaker) -> tuple[Path, str]:
        """A prompt that training never saw, as a file, and its transcript."""
        text = self._texts[number % len(self._texts)]
        path = self._folder / f"{speaker.name}{number}.wav"
        wave = self._espeak.speak(text, f"{speaker.name}unseen", rate=self._settings["rate"]).wave
        soundfile.write(path, wave, SAMPLE_RATE)
        return path, text

    def say(self, texts: Sequence[str], speakers: Sequence[voices.Speaker] = voices.BASE) -> list[Spoken]:
        """What the voices that training heard would say, in turn."""
        return [self._say(text, speakers[i % len(speakers)])[0] for i, text in enumerate(texts)]

    def say_without_a_word(self, texts: Sequence[str]) -> list[Spoken]:
        """The same with the sound of a word in the middle cut out: a fault that a judge has to notice."""
        cut = []
        for text in texts:
            spoken, starts = self._say(text, voices.BASE[0])
            middle = len(starts) // 2
            first, last = (int(seconds * SAMPLE_RATE) for seconds in starts[middle : middle + 2])
            cut.append(Spoken(text, np.concatenate([spoken.wave[:first], spoken.wave[last:]])))
        return cut

    def _say(self, text: str, speaker: voices.Speaker) -> tuple[Spoken, list[float]]:
        """A sentence, and when each of its words begins."""
        speech = self._espeak.speak(text, speaker.name, rate=voices.RATES[voices.MODERATE])
        return Spoken(text, speech.wave), [seconds for seconds, _, _ in speech.words]


@dataclass(frozen=True)
class Answer:
    """Ids of a prompt, and the speech that followed it."""

    prompt: tuple[int, ...]
    speech: tuple[int, ...]


class Listener:
    """A bundle's language model and vocoder, asked directly."""

    def __init__(self, bundle: Path, precision: str, *, threads: int) -> None:
        self._model = OurLanguageModel(bundle, precision, threads=threads, slots=1)
        self.manifest = self._model.manifest
        self._prompter = Prompter(bundle / self.manifest.tokenizer.name, self.manifest.token_ids)
        self.vocoder = Vocoder(self._model.sessions, self.manifest.codec)

    def sample(self, text: str, voice: Voice, seed: int) -> Answer:
        """Speech for a text, as it would be spoken."""
        prompt = self._prompter.clone(text, voice)
        grammar = SpeechGrammar(self.manifest.token_ids, self.manifest.codec)
        return Answer(prompt, tuple(self._model.generate(prompt, _LONGEST, seed=seed, grammar=grammar)))

    def semantic_ids(self, answer: Answer) -> list[int]:
        """The semantic ids of an answer."""
        ids = self.manifest.token_ids.semantic_tokens
        return [token - ids.first for token in answer.speech if ids.first <= token < ids.stop]

    def logits(self, answer: Answer, positions: int) -> Logits:
        """Logits before each of the first ids of the speech: float32 [positions, V]."""
        return self._model.forced_logits(answer.prompt, answer.speech[: positions - 1])

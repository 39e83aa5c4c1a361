"""Speech for training: espeak-ng says our texts, in shards that are written once and found again.

    python -m training.speechdata --out work/data                 # every set, as many processes as cores

A shard is `<set>-<n>.npy` (int16 [N], every recording after the other) beside `<set>-<n>.json` (one entry
a recording). Set `parallel` says each text four times, two speakers monotone and with intonation; set
`reading` says it once in the canonical voice; set `prompts` says passages as people record a prompt: with
intonation, cut short at a word or not, silence around it, noise under it.
"""

import argparse
import json
import logging
import multiprocessing
import os
import random
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training import corpus, voices
from training.espeak import SAMPLE_RATE, Espeak, Speech, data_folder
from training.settings import Sizes

log = logging.getLogger(__name__)
SHARD = 160
"""Texts in a shard."""
_LEVEL_WEIGHTS = {
    "parallel": (0.15, 0.15, 0.4, 0.15, 0.15),
    "reading": (0.11, 0.11, 0.56, 0.11, 0.11),
    "prompts": (0.11, 0.17, 0.44, 0.17, 0.11),
}
_LEAD, _TAIL = 0.04, 0.10
"""Seconds of silence left before and after a recording."""
_PROMPT_SECONDS = (1.5, 10.5)
"""Speech of a recording to go on from; a longer one is cut, as a recording often is."""
_LONGEST_SILENCE = 1.2
"""Seconds of silence around a recording to go on from."""
_EMPTY_PHONEMES = ("", "_", "_:", "_!", "_|", "_::")


@dataclass(frozen=True)
class Take:
    """One recording."""

    text: str
    """What is said."""
    number: int
    """Number of the text within its set: takes of one text share it."""
    speaker: str
    """Name of the speaker."""
    natural: bool
    """Whether it has intonation and a pitch of its own."""
    level: int
    """Speed level, 0 to 4."""
    words: list[tuple[float, int, int]]
    """(seconds, first character, characters)."""
    phonemes: list[tuple[float, str]]
    """(seconds, name)."""
    start: int = 0
    """First sample in the shard's array."""
    length: int = 0
    """Samples."""


def loudness_normalized(wave: np.ndarray) -> np.ndarray:
    """The recording at the volume that Spark-TTS gives every prompt; float32 [N]."""
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < 0.1:
        wave = wave / max(peak, 1e-3) * 0.1
    loud = np.sort(np.abs(wave)[np.abs(wave) > 0.01])
    if len(loud) <= 10:
        return wave
    volume = float(loud[int(0.9 * len(loud)) : int(0.99 * len(loud))].mean())
    wave = wave * np.clip(0.2 / volume, 0.1, 10)
    return wave / max(1.0, float(np.abs(wave).max()))


def trimmed(speech: Speech) -> Speech:
    """The speech with short silences around it, its moments counted from the new start."""
    loud = np.flatnonzero(np.abs(speech.wave) > 0.01)
    if not len(loud):
        return speech
    first = max(0, int(loud[0] - _LEAD * SAMPLE_RATE))
    last = int(loud[-1] + _TAIL * SAMPLE_RATE)
    wave = np.pad(speech.wave, (0, max(0, last - len(speech.wave))))[first:last]
    shift = first / SAMPLE_RATE
    words = [(round(max(0.0, t - shift), 4), a, n) for t, a, n in speech.words]
    phonemes = [(round(max(0.0, t - shift), 4), p) for t, p in speech.phonemes]
    return Speech(wave, words, [(t, "" if p in _EMPTY_PHONEMES else p) for t, p in phonemes])


def cut_at_word(speech: Speech, text: str, seconds: float) -> tuple[Speech, str]:
    """The speech up to the word that begins next to `seconds`, and the text up to there; a short one stays whole."""
    later = [word for word in speech.words[1:] if word[0] > 0.5]
    if len(speech.wave) <= seconds * SAMPLE_RATE or not later:
        return speech, text
    end, place, _ = min(later, key=lambda word: abs(word[0] - seconds))
    words = [word for word in speech.words if word[1] < place]
    phonemes = [(t, p) for t, p in speech.phonemes if t < end]
    return Speech(speech.wave[: int(end * SAMPLE_RATE)], words, phonemes), text[:place].rstrip()


def between_silences(speech: Speech, text: str, rng: random.Random) -> Speech:
    """The speech as it lies in a recording: silence before and after it, noise under all of it."""
    before, after = (int(rng.choice((0.0, rng.random())) * _LONGEST_SILENCE * SAMPLE_RATE) for _ in range(2))
    loud = float(np.abs(speech.wave).max(initial=0.0))
    wave = np.pad(speech.wave, (before, after))
    if rng.random() < 0.5:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(len(wave)).astype(np.float32)
        wave = wave + noise * loud * 10 ** rng.uniform(-4.5, -2.3)
    shift, end = before / SAMPLE_RATE, (before + len(speech.wave)) / SAMPLE_RATE
    words = [(round(t + shift, 4), a, n) for t, a, n in speech.words] + [(round(end, 4), len(text), 0)]
    return Speech(wave, words, [(round(t + shift, 4), p) for t, p in speech.phonemes] + [(round(end, 4), "")])


def _cast(kind: str, rng: random.Random) -> list[tuple[voices.Speaker, bool]]:
    """(speaker, natural) of each take of one text."""
    if kind == "reading":
        return [(voices.CANONICAL, False)]
    everyone = voices.speakers()
    if kind == "prompts":
        return [(rng.choice(voices.BASE if rng.random() < 0.6 else everyone), rng.random() < 0.85)]
    pair = [rng.choice(voices.BASE) if rng.random() < 0.5 else rng.choice(everyone) for _ in range(2)]
    return [(speaker, natural) for speaker in pair for natural in (False, True)]


def _takes(espeak: Espeak, text: str, number: int, kind: str) -> list[tuple[Take, np.ndarray]]:
    rng = random.Random(f"{kind} {number}")
    level = rng.choices(range(5), _LEVEL_WEIGHTS[kind])[0]
    takes = []
    for speaker, natural in _cast(kind, rng):
        name = rng.choice(voices.natural_names(speaker)) if natural else speaker.name
        rate = voices.RATES[level] + (rng.randint(-10, 10) if kind == "prompts" else 0)
        speech = trimmed(espeak.speak(text, name, rate=rate))
        if kind == "prompts":
            speech, text = cut_at_word(speech, text, rng.uniform(*_PROMPT_SECONDS))
            speech = between_silences(speech, text, rng)
        take = Take(text, number, speaker.name, natural, level, speech.words, speech.phonemes)
        takes.append((take, loudness_normalized(speech.wave)))
    return takes


def write_shard(folder: Path, kind: str, index: int, texts: list[str]) -> None:
    """Say `texts` and write them as shard `index`; the list is renamed into place last, so it marks a whole shard."""
    espeak = Espeak(data_folder(folder / "espeak", voices.voice_files()))
    entries, waves, start = [], [], 0
    for i, text in enumerate(texts):
        for take, wave in _takes(espeak, text, index * SHARD + i, kind):
            samples = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
            entries.append(asdict(take) | {"start": start, "length": len(samples)})
            waves.append(samples)
            start += len(samples)
    np.save(folder / f"{kind}-{index:03d}.npy", np.concatenate(waves))
    partial = folder / f"{kind}-{index:03d}.partial"
    partial.write_text(json.dumps(entries))
    partial.rename(partial.with_suffix(".json"))
    log.info("%s shard %d: %d recordings, %.0f s", kind, index, len(entries), start / SAMPLE_RATE)


def _job(arguments: tuple[Path, str, int, list[str]]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write_shard(*arguments)


def make(folder: Path, sizes: Sizes, *, processes: int) -> None:
    """Write every shard of every set that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    data_folder(folder / "espeak", voices.voice_files())
    jobs = []
    sets = {
        "parallel": corpus.texts(sizes.parallel_texts, seed=sizes.seed),
        "reading": corpus.texts(sizes.reading_texts, seed=sizes.seed + 1),
        "prompts": corpus.passages(sizes.prompts, seed=sizes.seed + 2),
    }
    for kind, texts in sets.items():
        for index in range((len(texts) + SHARD - 1) // SHARD):
            if not (folder / f"{kind}-{index:03d}.json").exists():
                jobs.append((folder, kind, index, texts[index * SHARD : (index + 1) * SHARD]))
    # espeak-ng keeps its state in globals and grows with use: a fresh process for each shard.
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for _ in pool.imap_unordered(_job, jobs):
            pass


Recording = tuple[Take, np.ndarray]


def load(folder: Path, kind: str) -> list[tuple[Take, np.ndarray]]:
    """Every recording of a set with its samples, int16 [N], mapped from disk."""
    found = []
    for path in sorted(folder.glob(f"{kind}-*.json")):
        samples = np.load(path.with_suffix(".npy"), mmap_mode="r")
        for entry in json.loads(path.read_text()):
            take = Take(**entry)
            found.append((take, samples[take.start : take.start + take.length]))
    if not found:
        raise FileNotFoundError(f"no {kind} speech in {folder}: run python -m training.speechdata first")
    return found


def phoneme_inventory(recordings: list[Recording]) -> dict[str, int]:
    """{name: number from 1} of every phoneme that was said."""
    names = sorted({p for take, _ in recordings for _, p in take.phonemes if p})
    return {name: i + 1 for i, name in enumerate(names)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Make the training speech.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", choices=Sizes.names(), default="full")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    make(options.out, Sizes.named(options.size), processes=options.processes)


if __name__ == "__main__":
    main()

"""Speech for training: espeak-ng says our texts, in shards that are written once and found again.

    python -m training.speechdata --out work/data                 # both sets, as many processes as cores

A shard is `<set>-<n>.npy` (int16 [N], every recording after the other) beside `<set>-<n>.json` (one entry
a recording). Set `parallel` says each text four times, two speakers monotone and with intonation; set
`reading` says it in the canonical voice, a part of it also as a recording to clone from.
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
_LEVEL_WEIGHTS = {"parallel": (0.15, 0.15, 0.4, 0.15, 0.15), "reading": (0.11, 0.11, 0.56, 0.11, 0.11)}
_LEAD, _TAIL = 0.04, 0.10
"""Seconds of silence left before and after a recording."""
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


def _cast(kind: str, rng: random.Random) -> list[tuple[voices.Speaker, bool]]:
    """(speaker, natural) of each take of one text."""
    if kind == "reading":
        extra = [(rng.choice(voices.BASE), True)] if rng.random() < 0.4 else []
        return [(voices.CANONICAL, False), *extra]
    everyone = voices.speakers()
    pair = [rng.choice(voices.BASE) if rng.random() < 0.5 else rng.choice(everyone) for _ in range(2)]
    return [(speaker, natural) for speaker in pair for natural in (False, True)]


def _takes(espeak: Espeak, text: str, number: int, kind: str) -> list[tuple[Take, np.ndarray]]:
    rng = random.Random(f"{kind} {number}")
    level = rng.choices(range(5), _LEVEL_WEIGHTS[kind])[0]
    takes = []
    for speaker, natural in _cast(kind, rng):
        name = rng.choice(voices.natural_names(speaker)) if natural else speaker.name
        rate = voices.RATES[level] + (rng.randint(-7, 7) if natural and kind == "reading" else 0)
        speech = trimmed(espeak.speak(text, name, rate=rate))
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
    """Write every shard that is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    data_folder(folder / "espeak", voices.voice_files())
    jobs = []
    for seed, (kind, count) in enumerate((("parallel", sizes.parallel_texts), ("reading", sizes.reading_texts))):
        texts = corpus.texts(count, seed=seed)
        for index in range((count + SHARD - 1) // SHARD):
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

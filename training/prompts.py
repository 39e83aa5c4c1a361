"""Training sequences of the language model: the three kinds of prompt with their answers."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import vocabulary, voices
from training.alignment import frame_times
from training.tokenize import created_speakers

IGNORED, RESTRICTED, WHOLE = 0, 1, 2
"""What the loss makes of a position: nothing, scores over what speech can use, scores over every id."""
_WHOLE_SHARE = 0.06
_COUNTS = {True: (0.52, 0.22, 0.1, 0.06, 0.04, 0.03, 0.03), False: (0.85, 0.15)}
"""Weights of one, two, three ... utterances in a sequence, long or not."""


@dataclass(frozen=True)
class Utterance:
    """One recording as tokens."""

    text: str
    """What is said."""
    level: int
    """Speed level."""
    ids: np.ndarray
    """Semantic ids int16 [T]."""
    labels: np.ndarray
    """Phonemes int16 [T]."""
    characters: np.ndarray
    """The character being said at each frame: int64 [T]."""


@dataclass(frozen=True)
class Sequence:
    """Prompt and answer."""

    ids: np.ndarray
    """int64 [S], right."""
    inputs: np.ndarray
    """int64 [S], some of the speech wrong: what a model that errs reads."""
    kinds: np.ndarray
    """int64 [S]: IGNORED, RESTRICTED or WHOLE for each id as a target."""
    looks: np.ndarray
    """int64 [S]: position of the character said at each target, -1 where none."""
    labels: np.ndarray
    """int64 [S]: phoneme at each target, -1 where none."""


def characters(text: str, words: list[list[float]], frames: int) -> np.ndarray:
    """The character of `text` being said at each frame, moving evenly through each word: int64 [T]."""
    seconds = frames / 50
    times = np.array([*(w[0] for w in words), seconds])
    places = np.array([*(w[1] for w in words), len(text)], dtype=float)
    times = np.maximum.accumulate(times) + np.arange(len(times)) * 1e-7
    found = np.interp(frame_times(frames), times, places)
    place: np.ndarray = np.clip(found, 0, max(0, len(text) - 1)).astype(np.int64)
    return place


def load(path: Path) -> list[Utterance]:
    """Every recording of a set that `tokenize` wrote."""
    file = np.load(path)
    ends, ids, labels = np.cumsum(file["lengths"]), file["ids"], file["labels"]
    found = []
    for (text, level, words), end, length in zip(json.loads(str(file["takes"])), ends, file["lengths"], strict=True):
        part = slice(end - length, end)
        found.append(Utterance(text, level, ids[part], labels[part], characters(text, words, int(length))))
    return found


class _Builder:
    """Collects a sequence id by id."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.kinds: list[int] = []
        self.looks: list[int] = []
        self.labels: list[int] = []

    def add(self, ids: list[int], kind: int) -> None:
        """Ids that look at nothing."""
        self.ids += ids
        self.kinds += [kind] * len(ids)
        self.looks += [-1] * len(ids)
        self.labels += [-1] * len(ids)

    def speak(self, utterance: Utterance, first_code: int, text_start: int, *, kind: int) -> None:
        """An utterance's semantic ids; its text begins at position `text_start`."""
        self.ids += (utterance.ids.astype(np.int64) + first_code).tolist()
        self.kinds += [kind] * len(utterance.ids)
        self.looks += (utterance.characters + text_start).tolist()
        self.labels += utterance.labels.tolist()


class SequenceMaker:
    """Draws sequences.

    `long`, a flag that processes share, may be changed at any time: short ones first let the model find out sooner
    which character it says.
    """

    def __init__(self, run: Path, *, seed: int) -> None:
        self.reseed(seed)
        self.long = torch.ones((), dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]
        canonical = load(run / "reading.npz")
        self._by_level = [[u for u in canonical if u.level == level] for level in range(5)]
        self._prompts = load(run / "prompts.npz")
        self._decks: dict[int, list[Utterance]] = {}
        known = np.load(run / "speakers.npz")
        self._speakers = np.concatenate([known[name] for name in known.files])
        self._base = np.concatenate([known[s.name] for s in voices.BASE])
        self._created = created_speakers(run)
        self._ids = vocabulary.ids()
        self._code = self._ids["<|bicodec_semantic_0|>"]
        self._global = self._ids["<|bicodec_global_0|>"]
        count = self._ids["<|bicodec_semantic_0|>"] - self._global
        assert count == vocabulary.GLOBAL_CODES

    def reseed(self, seed: int) -> None:
        """Draw other sequences from here on."""
        self._rng = random.Random(seed)
        self._noise = np.random.default_rng(seed)

    def speech_rows(self) -> Tensor:
        """Ids that speech can use: int64 [R], ascending."""
        names = ("<|im_end|>", "<|start_semantic_token|>", "<|end_semantic_token|>")
        codes = range(self._code, self._code + vocabulary.CODES)
        return torch.tensor(sorted([*codes, *(self._ids[n] for n in names)]))

    def draw(self) -> Sequence:
        """One sequence."""
        build = self._rng.choices((self._clone, self._continue, self._create), (0.38, 0.34, 0.28))[0]()
        ids, kinds = np.array(build.ids), np.array(build.kinds)
        whole = (kinds == RESTRICTED) & (self._noise.random(len(kinds)) < _WHOLE_SHARE)
        kinds[whole] = WHOLE
        return Sequence(ids, self._with_errors(ids), kinds, np.array(build.looks), np.array(build.labels))

    def _deal(self, level: int) -> Utterance:
        if not self._decks.get(level):
            self._decks[level] = self._rng.sample(self._by_level[level], len(self._by_level[level]))
        return self._decks[level].pop()

    def _clone(self) -> _Builder:
        return self._answered([], [self._deal(voices.MODERATE) for _ in range(self._count(long=bool(self.long)))])

    def _count(self, *, long: bool) -> int:
        """Utterances said one after another: mostly one, at most as long as the segments that texts are cut to."""
        weights = _COUNTS[long]
        return self._rng.choices(range(1, len(weights) + 1), weights)[0]

    def _continue(self) -> _Builder:
        """A recording with its transcript first, now and then two. Their speed goes on, as a listener would expect."""
        prompt = [self._rng.choice(self._prompts) for _ in range(1 + (self._rng.random() < 0.1))]
        return self._answered(prompt, [self._deal(prompt[-1].level) for _ in range(self._count(long=False))])

    def _answered(self, prompt: list[Utterance], said: list[Utterance]) -> _Builder:
        """A clone prompt and its answer, `prompt` being the recording to go on from."""
        build = _Builder()
        build.add([self._ids["<|task_tts|>"], self._ids["<|start_content|>"]], IGNORED)
        starts = self._content(build, prompt, said)
        build.add([self._ids["<|end_content|>"], self._ids["<|start_global_token|>"]], IGNORED)
        build.add((self._heard_speaker() + self._global).tolist(), IGNORED)
        build.add([self._ids["<|end_global_token|>"]], IGNORED)
        build.add([self._ids["<|start_semantic_token|>"]], WHOLE if not prompt else IGNORED)
        for utterance, start in zip(prompt, starts, strict=False):
            build.speak(utterance, self._code, start, kind=IGNORED)
        self._speech(build, said, starts[len(prompt) :])
        return build

    def _create(self) -> _Builder:
        gender, level, pitch = self._rng.choice(("female", "male")), self._rng.randrange(5), self._rng.randrange(5)
        said = [self._deal(level) for _ in range(self._count(long=bool(self.long)))]
        build = _Builder()
        build.add([self._ids["<|task_controllable_tts|>"], self._ids["<|start_content|>"]], IGNORED)
        starts = self._content(build, [], said)
        style = [f"gender_{int(gender == 'male')}", f"pitch_label_{pitch}", f"speed_label_{level}"]
        names = ["end_content", "start_style_label", *style, "end_style_label"]
        build.add([self._ids[f"<|{name}|>"] for name in names], IGNORED)
        values = [f"pitch_value_{voices.PITCHES[gender][pitch]}", f"speed_value_{2 * level + 1}"]
        build.add([self._ids[f"<|{name}|>"] for name in [*values, "start_global_token"]], WHOLE)
        if self._rng.random() < 0.2:  # a given speaker in the style asked for
            build.add((self._heard_speaker() + self._global).tolist(), IGNORED)
        else:
            speaker = self._created[gender, pitch]
            build.add((speaker[self._rng.randrange(len(speaker))] + self._global).tolist(), WHOLE)
        build.add([self._ids["<|end_global_token|>"]], WHOLE)
        build.add([self._ids["<|start_semantic_token|>"]], WHOLE)
        self._speech(build, said, starts)
        return build

    def _content(self, build: _Builder, prompt: list[Utterance], said: list[Utterance]) -> list[int]:
        """The texts as one; where each begins. A transcript may be joined to the text without a space."""
        starts = []
        for i, utterance in enumerate(prompt + said):
            tight = i == len(prompt) and prompt and self._rng.random() < 0.5
            if i and not tight:
                build.add(vocabulary.text_ids(" "), IGNORED)
            starts.append(len(build.ids))
            build.add(vocabulary.text_ids(utterance.text), IGNORED)
        return starts

    def _speech(self, build: _Builder, said: list[Utterance], starts: list[int]) -> None:
        for utterance, start in zip(said, starts, strict=True):
            build.speak(utterance, self._code, start, kind=RESTRICTED)
        build.add([self._ids["<|end_semantic_token|>"]], RESTRICTED)
        build.add([self._ids["<|im_end|>"]], WHOLE)

    def _heard_speaker(self) -> np.ndarray:
        """Global ids of a recording, a few of them wrong now and then."""
        pool = self._base if self._rng.random() < 0.6 else self._speakers
        heard: np.ndarray = pool[self._rng.randrange(len(pool))].copy()
        if self._rng.random() < 0.3:
            wrong = self._noise.random(len(heard)) < self._rng.uniform(0, 0.5)
            heard[wrong] = self._noise.integers(0, vocabulary.GLOBAL_CODES, int(wrong.sum()))
        return heard

    def _with_errors(self, ids: np.ndarray) -> np.ndarray:
        """The ids with up to 16 % of the speech replaced by other codes, near in time or any."""
        speech = (ids >= self._code) & (ids < self._code + vocabulary.CODES)
        wrong = np.flatnonzero(speech & (self._noise.random(len(ids)) < self._rng.uniform(0, 0.16)))
        replaced = ids.copy()
        near = np.clip(wrong + self._noise.integers(-3, 4, len(wrong)), 0, len(ids) - 1)
        other = self._noise.integers(self._code, self._code + vocabulary.CODES, len(wrong))
        take_near = (self._noise.random(len(wrong)) < 0.5) & speech[near]
        replaced[wrong] = np.where(take_near, ids[near], other)
        return replaced

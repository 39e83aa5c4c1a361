"""Suite: are words where the runtime says, and does it see when they are not all there?

Sentences (words.txt) and voices are not those that thresholds were chosen on; docs/words.md names the exception.

- renditions: espeak-ng says the sentences and reports when each word begins; the bundle reads their tokens. All is
  said, so every fault that is found is a false alarm.
- answers: the model's own. A forced alignment by pocketsphinx, which knows the text, is the reference for word starts.
- planted: tokens of answers without a fault, with words cut out, repeated or missing, read by the model again.
- guard: the same answers with the check and without it, as Whisper hears those that the check replaced, and as
  pocketsphinx hears all of them if it may skip words and go back.
"""

import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from pocketsphinx import Decoder

from benchmarks.judge import SAMPLE_RATE, Ear, word_errors
from benchmarks.sides import Wave
from benchmarks.voice import Teacher, Trial, wave_file
from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.runtime.language.grammar import SpeechGrammar
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import Request
from sparktts_onnx.runtime.speech.words import Evidence, WordWatch
from sparktts_onnx.text.duration import token_bounds
from training import voices

VOICES = ("bruno", "diana")
SENTENCES = tuple(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines())
PLANTED = ("sentence twice", "last word missing", "two words repeated", "long word repeated", "long word cut out")
LONG_WORD = 4  # letters
SEEDS = 3
"""Times that each voice says every sentence."""
SEEDS_OF_GUARD = 4
"""The same for the check: few answers are replaced, so many are needed."""
JUMP = 1e-20
"""Probability of going on anywhere else in the text; a greater one hears short words in unclear ones."""
GROSS = 2  # words in a row
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Spoken:
    """A sentence as tokens, and what the model's attention says about it."""

    text: str
    voice: Voice
    tokens: tuple[int, ...]
    evidence: Evidence


class Dictated:
    """A grammar that allows one answer only: the model reads what somebody else wrote."""

    def __init__(self, first_id: int, semantic_ids: Sequence[int]) -> None:
        self.semantic_ids, self._first, self._next = list(semantic_ids), first_id, 0

    def legal(self) -> Sequence[tuple[int, int]]:
        """The next id."""
        token = self._first + self.semantic_ids[self._next]
        return [(token, token + 1)]

    def accept(self, token_id: int) -> bool:
        """Go on; True at the end."""
        self._next += 1
        return self._next == len(self.semantic_ids)


class Reader:
    """Lets the bundle's language model write or read an answer, and follows its attention."""

    def __init__(self, tts: SparkTTSONNX) -> None:
        speaker = tts._engine.speaker()
        self._manifest = tts.manifest
        self._prompter, self._scheduler = speaker._prompter, speaker._scheduler
        self.seconds, self.steps = 0.0, 0
        """Spent on following attention, and tokens that it was spent on."""

    def write(self, text: str, voice: Voice, seed: int) -> Spoken:
        """An answer of the model's own."""
        grammar = SpeechGrammar(self._manifest.token_ids, self._manifest.codec)
        return self._follow(text, voice, grammar, token_bounds(text).longest, seed)

    def read(self, text: str, voice: Voice, tokens: Sequence[int]) -> Spoken:
        """An answer that is given."""
        grammar = Dictated(self._manifest.token_ids.semantic_tokens.first, tokens)
        return self._follow(text, voice, grammar, len(tokens), seed=0)

    def _follow(self, text: str, voice: Voice, grammar: SpeechGrammar | Dictated, limit: int, seed: int) -> Spoken:
        codec, ids, alignment = self._manifest.codec, self._manifest.token_ids, self._manifest.alignment
        assert alignment is not None and alignment.heads, "the bundle has no alignment heads"
        seconds = codec.hop_length / codec.sample_rate
        watch = WordWatch(alignment, self._prompter.locate(text), frame_seconds=seconds)
        begun = (ids.start_semantic,) if isinstance(grammar, Dictated) else ()
        prompt = self._prompter.clone(text, voice) + begun
        request = Request(prompt, grammar, SamplingOptions(max_new_tokens=limit), seed, watch.attention)
        written = list(self._scheduler.generate(request))
        began = time.thread_time()
        for step, token in enumerate(written):
            if ids.semantic_tokens.first <= token < ids.semantic_tokens.stop:
                watch.push(step)
        evidence = watch.finish()
        self.seconds, self.steps = self.seconds + time.thread_time() - began, self.steps + len(written)
        return Spoken(text, voice, tuple(grammar.semantic_ids), evidence)


def hear(decoder: Decoder, wave: Wave) -> None:
    """Let a recognizer hear a sound with a pause on both sides."""
    pause = np.zeros(int(_PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    loud = np.concatenate([pause, wave * (0.6 / max(float(np.abs(wave).max()), 1e-6)), pause])
    loud = loud + 0.002 * np.random.default_rng(0).standard_normal(len(loud))
    decoder.reinit_feat()  # or what was heard before counts, too
    decoder.start_utt()
    decoder.process_raw((np.clip(loud, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()


def words_of(text: str) -> list[str]:
    """As pocketsphinx' dictionary has them."""
    return re.sub(r"[^a-z ]", " ", text.lower()).split()


def aligned(decoder: Decoder, text: str, wave: Wave) -> list[float] | None:
    """Seconds of each word's start, by a recognizer that knows nothing of us; None where it cannot align."""
    words = words_of(text)
    try:
        decoder.set_align_text(" ".join(words))
        hear(decoder, wave)
        found = [entry for entry in decoder.seg() or [] if entry.word[0] not in "<("]
    except RuntimeError:
        return None
    names = [re.sub(r"\(\d+\)$", "", entry.word) for entry in found]
    return [entry.start_frame / 100 - _PAUSE_SECONDS for entry in found] if names == words else None


def grossly_wrong(decoder: Decoder, text: str, wave: Wave) -> bool:
    """Whether a recognizer that may jump anywhere in the text hears `GROSS` words in a row too many or too few."""
    words = words_of(text)
    steps = [(i, i + 1, 1.0, word) for i, word in enumerate(words)]
    jumps = [(i, j, JUMP) for i, j in itertools.permutations(range(len(words) + 1), 2)]
    decoder.add_fsg("jumps", decoder.create_fsg("jumps", 0, len(words), [*steps, *jumps]))
    decoder.activate_search("jumps")
    hear(decoder, wave)
    heard = decoder.hyp().hypstr.split() if decoder.hyp() else []
    parts = SequenceMatcher(None, words, heard, autojunk=False).get_opcodes()
    return any(abs((end - start) - (stop - begin)) >= GROSS for _, begin, stop, start, end in parts)


def renditions(tts: SparkTTSONNX, reader: Reader, teacher: Teacher) -> Iterator[tuple[Spoken, dict[int, float]]]:
    """What espeak-ng says, and when each word begins, by its first character."""
    for name, text in itertools.product(VOICES, SENTENCES):
        said = teacher.speech(text, name)
        heard = tts.enroll([wave_file(said.wave)], text).voice
        plain = Voice(codec=heard.codec, global_ids=heard.global_ids)
        starts = {first: seconds for seconds, first, _ in said.words if first >= 0}
        yield reader.read(text, plain, heard.semantic_ids or ()), starts


def plant(spoken: Spoken, rng: np.random.Generator, frame_seconds: float) -> Iterator[tuple[str, list[int]]]:
    """Tokens of an answer with each fault that its words allow."""
    words, tokens = spoken.evidence.words, list(spoken.tokens)
    cuts = [min(round(word.start_seconds / frame_seconds), len(tokens)) for word in words] + [len(tokens)]
    long = [i for i, word in enumerate(words) if 0 < i < len(words) - 1 and word.stop - word.start >= LONG_WORD]
    yield PLANTED[0], tokens + tokens
    yield PLANTED[1], tokens[: cuts[-2]]
    pair = int(rng.integers(0, len(words) - 1))
    yield PLANTED[2], tokens[: cuts[pair + 2]] + tokens[cuts[pair] :]
    again, out = (int(i) for i in rng.choice(long, 2))
    yield PLANTED[3], tokens[: cuts[again + 1]] + tokens[cuts[again] :]
    yield PLANTED[4], tokens[: cuts[out]] + tokens[cuts[out + 1] :]


def spread(text: str, wave: Wave) -> list[float]:
    """Word starts where letters are spread evenly over what can be heard: what can be had without attention."""
    heard = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max()) / SAMPLE_RATE
    places = [match.start() / len(text) for match in re.finditer(r"[\w']+", text)]
    return [float(heard[0] + place * (heard[-1] - heard[0])) for place in places]


def errors(found: Sequence[float], wanted: Sequence[float]) -> list[float]:
    """Milliseconds between word starts, but for the first, which begins with the sound."""
    return [1000 * abs(a - b) for a, b in zip(found[1:], wanted[1:], strict=True)]


def summary(values: Sequence[float]) -> str:
    """Median and 95 %."""
    return f"{np.median(values):.0f} / {np.percentile(values, 95):.0f} ms"


def guarded(tts: SparkTTSONNX, kept: Sequence[Voice], ear: Ear, decoder: Decoder) -> dict[str, Any]:
    """Answers that the check of words replaced: their wrong words, and how many have none or two and more of them.

    And of all answers those that are grossly wrong.
    """
    items = [
        {"text": text, "voice": voice, "seed": seed}
        for seed, voice, text in itertools.product(range(SEEDS_OF_GUARD), kept, SENTENCES)
    ]
    ways = {}
    for way in ("off", "on"):
        asked = [item | {"check_words": way == "on"} for item in items]
        ways[way] = [wave for wave, _ in tts.inference_batch(asked)]
    replaced = [i for i in range(len(items)) if not np.array_equal(ways["off"][i], ways["on"][i])]
    found: dict[str, Any] = {"answers": len(items), "replaced": len(replaced)}
    for way, waves in ways.items():
        wrong = [word_errors(str(items[i]["text"]), ear(waves[i])) for i in replaced]
        gross = {i for i, wave in enumerate(waves) if grossly_wrong(decoder, str(items[i]["text"]), wave)}
        found[way] = {
            "wrong": sum(e.wrong for e in wrong),
            "words": sum(e.words for e in wrong),
            "right": sum(e.wrong == 0 for e in wrong),
            "two_wrong": sum(e.wrong > 1 for e in wrong),
            "gross": len(gross),
            "gross_replaced": len(gross & set(replaced)),
        }
    return found


def sound(tts: SparkTTSONNX, spoken: Spoken) -> Wave:
    """What is heard of an answer: float32 [N]."""
    wave: Wave = tts._engine.vocoder.decode(list(spoken.tokens), spoken.voice.global_ids)
    return wave


def against_alignment(
    tts: SparkTTSONNX, answers: Sequence[Spoken], decoder: Decoder
) -> tuple[list[float], list[float]]:
    """How far word starts are from those of a forced alignment: by attention, and with letters spread evenly."""
    attention, evenly = [], []
    for spoken in answers:
        wave = sound(tts, spoken)
        if (wanted := aligned(decoder, spoken.text, wave)) is not None:
            attention += errors([word.start_seconds for word in spoken.evidence.words], wanted)
            evenly += errors(spread(spoken.text, wave), wanted)
    return attention, evenly


def measure(tts: SparkTTSONNX, teacher: Teacher, kept: Sequence[Voice], decoder: Decoder) -> dict[str, Any]:
    """Times and faults of words, as one report."""
    rng, reader = np.random.default_rng(0), Reader(tts)
    frame_seconds = tts.manifest.codec.hop_length / SAMPLE_RATE
    events, false_alarms, gross = [], [], 0
    for spoken, starts in renditions(tts, reader, teacher):
        false_alarms.append(spoken.evidence.fault)
        gross += grossly_wrong(decoder, spoken.text, sound(tts, spoken))
        pairs = [(word.start_seconds, starts[word.start]) for word in spoken.evidence.words if word.start in starts]
        events += errors(*zip(*pairs, strict=True))
    with ThreadPoolExecutor(8) as pool:
        asked = [(text, voice, seed) for seed, voice, text in itertools.product(range(SEEDS), kept, SENTENCES)]
        written = list(pool.map(lambda each: reader.write(*each), asked))
        fine = [spoken for spoken in written if spoken.evidence.fault is None]
        planted = [(kind, spoken, tokens) for spoken in fine for kind, tokens in plant(spoken, rng, frame_seconds)]
        read = pool.map(lambda each: reader.read(each[1].text, each[1].voice, each[2]), planted)
        found = [(kind, result.evidence.fault) for (kind, _, _), result in zip(planted, read, strict=True)]
    attention, evenly = against_alignment(tts, fine, decoder)
    return {
        "renditions": {
            "spoken": len(false_alarms),
            "faults": [fault for fault in false_alarms if fault],
            "gross": gross,
        },
        "answers": {"spoken": len(written), "faults": Counter(s.evidence.fault for s in written if s.evidence.fault)},
        "starts": {"events": summary(events), "forced": summary(attention), "evenly": summary(evenly)},
        "planted": {kind: [sum(f is not None for k, f in found if k == kind), len(fine)] for kind in PLANTED},
        "microseconds_a_token": round(1e6 * reader.seconds / reader.steps, 1),
    }


def run(trial: Trial) -> dict[str, Any]:
    """Everything, in int8."""
    kept = [Voice.load(trial.checkpoint / "voices" / f"{name}.json") for name in VOICES]
    speakers = [speaker for speaker in voices.BASE if speaker.name in VOICES]
    decoder = Decoder(lm=None, cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")
    with trial.open("int8") as tts:
        recordings = [trial.teacher.recording(number, speaker) for number, speaker in enumerate(speakers)]
        cloned = [tts.enroll([wave_file(wave)], transcript).voice for wave, transcript in recordings]
        measured = measure(tts, trial.teacher, kept, decoder)
        return {**measured, "guard": guarded(tts, [*kept, *cloned], trial.ear, decoder)}

"""Finds the attention heads that follow the text, for any checkpoint: no head's number is known beforehand.

Heads are measured by how clearly their attention goes through the text, first behind recordings whose words are known,
then behind answers that the model itself writes. The recordings' word times give how far attention runs ahead.
"""

import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sparktts_onnx.audio.reading import normalized_volume, reference_clip
from sparktts_onnx.bundle.contract import TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import Alignment, AlignmentHead, CodecLayout, LanguageModelLayout, TokenIds
from sparktts_onnx.errors import ExportError
from sparktts_onnx.export.alignment.probe import AttentionProbe, ProbedAnswer
from sparktts_onnx.export.codec.references import References
from sparktts_onnx.export.language.config import DecoderConfig
from sparktts_onnx.export.verify.graphs import answers
from sparktts_onnx.runtime.language.alignment import Array, TextColumns, best_paths, word_frames
from sparktts_onnx.runtime.language.grammar import SpeechGrammar
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.voices.voice import Voice
from sparktts_onnx.text.duration import token_bounds
from sparktts_onnx.threads import starting_threads

RECORDINGS = Path(__file__).parent / "recordings"
"""Of espeak-ng, with its own word events: `scripts/make_alignment_recordings.py` makes them."""
LEAST_CONTRAST = 0.08
"""Random weights come to 0.013 at most; heads under this find no word."""
SHARE_OF_BEST = 0.6
"""Heads with less than this of the clearest one's contrast only blur it: with one of 0.42 next to two of 0.79, fewer
words that are said twice or left out are found than without it."""
MOST_HEADS = 4
WRITTEN_ANSWERS = 4
"""Answers that the model writes itself."""
LONGEST_PROMPT = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadSentence:
    """A sentence read aloud, whose word times are known."""

    text: str
    voice: str
    """Whose it is."""
    wave: Array
    """float32 [N]."""
    word_starts: dict[int, float]
    """Seconds at which each word begins, by its first character."""


def read_recordings(sample_rate: int) -> list[ReadSentence]:
    """All of them, at a rate in samples a second."""
    joined, rate = soundfile.read(RECORDINGS / "speech.ogg", dtype="float32")
    recordings, start = [], 0
    for entry in json.loads((RECORDINGS / "speech.json").read_text(encoding="utf-8")):
        wave = soxr.resample(joined[start : start + entry["samples"]], rate, sample_rate)
        start += entry["samples"]
        starts = {int(character): seconds for character, seconds in entry["word_starts"].items()}
        recordings.append(ReadSentence(entry["text"], entry["voice"], wave.astype(np.float32), starts))
    return recordings


@dataclass(frozen=True)
class Voiced:
    """A recording as the model hears it."""

    recording: ReadSentence
    voice: Voice
    """Without a transcript."""
    semantic_ids: tuple[int, ...]


class AlignmentSearch:
    """Looks for the heads of one written language model."""

    def __init__(
        self, folder: Path, layout: LanguageModelLayout, config: DecoderConfig, ids: TokenIds, codec: CodecLayout
    ) -> None:
        """`folder` holds the written graph and its tokenizer."""
        self._folder, self._layout, self._config, self._ids, self._codec = folder, layout, config, ids, codec
        self._prompter = Prompter(folder / TOKENIZER_NAME, ids)

    def run(self, references: References) -> Alignment:
        """What is found, put in words in the log too."""
        began = time.perf_counter()
        voiced = hear(read_recordings(self._codec.sample_rate), references, self._codec)
        spoken = [self._answer(each.recording.text, each.voice, each.semantic_ids) for each in voiced]
        prompt_and_answer = LONGEST_PROMPT + max(token_bounds(answer.text.text).longest for answer in spoken)
        capacity = max(prompt_and_answer, *(len(answer.ids) for answer in spoken))
        probe = AttentionProbe(self._folder, self._layout, self._config, capacity=capacity)
        masses = [probe.masses(answer) for answer in spoken]
        clarity = _mean_contrasts(masses, spoken)
        if clarity.max() >= LEAST_CONTRAST:
            written = self._written(probe, voiced)
            own = _mean_contrasts([probe.masses(answer) for answer in written], written)
            clarity = np.minimum(clarity, own)
        alignment = self._alignment(clarity, masses, spoken, voiced)
        _log.info("words: %s; looked for in %.0f s", describe(alignment), time.perf_counter() - began)
        return alignment

    def _answer(self, text: str, voice: Voice, semantic_ids: Sequence[int]) -> ProbedAnswer:
        prompt = (*self._prompter.clone(text, voice), self._ids.start_semantic)
        answer = tuple(self._ids.semantic_tokens.first + number for number in semantic_ids)
        frames = range(len(prompt) - 1, len(prompt) + len(answer) - 1)
        return ProbedAnswer(prompt + answer, self._prompter.locate(text), frames)

    def _written(self, probe: AttentionProbe, voiced: Sequence[Voiced]) -> list[ProbedAnswer]:
        """Answers of the model to texts in the voices of other recordings."""
        model = LanguageModel(probe.runner.session, self._layout, slots=WRITTEN_ANSWERS)
        with closing(Scheduler(model)) as scheduler, ThreadPoolExecutor(WRITTEN_ANSWERS) as pool:

            def write(number: int) -> ProbedAnswer:
                text, voice = voiced[number].recording.text, voiced[-1 - number].voice
                grammar = SpeechGrammar(self._ids, self._codec)
                sampling = SamplingOptions(max_new_tokens=token_bounds(text).longest)
                request = Request(self._prompter.clone(text, voice), grammar, sampling, seed=number)
                for _ in scheduler.generate(request):
                    pass
                return self._answer(text, voice, grammar.semantic_ids)

            with starting_threads():
                written = pool.map(write, range(WRITTEN_ANSWERS))
            return list(written)

    def _alignment(
        self, clarity: Array, masses: Sequence[Array], spoken: Sequence[ProbedAnswer], voiced: Sequence[Voiced]
    ) -> Alignment:
        config = self._config
        best = float(clarity.max())
        if best < LEAST_CONTRAST:
            clearest = f"the clearest has a contrast of {best:.3f} of {LEAST_CONTRAST}"
            return Alignment(contrast=best, reason=f"no attention head follows the text: {clearest}")
        chosen, frame_seconds = choose_heads(clarity), self._codec.hop_length / self._codec.sample_rate
        joined = [np.mean([heads[place] for place in chosen], axis=0) for heads in masses]
        offsets = np.concatenate(
            [
                word_offsets(each.recording, answer.text, mass, frame_seconds)
                for each, answer, mass in zip(voiced, spoken, joined, strict=True)
            ]
        )
        lead = float(np.median(offsets))
        errors = np.abs(offsets - lead)
        return Alignment(
            heads=tuple(AlignmentHead(layer, head, head // config.group) for layer, head in chosen),
            rope_theta=config.rope_theta,
            rope_dim=config.head_dim,
            lead_seconds=round(lead, 4),
            median_error_seconds=round(float(np.median(errors)), 4),
            late_error_seconds=round(float(np.percentile(errors, 95)), 4),
            contrast=round(float(np.mean([clarity[place] for place in chosen])), 4),
        )


def hear(recordings: Sequence[ReadSentence], references: References, codec: CodecLayout) -> list[Voiced]:
    """Turn recordings into ids with the checkpoint's own modules; a voice is that of its first recording."""
    voices: dict[str, Voice] = {}
    voiced, published = [], references.published
    for recording in recordings:
        plain = recording.wave.astype(np.float64)
        wave = (normalized_volume(plain) if codec.volume_normalize else plain).astype(np.float32)
        if recording.voice not in voices:
            voices[recording.voice] = _voice(wave, references, codec)
        z = answers(published("encoder"), *answers(published("wav2vec2"), wave[None]))
        semantic = _legal("semantic", answers(published("quantizer_tokenize"), *z)[0], codec.semantic_codes)
        voiced.append(Voiced(recording, voices[recording.voice], semantic))
    return voiced


def _legal(kind: str, ids: Array, codes: int) -> tuple[int, ...]:
    """Ids that the codec has; of what is no number it makes others."""
    found: list[int] = ids.ravel().tolist()
    if strange := [number for number in found if not 0 <= number < codes]:
        raise ExportError(
            f"the codec hears the {kind} id {strange[0]} in a recording, which is none of its {codes}: its weights are "
            "damaged; download them again, or take an earlier state of the training"
        )
    return tuple(found)


def _voice(wave: Array, references: References, codec: CodecLayout) -> Voice:
    seconds = codec.reference_samples / codec.sample_rate
    clip = reference_clip(wave, sample_rate=codec.sample_rate, seconds=seconds, hop=codec.reference_hop)
    speaker = answers(references.published("speaker_encoder"), clip[None].copy())[0]
    return Voice(codec=codec.fingerprint, global_ids=_legal("global", speaker, codec.global_codes))


def choose_heads(clarity: Array) -> list[tuple[int, int]]:
    """(layer, head) of the clearest of contrasts [layers, heads], by layer."""
    least = max(LEAST_CONTRAST, SHARE_OF_BEST * float(clarity.max()))
    places = [(int(layer), int(head)) for layer, head in np.argwhere(clarity >= least)]
    return sorted(sorted(places, key=lambda place: -clarity[place])[:MOST_HEADS])


def word_offsets(recording: ReadSentence, text: TextColumns, masses: Array, frame_seconds: float) -> Array:
    """Seconds from when attention comes to each word until it is heard, but for the first, which begins with the sound.

    Args:
        recording: what is heard.
        text: its tokens.
        masses: of the chosen heads, float32 [T, C].
        frame_seconds: sound of an audio token.
    """
    path = best_paths(masses[None], text.letters())[0]
    found = {
        start: first * frame_seconds
        for (start, _), (first, _) in zip(text.words(), word_frames(path, text), strict=True)
    }
    starts = sorted(recording.word_starts)[1:]
    return np.array([recording.word_starts[start] - found[start] for start in starts if start in found])


def describe(alignment: Alignment) -> str:
    """What was found, for a person."""
    if not alignment.heads:
        return f"none can be timed or checked ({alignment.reason})"
    heads = ", ".join(f"{head.layer}.{head.head}" for head in alignment.heads)
    milliseconds = [1000 * (value or 0) for value in (alignment.median_error_seconds, alignment.late_error_seconds)]
    return (
        f"timed by the attention heads {heads} (layer.head, contrast {alignment.contrast:.2f}), which run "
        f"{1000 * alignment.lead_seconds:.0f} ms ahead; word starts are off by {milliseconds[0]:.0f} ms in the median, "
        f"{milliseconds[1]:.0f} ms at 95 %"
    )


def _mean_contrasts(masses: Sequence[Array], answers: Sequence[ProbedAnswer]) -> Array:
    """Of every head, over all answers that hold speech: float64 [layers, heads]; 0 where its numbers overflow."""
    each = [
        contrasts(mass.reshape(-1, *mass.shape[2:]), answer.text.letters()).reshape(mass.shape[:2])
        for mass, answer in zip(masses, answers, strict=True)
        if len(answer.frames)
    ]
    mean: Array = np.nan_to_num(np.mean(each, axis=0))
    return mean


def contrasts(masses: Array, letters: Array) -> Array:
    """How clearly each of masses [n, T, C] goes through the text forward: float64 [n].

    That is what lies within a token of the best path. The same with time reversed is taken off, so that what follows
    no text comes to about 0.
    """
    return _near_paths(masses, letters) - _near_paths(masses[:, ::-1], letters)


def _near_paths(masses: Array, letters: Array) -> Array:
    paths = best_paths(masses, letters)[:, :, None]
    padded = np.pad(masses, ((0, 0), (0, 0), (1, 1)))
    near: Array = sum(np.take_along_axis(padded, paths + shift, 2).mean(axis=(1, 2)) for shift in range(3))
    return near

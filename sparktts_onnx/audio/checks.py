"""Where in a recording somebody speaks, whether it is good enough to take a voice from, and which part is best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparktts_onnx.audio.signal import Wave, block_levels

BLOCK_SECONDS = 0.02

LEAST_RANGE_DB = 6.0
"""Loud over quiet blocks of anything that could be speech; steady noise has less."""
FADES_INTO_DB = 35.0
"""Speech of one recording stays within this of its loud parts."""
OVER_NOISE_DB = 6.0
"""Speech stands out of its background by this."""
LONGEST_GAP_SECONDS = 0.2
"""Shorter silences belong to the words around them: stops, breath, commas."""
SHORTEST_SOUND_SECONDS = 0.06
"""Shorter sounds are clicks."""
RANGE_DB = 70.0
"""Nothing further under the loud parts is told apart; more than 11 bits."""
ENOUGH_SECONDS = 3.0
"""Speech under this gives a voice that is only roughly the speaker's."""
CLIPPED_LEVEL = 0.95
"""Samples from here on count as clipped: resampling bends the flat tops of a clipped wave around full scale."""
CLIPPED_SHARE = 1e-3
"""Speech that just touches full scale has a tenth of it; one decibel too loud has twice as much."""
SILENT_SHARE = 0.5
KEPT_SECONDS = 0.1
"""Silence that trimming leaves at each end."""
NOISY_DB = 15.0
CLEAN_DB = 30.0
"""Background this far under the speech is not heard."""
NO_LIMIT_PEAK = 1.5
"""A wave that goes beyond this was not cut off at full scale; one that was rises to 1.4 when it is resampled."""
LEAST_PEAK = 0.003
"""Nine bits of sixteen at most."""
CLICK_RATIO = 5.0
"""A sample this many times beyond the loudest of speech is none of it; speech has less than twice."""
LARGEST_PEAK = 4.0
"""Samples beyond this are no speech that was too loud, but whole numbers in a floating-point file."""
FALLS_SILENT_WITHIN_SECONDS = 0.5
"""Nobody speaks for a second without a moment of silence."""


@dataclass(frozen=True)
class Activity:
    """Speech and background of one recording, by blocks of `BLOCK_SECONDS`."""

    speaking: NDArray[np.bool_]
    """bool [blocks]."""
    signal_to_noise_db: float
    """Speech over background, 0 to `RANGE_DB`; from the quietest blocks where there is no pause."""

    def seconds(self) -> float:
        """How long somebody speaks."""
        return float(self.speaking.sum()) * BLOCK_SECONDS


def find_speech(wav: Wave, sample_rate: int) -> Activity:
    """Tell speech from background in `wav` float32 [N], at any volume."""
    levels = block_levels(wav, round(BLOCK_SECONDS * sample_rate))
    if not len(levels) or not levels.max():
        return Activity(np.zeros(len(levels), np.bool_), 0.0)
    decibel = 20 * np.log10(np.maximum(levels / levels.max(), 10 ** (-RANGE_DB / 20)))
    loud, floor = np.percentile(decibel, [95, 10])
    if loud - floor < LEAST_RANGE_DB:
        return Activity(np.zeros(len(levels), np.bool_), 0.0)
    threshold = max(loud - FADES_INTO_DB, min(floor + OVER_NOISE_DB, loud - LEAST_RANGE_DB / 2))
    stands_out = decibel > threshold
    speaking = _without_short(stands_out, SHORTEST_SOUND_SECONDS)
    speaking = ~_without_short(~speaking, LONGEST_GAP_SECONDS)
    return Activity(speaking, _signal_to_noise_db(levels, stands_out, speaking))


def _signal_to_noise_db(
    levels: NDArray[np.float64], stands_out: NDArray[np.bool_], speaking: NDArray[np.bool_]
) -> float:
    """Power of the speech over power of the rest, the background's share taken off the speech."""
    background = levels[~speaking & ~stands_out]
    if len(background) < 5:
        background = np.sort(levels)[: max(1, len(levels) // 20)]
    noise = float(np.mean(background**2))
    speech = float(np.mean(levels[stands_out] ** 2)) - noise
    return float(np.clip(10 * np.log10(max(speech, 1e-12) / max(noise, 1e-12)), 0.0, RANGE_DB))


def _without_short(mask: NDArray[np.bool_], seconds: float) -> NDArray[np.bool_]:
    """`mask` less its runs shorter than `seconds`; a run at either end counts as it is."""
    least = round(seconds / BLOCK_SECONDS)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    kept = mask.copy()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < least:
            kept[start:stop] = False
    return kept


@dataclass(frozen=True)
class RecordingReport:
    """What was measured in a recording, and what a person should know about it."""

    seconds: float
    """Length of the recording."""
    peak: float
    """Largest sample, of full scale."""
    clipped_share: float
    """Share of the samples at the limit of what could be recorded."""
    speech_seconds: float
    """How long somebody speaks in it."""
    silence_share: float
    """Share of the time in which nobody speaks."""
    signal_to_noise_db: float
    """Speech over background."""
    notes: tuple[str, ...]
    """What was mended, and what would make it better, worst first; empty where nothing would."""
    name: str = "the recording"
    """What messages call it."""
    click_seconds: float | None = None
    """Where a click is far louder than the speech, so that the speech becomes quiet beside it."""
    transcript_fits: bool = True
    """Whether somebody could have said the transcript in the time that is spoken; the first note says why not."""


def inspect_recording(wav: Wave, sample_rate: int) -> RecordingReport:
    """Measure `wav` float32 [N] as it was recorded, before its volume is changed."""
    peak = float(np.abs(wav).max())
    scaled = wav / np.float32(peak) if peak > NO_LIMIT_PEAK else wav
    activity = find_speech(scaled, sample_rate)
    seconds = len(wav) / sample_rate
    speech = min(seconds, activity.seconds())
    report = RecordingReport(
        seconds=seconds,
        peak=peak,
        clipped_share=float(np.mean(np.abs(scaled) >= CLIPPED_LEVEL)),
        speech_seconds=speech,
        silence_share=1.0 - speech / seconds,
        signal_to_noise_db=activity.signal_to_noise_db,
        notes=(),
        click_seconds=_click(wav, activity, sample_rate),
    )
    return replace(report, notes=tuple(_notes(report)))


def _click(wav: Wave, activity: Activity, sample_rate: int) -> float | None:
    """The second of the largest sample, where that is no speech."""
    speaking = np.repeat(activity.speaking, round(BLOCK_SECONDS * sample_rate))
    swings = np.abs(wav)
    spoken = swings[: len(speaking)][speaking]
    at = int(np.argmax(swings))
    if not len(spoken) or swings[at] <= CLICK_RATIO * np.percentile(spoken, 99.9):
        return None
    return at / sample_rate


def trim_silence(wav: Wave, sample_rate: int, *, longest_seconds: float = 0.0) -> Wave:
    """float32 [M]: `wav` less the silence before the first and after the last word, but for `KEPT_SECONDS`.

    Silence of up to `longest_seconds` at an end stays as it is.
    """
    speaking = np.flatnonzero(find_speech(wav, sample_rate).speaking)
    if not len(speaking):
        return wav
    block = round(BLOCK_SECONDS * sample_rate)
    keep, longest = round(KEPT_SECONDS * sample_rate), round(longest_seconds * sample_rate)
    first, last = int(speaking[0]) * block, (int(speaking[-1]) + 1) * block
    start = max(0, first - keep) if first > longest else 0
    return wav[start : last + keep if len(wav) - last > longest else len(wav)]


def best_window(wavs: Sequence[Wave], sample_rate: int, *, seconds: float) -> Wave:
    """float32 [M]: the `seconds` with the most speech, the least clipping and the least noise in any of `wavs`.

    A recording that is shorter is a candidate as a whole. Among equals, the one that starts in a pause.
    """
    candidates = [_best_of_one(wav, sample_rate, seconds) for wav in wavs]
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _best_of_one(wav: Wave, sample_rate: int, seconds: float) -> tuple[float, Wave]:
    """The best window of one recording, with its score."""
    activity = find_speech(wav, sample_rate)
    size = round(BLOCK_SECONDS * sample_rate)
    blocks = len(activity.speaking)
    length = min(blocks, round(seconds / BLOCK_SECONDS))
    clear = _moving_sum(activity.speaking * _clearness(wav, size), length) * BLOCK_SECONDS
    clipped = (np.abs(wav[: blocks * size]) >= CLIPPED_LEVEL).reshape(blocks, size).mean(axis=1)
    spoiled = np.minimum(1.0, _moving_sum(clipped, length) / length / CLIPPED_SHARE / 4)
    in_pause = ~activity.speaking[: len(clear)]
    scores = clear * (1 - 0.5 * spoiled) + 2 * BLOCK_SECONDS * in_pause
    best = int(np.argmax(scores))
    start = best * BLOCK_SECONDS
    end = min(start + seconds, len(wav) / sample_rate)
    return float(scores[best]), wav[round(start * sample_rate) : round(end * sample_rate)]


def _clearness(wav: Wave, block: int) -> NDArray[np.float64]:
    """float64 [blocks]: 1 where speech has no audible noise around it, down to 0 where it drowns in it.

    Speech falls silent again and again, between syllables and in stops; steady noise fills these gaps. So what counts
    is how far the quietest blocks shortly before and after lie under the loud ones of the whole recording.
    """
    levels = block_levels(wav, block)
    near = round(FALLS_SILENT_WITHIN_SECONDS / BLOCK_SECONDS)
    around = np.pad(levels, near, mode="symmetric" if len(levels) >= near else "edge")
    lowest = np.lib.stride_tricks.sliding_window_view(around, near + 1).min(axis=1)
    floor = np.maximum(lowest[: len(levels)], lowest[near:])
    depth = 20 * np.log10(np.percentile(levels, 95) / np.maximum(floor, levels.max() * 1e-6))
    return np.asarray(np.clip(depth / CLEAN_DB, 0.0, 1.0), np.float64)


def _moving_sum(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """float64 [n - length + 1]: sums of `length` values in a row."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray(total[length:] - total[: len(total) - length], np.float64)


def _notes(report: RecordingReport) -> list[str]:
    """Advice in words, worst first."""
    notes = []
    if report.peak > LARGEST_PEAK:
        notes.append(
            f"its samples reach {report.peak:.0f} times full scale and were scaled: save it as 16 bits, or from -1 to 1"
        )
    if not report.speech_seconds:
        return [*notes, "no speech stands out of the background: record again, nearer to the microphone"]
    if report.peak < LEAST_PEAK:
        notes.append(f"very quiet: it reaches {report.peak:.2%} of full scale: record again, nearer to the microphone")
    if report.click_seconds is not None:
        notes.append(f"a click at {report.click_seconds:.2f} s is far louder than the speech: cut it out")
    if report.speech_seconds < ENOUGH_SECONDS:
        notes.append(
            f"only {report.speech_seconds:.1f} s of speech: 5 to 10 seconds give a voice closer to the speaker's"
        )
    if report.clipped_share > CLIPPED_SHARE:
        notes.append(
            f"distorted: {report.clipped_share:.1%} of the samples are at the limit: record again more quietly"
        )
    if report.signal_to_noise_db < NOISY_DB:
        notes.append(
            f"noisy: speech is only {report.signal_to_noise_db:.0f} dB over the background: "
            "record in a quiet room, nearer to the microphone"
        )
    if report.silence_share > SILENT_SHARE:
        notes.append(f"{report.silence_share:.0%} of it is silence: trim it, or give a denser part")
    return notes

"""Suites: the codec's way from ids to samples, and from a recording to ids."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TypeVar

import numpy as np
import soxr

from benchmarks.harness import Case, Contender, Result, Values, WrongOutputError, measure
from benchmarks.material import prompt_recording
from benchmarks.pytorch import TorchCodec, TorchEnrollment
from benchmarks.settings import Settings
from benchmarks.signals import Wave, snr_db
from sparktts_onnx.audio.reading import reference_clip
from sparktts_onnx.bundle.manifest import CodecLayout, read_manifest
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.voices.enrollment import Enroller

DECODING, ENROLLMENT = "codec", "enrollment"
NO_TRANSCRIPT = ", no transcript"
"""Behind the name of a contender that finds no semantic ids."""
LEAST_SNR = {"PyTorch float32": 60.0, "PyTorch bfloat16": 10.0, "ours": 10.0}
"""Of synthetic weights, on which rounding is heard most; ours computes in 8-bit integers. docs/precision.md tells what
that does to speech."""
LEAST_SNR_ON_CUDA = {"PyTorch float32": 40.0, "PyTorch bfloat16": 10.0, "ours": 20.0}
"""There, both sides multiply with ten bits of mantissa (TF32), as they do by default."""
LEAST_EQUAL = {"PyTorch float32": 1.0, "PyTorch bfloat16": 0.1, "ours": 0.9}
"""Share of ids equal to PyTorch's in float32; the nearest of 8192 codes is often a near tie on synthetic weights."""

T = TypeVar("T")
Ids = tuple[list[int], list[int]]
"""Semantic and global."""


def decoding(settings: Settings) -> list[Result]:
    """Measure how fast ids become samples."""
    bundle = settings.bundle(settings.codec_precision)
    layout = read_manifest(bundle).codec
    vocoder = Vocoder(Sessions(bundle, read_manifest(bundle), device=settings.device, threads=settings.threads), layout)
    original = [TorchCodec(settings.checkpoint, dtype, settings.device) for dtype in settings.original]
    results: list[Result] = []
    for seconds in settings.audio_seconds:
        ids = _random_ids(layout, seconds)
        expected = cache(partial(original[0].decode, *ids))
        sides = [(codec.name, codec.decode) for codec in original]
        sides.append((f"ours {settings.codec_precision}", vocoder.decode))
        least = LEAST_SNR if settings.device == "cpu" else LEAST_SNR_ON_CUDA
        contenders = tuple(
            _decoder(name, partial(decode, *ids), partial(judge_wave, name, expected, bound(least, name)), seconds)
            for name, decode in sides
        )
        results += measure(Case(DECODING, f"{seconds:g} s", contenders), settings.plan)
    del original
    gc.collect()
    return results


def enrollment(settings: Settings) -> list[Result]:
    """Measure how fast recordings become voices, on the processor."""
    bundle = settings.bundle(settings.codec_precision)
    layout = read_manifest(bundle).codec
    enroller = Enroller(Sessions(bundle, read_manifest(bundle), device="cpu", threads=settings.threads), layout)
    original = [TorchEnrollment(settings.checkpoint, dtype) for dtype in settings.original]
    results: list[Result] = []
    for seconds in settings.recording_seconds:
        wav = recording(layout, seconds)
        clip = _clip(layout, wav)
        expected = cache(partial(original[0].enroll, wav, clip))
        sides: list[tuple[str, Callable[[], Ids]]] = [(side.name, partial(side.enroll, wav, clip)) for side in original]
        ours = f"ours {settings.codec_precision}"
        sides.append((ours, partial(_enroll, enroller, wav)))
        sides.append((ours + NO_TRANSCRIPT, partial(_enroll, enroller, wav, transcript=False)))
        contenders = tuple(_enroller(name, enroll, expected) for name, enroll in sides)
        results += measure(Case(ENROLLMENT, f"{seconds:g} s", contenders), settings.plan)
    del original
    gc.collect()
    return results


def _enroll(enroller: Enroller, wav: Wave, *, transcript: bool = True) -> Ids:
    return list(enroller.semantic_ids(wav)) if transcript else [], list(enroller.global_ids(wav))


def recording(layout: CodecLayout, seconds: float) -> Wave:
    """The test recording, repeated or cut to a length: float32 [N]."""
    wav, rate = prompt_recording()
    wav = soxr.resample(wav, rate, layout.sample_rate, quality="VHQ")
    return np.resize(wav, int(seconds * layout.sample_rate)).astype(np.float32)


def _clip(layout: CodecLayout, wav: Wave) -> Wave:
    seconds = layout.reference_samples / layout.sample_rate
    return reference_clip(wav, sample_rate=layout.sample_rate, seconds=seconds, hop=layout.reference_hop)


def _random_ids(layout: CodecLayout, seconds: float) -> tuple[Sequence[int], Sequence[int]]:
    generator = np.random.default_rng(0)
    count = round(seconds * layout.sample_rate / layout.hop_length)
    semantic = generator.integers(0, layout.semantic_codes, count)
    speaker = generator.integers(0, layout.global_codes, layout.global_tokens)
    return [int(i) for i in semantic], [int(i) for i in speaker]


def _decoder(name: str, decode: Callable[[], Wave], judge: Callable[[Wave], str], seconds: float) -> Contender:
    def timed() -> Values:
        elapsed, wav = stopwatch(decode)
        judge(wav)
        return {"real_time": seconds / elapsed, "seconds": elapsed}

    return Contender(name, lambda: judge(decode()), timed)


def judge_wave(name: str, expected: Callable[[], Wave], least: float, wav: Wave) -> str:
    """See that a side made the samples that PyTorch makes in float32."""
    reference = expected()
    if len(wav) != len(reference):
        raise WrongOutputError(f"{name} made {len(wav)} samples, PyTorch {len(reference)}")
    if not (snr := snr_db(wav, reference)) >= least:
        raise WrongOutputError(f"{name}: {snr:.1f} dB signal to deviation, at least {least:g} expected")
    return f"{min(snr, 200):.0f} dB signal to deviation from PyTorch float32 (at least {least:g})"


def _enroller(name: str, enroll: Callable[[], Ids], expected: Callable[[], Ids]) -> Contender:
    def timed() -> Values:
        elapsed, ids = stopwatch(enroll)
        judge_ids(name, ids, expected())
        return {"seconds": elapsed}

    return Contender(name, lambda: judge_ids(name, enroll(), expected()), timed)


def judge_ids(name: str, found: Ids, expected: Ids) -> str:
    """See that a side found the ids that PyTorch finds in float32; without a transcript there are no semantic ids."""
    least = bound(LEAST_EQUAL, name)
    shares = []
    for kind, ours, theirs in zip(("semantic", "global"), found, expected, strict=True):
        if not ours and kind == "semantic" and name.endswith(NO_TRANSCRIPT):
            continue
        if len(ours) != len(theirs):
            raise WrongOutputError(f"{name} found {len(ours)} {kind} ids, PyTorch {len(theirs)}")
        share = float(np.mean(np.asarray(ours) == np.asarray(theirs)))
        if share < least:
            raise WrongOutputError(
                f"{name}: {share:.0%} of the {kind} ids equal PyTorch's, at least {least:.0%} expected"
            )
        shares.append(f"{share:.1%} of the {kind} ids")
    return f"{' and '.join(shares)} equal those of PyTorch float32 (at least {least:.0%})"


def bound(bounds: Mapping[str, float], name: str) -> float:
    """The bound for a contender, by the beginning of its name."""
    return next(value for start, value in bounds.items() if name.startswith(start))


def stopwatch(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that a piece of work took, and what it gave."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result

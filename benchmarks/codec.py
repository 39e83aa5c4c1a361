"""Suites: the codec's way from ids to samples, and from a recording to ids."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

import numpy as np

from benchmarks.harness import Case, WrongOutputError, judged
from benchmarks.material import ROOT
from benchmarks.pytorch import TorchCodec, TorchEnrollment
from benchmarks.settings import Settings
from benchmarks.sides import Wave, random_ids, snr_db
from sparktts_onnx.audio.reading import load_recording, reference_clip
from sparktts_onnx.bundle.manifest import CodecLayout, IdRange, read_manifest
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.voices.enrollment import Enroller

DECODING, ENROLLMENT = "codec", "enrollment"
AUDIO_SECONDS, RECORDING_SECONDS = (1.0, 10.0), 6.0
"""What is decoded, and what is enrolled."""
NO_TRANSCRIPT = ", no transcript"
"""Behind the name of a contender that finds no semantic ids."""
LEAST_SNR = {
    "cpu": {"PyTorch float32": 60.0, "PyTorch bfloat16": 10.0, "ours": 10.0},
    "cuda": {"PyTorch float32": 40.0, "PyTorch bfloat16": 10.0, "ours": 20.0},
}
"""Of synthetic weights, on which rounding is heard most: ours computes in 8-bit integers on a processor, and on a GPU
both sides multiply with ten bits of mantissa (TF32). docs/precision.md has what that does to speech."""
LEAST_EQUAL = {"PyTorch float32": 1.0, "PyTorch bfloat16": 0.1, "ours": 0.9}
"""Share of ids equal to PyTorch's in float32; the nearest of 8192 codes is often a near tie on synthetic weights."""
_RECORDING = ROOT / "tests" / "data" / "prompt.wav"

Ids = tuple[list[int], list[int]]
"""Semantic and global."""


def decoding(settings: Settings) -> Iterator[Case]:
    """Measure how fast ids become samples."""
    sessions, layout = _opened(settings)
    original = [TorchCodec(settings.checkpoint, dtype, settings.device) for dtype in settings.original]
    sides: dict[str, Callable[..., Wave]] = {codec.name: codec.decode for codec in original}
    sides[f"ours {settings.codec_precision}"] = Vocoder(sessions, layout).decode
    for seconds in AUDIO_SECONDS:
        ids = _random_ids(layout, seconds)
        expected = cache(partial(original[0].decode, *ids))
        rate = partial(lambda length, elapsed: {"real_time": length / elapsed}, seconds)
        contenders = []
        for name, decode in sides.items():
            judge = partial(judge_wave, name, expected, bound(LEAST_SNR[settings.device], name))
            contenders.append(judged(name, partial(decode, *ids), judge, rate))
        yield Case(DECODING, f"{seconds:g} s", tuple(contenders))


def enrollment(settings: Settings) -> Iterator[Case]:
    """Measure how fast a recording becomes a voice, on the processor."""
    sessions, layout = _opened(settings)
    enroller = Enroller(sessions, layout)
    original = [TorchEnrollment(settings.checkpoint, dtype) for dtype in settings.original]
    recording = load_recording(_RECORDING, sample_rate=layout.sample_rate)
    wav = np.resize(recording.wav, int(RECORDING_SECONDS * layout.sample_rate)).astype(np.float32)
    length = layout.reference_samples / layout.sample_rate
    clip = reference_clip(wav, sample_rate=layout.sample_rate, seconds=length, hop=layout.reference_hop)
    sides: dict[str, Callable[[], Ids]] = {side.name: partial(side.enroll, wav, clip) for side in original}
    ours = f"ours {settings.codec_precision}"
    sides[ours] = lambda: (list(enroller.semantic_ids(wav)), list(enroller.global_ids(wav)))
    sides[ours + NO_TRANSCRIPT] = lambda: ([], list(enroller.global_ids(wav)))
    expected = cache(sides[original[0].name])
    contenders = tuple(
        judged(name, enroll, partial(judge_ids, name, expected), lambda seconds: {"seconds": seconds})
        for name, enroll in sides.items()
    )
    yield Case(ENROLLMENT, f"{RECORDING_SECONDS:g} s", contenders)


def _opened(settings: Settings) -> tuple[Sessions, CodecLayout]:
    bundle = settings.bundle(settings.codec_precision)
    manifest = read_manifest(bundle)
    return Sessions(bundle, manifest, device=settings.device, threads=settings.threads), manifest.codec


def _random_ids(layout: CodecLayout, seconds: float) -> tuple[Sequence[int], Sequence[int]]:
    count = round(seconds * layout.sample_rate / layout.hop_length)
    speaker = random_ids(IdRange(0, layout.global_codes), layout.global_tokens)
    return random_ids(IdRange(0, layout.semantic_codes), count), speaker


def judge_wave(name: str, expected: Callable[[], Wave], least: float, wav: Wave) -> None:
    """See that a side made the samples that PyTorch makes in float32."""
    reference = expected()
    if len(wav) != len(reference):
        raise WrongOutputError(f"{name} made {len(wav)} samples, PyTorch {len(reference)}")
    if not (snr := snr_db(wav, reference)) >= least:
        raise WrongOutputError(f"{name}: {snr:.1f} dB signal to deviation, at least {least:g} expected")


def judge_ids(name: str, expected: Callable[[], Ids], found: Ids) -> None:
    """See that a side found the ids that PyTorch finds in float32; without a transcript there are no semantic ids."""
    least = bound(LEAST_EQUAL, name)
    for kind, ours, theirs in zip(("semantic", "global"), found, expected(), strict=True):
        if not ours and kind == "semantic" and name.endswith(NO_TRANSCRIPT):
            continue
        if len(ours) != len(theirs):
            raise WrongOutputError(f"{name} found {len(ours)} {kind} ids, PyTorch {len(theirs)}")
        share = float(np.mean(np.asarray(ours) == np.asarray(theirs)))
        if share < least:
            raise WrongOutputError(f"{name}: {share:.0%} of the {kind} ids equal PyTorch's, not at least {least:.0%}")


def bound(bounds: Mapping[str, float], name: str) -> float:
    """The bound for a contender, by the beginning of its name."""
    return next(value for start, value in bounds.items() if name.startswith(start))

"""The whole path once, graph after graph: a recording to ids, a prompt to greedy ids, ids to a wave."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sparktts_onnx.bundle.contract import COMPONENTS, ENROLLMENT_GRAPHS
from sparktts_onnx.bundle.manifest import TokenIds
from sparktts_onnx.export.checkpoint.checkpoint import Checkpoint
from sparktts_onnx.export.codec.references import References
from sparktts_onnx.export.verify.graphs import (
    OVERALL_TOLERANCE,
    Array,
    Check,
    answers,
    measured,
    open_session,
    overall_error,
    relative_error,
    wrong_tokens,
)

STAGE = "end to end"
RECORDING_SECONDS = 2.5
WAVE_TOLERANCE = 1e-3
TEXT_IDS = range(40, 70)
"""Ordinary ids that stand for a text."""
Run = Callable[..., list[Array]]
"""Gives the outputs of one side's graph, or module, for its name and its inputs."""


def recording(checkpoint: Checkpoint, samples: int | None = None) -> NDArray[np.float32]:
    """Something like a voice, always the same: a gliding buzz in bursts with a little noise, float32 [1, N]."""
    rate = checkpoint.audio.sample_rate
    time = np.arange(samples or int(RECORDING_SECONDS * rate)) / rate
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    burst = 0.6 + 0.4 * np.sign(np.sin(2 * np.pi * 2.3 * time))
    noise = np.random.default_rng(0).standard_normal(time.size)
    return (0.15 * burst * buzz + 0.01 * noise).astype(np.float32)[None]


def run_graph(folder: Path, name: str, *inputs: Array) -> list[Array]:
    """The outputs of a written graph, which is opened and closed again: memory stays that of the largest."""
    spec, session = COMPONENTS[name], open_session(folder / f"{name}.onnx")
    feeds = {tensor.name: array for tensor, array in zip(spec.inputs, inputs, strict=True)}
    result: list[Array] = session.run([tensor.name for tensor in spec.outputs], feeds)
    return result


def run_module(build: Callable[[str], nn.Module], name: str, *inputs: Array) -> list[Array]:
    """The outputs of a graph's module."""
    return answers(build(name), *inputs)


def enroll_both(
    references: References, folder: Path, *, samples: int | None = None
) -> tuple[Array, Array, list[Check]]:
    """Turn the recording into ids on both sides; `folder` holds the graphs.

    Returns the model's own semantic ids int64 [1, T] and global ids int64 [1, 1, G], and the verdicts.
    """
    build, checkpoint = references.published, references.checkpoint
    wav = recording(checkpoint, samples)
    clip = np.resize(wav, (1, checkpoint.audio.reference_samples))
    z, semantic, global_ids = _ids(partial(run_module, build), wav, clip)
    _, found_semantic, found_global = _ids(partial(run_graph, folder), wav, clip)
    (semantic_margin,) = answers(build("quantizer_tokenize"), z, ask="margin")
    (global_margin,) = answers(build("speaker_encoder"), clip, ask="margin")
    allowed = max(references.storage(name).differing_ids for name in ENROLLMENT_GRAPHS)
    checks = [
        _token_check("prompt semantic ids", found_semantic, semantic, semantic_margin, allowed=allowed),
        _token_check("prompt global ids", found_global, global_ids, global_margin),
    ]
    codec = checkpoint.codec  # Ids that a broken model makes of no numbers would stop what is judged next.
    semantic = np.clip(semantic, 0, codec.quantizer.codebook_size - 1)
    return semantic, np.clip(global_ids, 0, math.prod(codec.speaker_encoder.fsq_levels) - 1), checks


def _ids(run: Run, wav: Array, clip: Array) -> tuple[Array, Array, Array]:
    """Latents, semantic ids and global ids."""
    (z,) = run("encoder", *run("wav2vec2", wav))
    return z, run("quantizer_tokenize", z)[0], run("speaker_encoder", clip)[0]


def _token_check(subject: str, found: Array, expected: Array, margin: Array, *, allowed: float = 0.0) -> Check:
    if found.shape != expected.shape:
        return Check(STAGE, subject, fault=f"shape {list(found.shape)}, expected {list(expected.shape)}")
    wrong = wrong_tokens(found, expected, margin)
    fault = f"{wrong} of {expected.size} differ" if wrong > allowed * expected.size else None
    return Check(STAGE, subject, float(np.mean(found != expected)), allowed, fault)


def wave_checks(references: References, folder: Path, *ids: Array) -> list[Check]:
    """Ids, semantic and global, back to a recording: the graphs beside the modules with the stored weights, those
    beside the published."""
    storage = references.storage("decoder")
    stored = _wave(partial(run_module, references.stored), *ids)
    found = _wave(partial(run_graph, folder), *ids)
    if found.shape != stored.shape:
        return [Check(STAGE, "wave", None, WAVE_TOLERANCE, f"shape {list(found.shape)}, expected {list(stored.shape)}")]
    error = relative_error(found, stored, share=storage.share)
    checks = [
        _judge("wave", error, WAVE_TOLERANCE, share=storage.share),
        _judge("wave altogether", overall_error(found, stored), OVERALL_TOLERANCE),
    ]
    published = _wave(partial(run_module, references.published), *ids)
    if not np.array_equal(stored, published):
        checks.append(_judge("wave of rounded weights", overall_error(stored, published), storage.wave_tolerance))
    return checks


def _wave(run: Run, semantic_ids: Array, global_ids: Array) -> Array:
    (d_vector,) = run("speaker_detokenize", global_ids)
    (z_q,) = run("quantizer_detokenize", semantic_ids)
    return run("decoder", *run("prenet", z_q, d_vector), d_vector)[0]


def _judge(subject: str, error: float, tolerance: float, *, share: float = 1.0) -> Check:
    return measured(STAGE, subject, error, tolerance, fault="the wave deviates by {:.1e}", share=share)


def clone_prompt(ids: TokenIds, global_ids: NDArray[np.int64]) -> list[int]:
    """The prompt that clones a voice, as the published model reads it."""
    voice = [ids.global_tokens.first + int(i) for i in global_ids.ravel()]
    return [ids.task_tts, ids.start_content, *TEXT_IDS, ids.end_content, ids.start_global, *voice, ids.end_global]

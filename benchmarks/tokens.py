"""`spark-tts-onnx tokens` next to the original's tokenizer in PyTorch: the same recordings, in turns, in one run.

python -m benchmarks.tokens CHECKPOINT BUNDLE
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from benchmarks.codec import Ids, recording
from benchmarks.pytorch import TorchEnrollment
from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.audio.reading import load_recording, reference_clip
from sparktts_onnx.batch.recordings import Recording
from sparktts_onnx.batch.tokens import Encoder
from sparktts_onnx.bundle.manifest import CodecLayout

TURNS = 10
Side = Callable[[Sequence[Path]], list[Ids]]


def sides(checkpoint: Path, tts: SparkTTSONNX) -> tuple[Side, Side]:
    """Ours and the original's: files to ids."""
    original, layout, encoder = TorchEnrollment(checkpoint), tts.manifest.codec, Encoder(tts, max_seconds=60)
    rate, seconds = layout.sample_rate, layout.reference_samples / layout.sample_rate

    def ours(files: Sequence[Path]) -> list[Ids]:
        notes = [tokens.note or {} for tokens in encoder.encode(Recording("", str(f), f, "a text") for f in files)]
        return [(note["semantic_ids"], note["global_ids"]) for note in notes]

    def theirs(files: Sequence[Path]) -> list[Ids]:
        waves = (load_recording(file, sample_rate=rate).normalized() for file in files)
        clip = {"sample_rate": rate, "seconds": seconds, "hop": layout.reference_hop}
        return [original.enroll(wav, reference_clip(wav, **clip)) for wav in waves]  # type: ignore[arg-type]

    return ours, theirs


def write_recordings(folder: Path, layout: CodecLayout, count: int) -> list[Path]:
    """Parts of the test recording, 2 to 8 seconds each."""
    generator, whole = np.random.default_rng(0), recording(layout, 30)
    files = [folder / f"{number}.wav" for number in range(count)]
    for file in files:
        part = np.roll(whole, int(generator.integers(len(whole))))[: int(generator.uniform(2, 8) * layout.sample_rate)]
        soundfile.write(file, part, layout.sample_rate)
    return files


def main() -> None:
    """Print how often ours is as fast, and how many ids are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--recordings", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2, help="of both sides (default: %(default)s)")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with (
        tempfile.TemporaryDirectory() as folder,
        SparkTTSONNX(given.bundle, device="cpu", threads=given.threads) as tts,
    ):
        files, pair = write_recordings(Path(folder), tts.manifest.codec, given.recordings), sides(given.checkpoint, tts)
        found: list[list[Ids]] = [[], []]
        seconds = np.zeros((TURNS, 2))
        for side in pair:
            side(files[:1])  # loads everything
        for turn, number in np.ndindex(seconds.shape):
            began = time.perf_counter()
            found[number] += pair[number](files[turn::TURNS])
            seconds[turn, number] = time.perf_counter() - began
    ids = [[code for semantic, speaker in side for code in (*semantic, *speaker)] for side in found]
    ours, theirs = seconds.sum(axis=0)
    faster = float(np.median(seconds[:, 1] / seconds[:, 0]))
    print(f"{len(files)} recordings: {ours:.1f} s, PyTorch {theirs:.1f} s; {faster:.2f} times as fast, median of turns")
    print(f"{np.mean(np.array(ids[0]) == np.array(ids[1])):.2%} of the ids are equal")


if __name__ == "__main__":
    main()

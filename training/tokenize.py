"""Second stage: every recording of the reading set and every prompt as tokens, and global tokens of every speaker.

python -m training.tokenize --data work/data --out work/run
python -m training.tokenize --data work/data --out work/run --from pretrained_models/Spark-TTS-mini
"""

import argparse
import json
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import published, speechdata, voices
from training.alignment import HOP, frame_times, phoneme_labels
from training.codec import TokenCodec
from training.espeak import SAMPLE_RATE
from training.speechdata import Recording
from training.stage import device_of, load_modules

log = logging.getLogger(__name__)
REFERENCE = 6 * SAMPLE_RATE
"""Samples of the clip that global tokens come from."""
_CLIPS = 120
"""Clips of each speaker."""


def load_codec(run: Path) -> tuple[TokenCodec, dict[str, int]]:
    """The trained token codec with the speaker encoder of its own stage, and its phonemes."""
    codec, inventory = load_token_codec(run)
    load_modules(run / "speaker.pt", {"speaker": codec.speaker})
    return codec, inventory


def codec_to_write_with(data: Path, run: Path, start: Path | None) -> tuple[TokenCodec, dict[str, int]]:
    """The codec of the run, or that of a published checkpoint with the phonemes of the speech."""
    if start is None:
        return load_codec(run)
    run.mkdir(parents=True, exist_ok=True)
    inventory = speechdata.phoneme_inventory(speechdata.load(data, "reading"))
    (run / "phonemes.json").write_text(json.dumps(inventory))
    return published.load_codec(start), inventory


def load_token_codec(run: Path) -> tuple[TokenCodec, dict[str, int]]:
    """The codec as the token stage left it, and its phonemes."""
    inventory = json.loads((run / "phonemes.json").read_text())
    codec = TokenCodec(len(inventory) + 1)
    load_modules(run / "tokens.pt", {"codec": codec})
    return codec.eval(), inventory


def reference_clip(samples: np.ndarray) -> np.ndarray:
    """The first six seconds, a shorter recording repeated: float32 [96000]."""
    repeats = -(-REFERENCE // len(samples))
    return np.tile(samples.astype(np.float32) / 32767, repeats)[:REFERENCE]


def semantic_ids(codec: TokenCodec, recordings: list[Recording], *, device: torch.device) -> list[np.ndarray]:
    """Semantic ids int16 [T] of each recording, in order."""
    found: list[np.ndarray] = [np.zeros(0, np.int16)] * len(recordings)
    # Batches of one length need no padding, which the model would hear.
    order = sorted(range(len(recordings)), key=lambda i: len(recordings[i][1]) // HOP)
    with torch.inference_mode():
        for group in _batches(order, lambda i: len(recordings[i][1]) // HOP):
            length = min(len(recordings[i][1]) for i in group)
            waves = np.stack([recordings[i][1][:length] for i in group]).astype(np.float32) / 32767
            ids = codec.tokenize(torch.from_numpy(waves).to(device)).cpu().numpy()
            for i, row in zip(group, ids, strict=True):
                found[i] = row.astype(np.int16)
    return found


def _batches(order: list[int], size_of: Callable[[int], int], most: int = 48) -> Iterator[list[int]]:
    group: list[int] = []
    for i in order:
        if group and (size_of(i) != size_of(group[0]) or len(group) == most):
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def global_ids(codec: TokenCodec, recordings: list[Recording], *, device: torch.device) -> np.ndarray:
    """Global ids int64 [N, G] of recordings."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(recordings), 16):
            clips = np.stack([reference_clip(samples) for _, samples in recordings[start : start + 16]])
            found.append(codec.global_ids(torch.from_numpy(clips).to(device)).cpu().numpy())
    return np.concatenate(found)


def medoids(ids: np.ndarray, count: int) -> np.ndarray:
    """The rows of int64 [N, G] with the fewest differences from all others: int64 [count, G]."""
    apart = (ids[:, None] != ids[None]).sum(-1).sum(-1)
    return ids[np.argsort(apart, kind="stable")[:count]]


def clips_of_speakers(recordings: list[Recording], seed: int) -> dict[str, list[Recording]]:
    """Some recordings of each speaker that are not very short, half of them with intonation."""
    found: dict[str, list[Recording]] = defaultdict(list)
    for take, samples in random.Random(seed).sample(recordings, len(recordings)):
        same = [t for t, _ in found[take.speaker] if t.natural == take.natural]
        if len(same) < _CLIPS // 2 and len(samples) > SAMPLE_RATE:
            found[take.speaker].append((take, samples))
    return found


def write(data: Path, run: Path, *, device: torch.device, start: Path | None = None) -> None:
    """`speakers.npz`: global ids by speaker; `reading.npz` and `prompts.npz`: both sets as tokens. What is there
    stays. `start`: a published checkpoint whose codec is used instead of the run's."""
    codec, inventory = codec_to_write_with(data, run, start)
    codec.to(device)
    if not (run / "speakers.npz").exists():
        write_speakers(data, run, codec, device=device)
    for kind in ("reading", "prompts"):
        if not (run / f"{kind}.npz").exists():
            write_tokens(speechdata.load(data, kind), run / f"{kind}.npz", codec, inventory, device=device)


def write_speakers(data: Path, run: Path, codec: TokenCodec, *, device: torch.device) -> None:
    """Global ids int64 [N, G] of recordings of every speaker."""
    speakers = clips_of_speakers(speechdata.load(data, "parallel"), seed=5)
    known = {name: global_ids(codec, takes, device=device) for name, takes in speakers.items()}
    np.savez(run / "speakers.npz", **known)  # type: ignore[arg-type]
    log.info("global ids of %d speakers", len(known))


def write_tokens(
    recordings: list[Recording], file: Path, codec: TokenCodec, inventory: dict[str, int], *, device: torch.device
) -> None:
    """Semantic ids and phonemes of every recording."""
    ids = semantic_ids(codec, recordings, device=device)
    takes = [take for take, _ in recordings]
    labels = [
        phoneme_labels(take.phonemes, frame_times(len(row)), inventory).astype(np.int16)
        for take, row in zip(takes, ids, strict=True)
    ]
    partial = file.with_name("partial.npz")
    np.savez(
        partial,
        ids=np.concatenate(ids), labels=np.concatenate(labels), lengths=np.array([len(row) for row in ids]),
        takes=json.dumps([[t.text, t.level, t.words] for t in takes]),
    )  # fmt: skip
    partial.rename(file)
    used = np.bincount(np.concatenate(ids), minlength=1)
    log.info("%s: %d, %d tokens, %d codes in use", file.stem, len(ids), sum(map(len, ids)), (used > 0).sum())


def created_speakers(run: Path, count: int = 3) -> dict[tuple[str, int], Tensor]:
    """Global ids int64 [count, G] for each gender and pitch level."""
    known = np.load(run / "speakers.npz")
    return {
        (gender, level): torch.from_numpy(medoids(known[voices.created(gender, level).name], count))
        for gender in voices.PITCHES
        for level in range(5)
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the training speech as tokens.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--from", dest="start", type=Path, help="published checkpoint whose codec to use")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves them as they are")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if options.threads:
        torch.set_num_threads(options.threads)
    write(options.data, options.out, device=device_of(options.device), start=options.start)


if __name__ == "__main__":
    main()

"""A batch on a cluster: Ray Data over its lines, and a pool of workers that each load the model once.

Workers write the files and this process alone writes the notes, a note for each line as its block arrives. When a
worker ends, Ray runs its block again elsewhere: the same files with the same contents, and no note came from the
first attempt. So every line has exactly one note, and one that was stopped is spoken in the next run.
"""

import dataclasses
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import ray.data

from sparktts_onnx.batch.lines import Line
from sparktts_onnx.batch.results import Outcome, Target, speak_lines
from sparktts_onnx.scale.cluster import ModelSettings, Replicas, joined

BLOCK_ROUNDS = 2
"""Lines of a block for each slot of the model: slots wait for the slowest line only at a block's end, and a stop or
the end of a worker costs at most a block."""

Block = dict[str, Any]
"""Columns of a block, as Ray Data passes them."""


def speak_on_cluster(
    lines: Sequence[Line], target: Target, model: ModelSettings, workers: Replicas, *, verbose: bool = False
) -> Iterator[Outcome]:
    """Speak lines on the cluster; outcomes block by block, in the order in which they are done."""
    if not lines:
        return
    with joined(verbose=verbose):
        ray.data.DataContext.get_current().enable_progress_bars = False
        size = BLOCK_ROUNDS * model.slots
        blocks = ray.data.from_items(
            [{"line": pickle.dumps(with_seed(line))} for line in lines],
            override_num_blocks=-(-len(lines) // size),
        )
        spoken = blocks.map_batches(
            Worker,
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(min_size=workers.least, max_size=workers.most),
            fn_constructor_args=[model, dataclasses.replace(target, folder=target.folder.resolve())],
            **model.resources,
        )
        for row in spoken.iter_rows():
            yield pickle.loads(row["outcome"])


class Worker:
    """Speaks blocks of lines; the model is loaded once."""

    def __init__(self, model: ModelSettings, target: Target) -> None:
        self._tts = model.open()
        self._target = target
        self._tts.warm_up()

    def __call__(self, block: Block) -> Block:
        """Speak a block: what became of each of its lines."""
        lines: list[Line] = [pickle.loads(data) for data in block["line"]]
        return {"outcome": [pickle.dumps(outcome) for outcome in speak_lines(self._tts, lines, self._target)]}


def with_seed(line: Line) -> Line:
    """A line without a seed gets one of its contents, so that a second attempt writes the same file."""
    if line.item.get("seed") is not None:
        return line
    return dataclasses.replace(line, item={**line.item, "seed": int(line.key, 16) % (1 << 31)})

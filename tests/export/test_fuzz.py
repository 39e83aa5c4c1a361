"""Mutated checkpoints end in a result or in one message: never a traceback, never a gigabyte.

pytest tests/export/test_fuzz.py             # a share of the cases
pytest tests/export/test_fuzz.py --fuzz      # 500 configs, 200 weight files, 100 indexes
"""

from __future__ import annotations

import copy
import json
import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from sparktts_onnx.errors import SparkTTSError
from sparktts_onnx.export.checkpoint.checkpoint import open_checkpoint
from sparktts_onnx.export.checkpoint.weights import PICKLE_NAME, SAFETENSORS_NAME
from sparktts_onnx.export.conversion import Conversion, convert
from sparktts_onnx.export.options import ConversionOptions
from sparktts_onnx.export.resources import estimate

CONFIGS = (
    "config.yaml",
    "BiCodec/config.yaml",
    "LLM/config.json",
    "LLM/tokenizer.json",
    "wav2vec2-large-xlsr-53/config.json",
    "wav2vec2-large-xlsr-53/preprocessor_config.json",
)
WEIGHTS = (
    f"BiCodec/{SAFETENSORS_NAME}",
    f"LLM/{SAFETENSORS_NAME}",
    f"wav2vec2-large-xlsr-53/{PICKLE_NAME}",
)
VALUES = (
    *(0, 1, -1, 2, 3, 7, 16, 255, 1000, 10**6, 10**8, 2**31, 2**63, -(2**40), 10**400),
    *(0.0, 0.5, -1.5, 1e-30, 1e30, float("nan"), float("inf"), float("-inf")),
    *("", "x", "0", "\0", "é" * 1000, "gelu", "../..", True, False, None),
    *([], [0], [1] * 7, [2**40], [[]], ["a"], {}, {"a": 1}, {"type": "yarn"}),
)
MOST_BYTES = 10**9
CONVERTED = 10
"""Of the mutated checkpoints that nothing is wrong with, one in so many is converted; all are opened and checked."""

Mutation = Callable[[random.Random, bytes], bytes]


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How many of some cases to try."""
    whole: bool = request.config.getoption("--fuzz", default=False)
    return lambda count: count if whole else count // 20


def places(data: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested data; of a long list or table the first and the last few."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data))) if isinstance(data, list) else []
    found = [place] if place else []
    for key in keys if len(keys) < 60 else keys[:20] + keys[-20:]:
        found += places(data[key], (*place, key))
    return found


def with_a_value(rng: random.Random, content: bytes, *, as_yaml: bool) -> bytes:
    """One value another, or gone."""
    data = yaml.safe_load(content) if as_yaml else json.loads(content)
    *outer, key = rng.choice(places(data))
    table = data
    for step in outer:
        table = table[step]
    if rng.random() < 0.15:
        del table[key]
    else:
        table[key] = copy.deepcopy(rng.choice(VALUES))
    return (yaml.safe_dump(data) if as_yaml else json.dumps(data)).encode()


def with_bytes(rng: random.Random, content: bytes) -> bytes:
    """Some bytes others, too many or missing."""
    data, at = bytearray(content), rng.randrange(max(len(content), 1))
    kind = rng.randrange(4)
    if kind == 0:
        del data[at:]
    elif kind == 1:
        data[at:at] = rng.randbytes(rng.choice((1, 8, 300)))
    elif kind == 2:
        data[at : at + rng.choice((1, 8, 300))] = b""
    else:
        for _ in range(rng.choice((1, 4, 64))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def with_a_header(rng: random.Random, content: bytes) -> bytes:
    """A safetensors file whose header says something else."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    name = rng.choice([key for key in header if key != "__metadata__"])
    kind = rng.randrange(6)
    if kind == 0:
        header[name]["dtype"] = rng.choice(("F64", "F16", "BF16", "I8", "U8", "BOOL", "F8_E4M3", "C64", "nothing", 5))
    elif kind == 1:
        header[name]["shape"] = rng.choice(([], [0], [2**40], [2**62, 2**62], [-1], "x", [1.5], [3, 3]))
    elif kind == 2:
        header[name]["data_offsets"] = rng.choice(([0, 0], [0, 2**60], [10, 5], [-4, 4], [], [1]))
    elif kind == 3:
        header[rng.choice(("", "x\0", "é", "lora_A.weight", "a.lora_A.weight"))] = header.pop(name)
    elif kind == 4:
        del header[name]
    text = json.dumps(header).encode()
    shown = len(text) if kind != 5 else rng.choice((0, 1, 2**31, 2**63, len(text) - 1, len(text) + 50))
    return shown.to_bytes(8, "little") + text + content[8 + length :]


def mutated(source: Path, target: Path, file: str, content: bytes) -> Path:
    """The checkpoint with one other file."""
    shutil.rmtree(target, ignore_errors=True)
    for path in source.rglob("*"):
        ours = target / path.relative_to(source)
        if path.is_file() and path.relative_to(source).parts[0] != "onnx":
            ours.parent.mkdir(parents=True, exist_ok=True)
            if path.relative_to(source).as_posix() != file:
                ours.symlink_to(path)
    (target / file).write_bytes(content)
    return target


class Outcomes:
    """What became of the cases."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.found: Counter[str] = Counter()
        self.before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def note(self, folder: Path, case: str) -> None:
        """Open and check a checkpoint, convert some; anything but an error of the package's own is a failure."""
        options = ConversionOptions(folder, self.work / "onnx", verify=False, cpu_only=True)
        try:
            checkpoint = open_checkpoint(folder)
            estimate(checkpoint, options)
            Conversion(options, checkpoint, self.work).check_weights()
            self.found["passed the checks"] += 1
            if self.found["passed the checks"] % CONVERTED == 0:
                self.found["converted"] += 1
                convert(options)
        except SparkTTSError as error:
            assert 0 < len(str(error)) < 2000 and "\n" not in str(error), f"{case}: {error}"
            self.found[type(error).__name__] += 1
        except Exception as error:
            raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error

    def judge(self, count: int) -> None:
        """See that all were tried, most were told apart, and little memory was taken."""
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.before) * 1024
        print(f"{count} cases: {dict(self.found)}, {grown / 1e6:.0f} MB more at the peak")
        assert sum(self.found.values()) - self.found["converted"] >= count
        assert self.found["CheckpointError"] > count // 5
        assert grown < MOST_BYTES


def test_mutated_configs(tiny_folder: Path, tmp_path: Path, cases: Callable[[int], int]) -> None:
    outcomes, rng = Outcomes(tmp_path), random.Random(1)
    for number in range(cases(500)):
        file = CONFIGS[number % len(CONFIGS)]
        content = (tiny_folder / file).read_bytes()
        try:
            if number % 5 == 4:
                content = with_bytes(rng, content)
            else:
                content = with_a_value(rng, content, as_yaml=file.endswith(".yaml"))
        except yaml.YAMLError:  # a value that YAML cannot write
            content = b"\xff"
        outcomes.note(mutated(tiny_folder, tmp_path / "case", file, content), f"config {number} of {file}")
    outcomes.judge(cases(500))


def test_mutated_weights(tiny_folder: Path, tmp_path: Path, cases: Callable[[int], int]) -> None:
    outcomes, rng = Outcomes(tmp_path), random.Random(2)
    for number in range(cases(200)):
        file = WEIGHTS[number % len(WEIGHTS)]
        mutate: Mutation = with_a_header if number % 2 and file.endswith(".safetensors") else with_bytes
        content = mutate(rng, (tiny_folder / file).read_bytes())
        outcomes.note(mutated(tiny_folder, tmp_path / "case", file, content), f"weights {number} of {file}")
    outcomes.judge(cases(200))


def test_mutated_indexes(tiny_folder: Path, tmp_path: Path, cases: Callable[[int], int]) -> None:
    tensors = load_file(tiny_folder / "LLM" / SAFETENSORS_NAME)
    sharded = mutated(tiny_folder, tmp_path / "sharded", f"LLM/{SAFETENSORS_NAME}", b"")
    (sharded / "LLM" / SAFETENSORS_NAME).unlink()
    places = {name: f"model-{index % 2}.safetensors" for index, name in enumerate(sorted(tensors))}
    for shard in set(places.values()):
        save_file({name: tensors[name] for name in tensors if places[name] == shard}, sharded / "LLM" / shard)
    index = f"LLM/{SAFETENSORS_NAME}.index.json"
    whole = json.dumps({"metadata": {}, "weight_map": places}).encode()
    (sharded / index).write_bytes(whole)
    outcomes, rng = Outcomes(tmp_path), random.Random(3)
    for number in range(cases(100)):
        content = with_bytes(rng, whole) if number % 3 == 2 else with_a_value(rng, whole, as_yaml=False)
        outcomes.note(mutated(sharded, tmp_path / "case", index, content), f"index {number}")
    outcomes.judge(cases(100))


def test_an_unchanged_checkpoint_passes(tiny_folder: Path, tmp_path: Path) -> None:
    outcomes = Outcomes(tmp_path)
    torch.manual_seed(0)
    outcomes.note(tiny_folder, "unchanged")
    assert outcomes.found == {"passed the checks": 1}

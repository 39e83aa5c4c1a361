"""What travels to the workers and back, and what is refused."""

import pickle
import subprocess
import sys
from pathlib import Path

import nano
import pytest
from loopback_hub import LoopbackHub

from sparktts_onnx.errors import MissingDependencyError, OptionError, TextError
from sparktts_onnx.scale.cluster import ModelSettings, Replicas


def test_errors_travel_as_values() -> None:
    missing = MissingDependencyError("AAC", needs="av", extra="aac")
    for error in (TextError("nothing to speak"), missing, OptionError("no", field="speed", file=Path("a.json"))):
        there = pickle.loads(pickle.dumps(error))
        assert (type(there), str(there), there.message) == (type(error), str(error), error.message)
        assert (there.field, there.file) == (error.field, error.file)


def test_replicas_are_a_number_or_a_range() -> None:
    assert Replicas.parse("3") == Replicas(3, 3)
    assert Replicas.parse("1:16") == Replicas(1, 16)


@pytest.mark.parametrize("text", ["", "0", "-1", "4:2", "1:", "a", "1:b", "1.5", "1:100000"])
def test_other_replicas_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="workers are"):
        Replicas.parse(text)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"slots": 0}, {"gpus": -1.0}])
def test_workers_without_means_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="a worker needs"):
        ModelSettings(nano.BUNDLE, **wrong)  # type: ignore[arg-type]


PINNED = """
import sys
from sparktts_onnx.cli.arguments import cluster_settings
from sparktts_onnx.cli.commands import make_parser
given = ["lines.jsonl", "--output-dir", "out", "--ray", "--model", sys.argv[1], "--precision", "fp32"]
model, _ = cluster_settings(make_parser("batch").parse_args(given), slots=2)
with model.open() as tts:
    print(model.model, model.precision, tts.bundle.model_id)
"""


def test_workers_open_the_commit_that_the_first_process_found(tmp_path: Path) -> None:
    with LoopbackHub() as hub:
        commit = hub.put_folder("org/one", nano.BUNDLE)
        command = [sys.executable, "-c", PINNED]
        root = Path(__file__).parents[2]
        for name, opened in (("org/one", f"org/one@{commit}"), (str(nano.BUNDLE), str(nano.BUNDLE))):
            done = subprocess.run(
                [*command, name], capture_output=True, text=True, cwd=root, env=hub.environment(tmp_path), check=False
            )
            same = opened if "@" in opened else None
            assert done.stdout == f"{opened} fp32 {same}\n", done.stderr

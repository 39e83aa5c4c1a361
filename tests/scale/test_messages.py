"""What travels to the workers and back, and what is refused."""

import nano
import pytest

from sparktts_onnx.errors import MissingDependencyError, OptionError, TextError
from sparktts_onnx.scale.messages import Failure, checked
from sparktts_onnx.scale.settings import ModelSettings, Replicas


def test_errors_travel_as_values() -> None:
    error = MissingDependencyError("AAC", needs="av", extra="aac")
    for original in (TextError("nothing to speak"), error):
        with pytest.raises(type(original)) as raised:
            checked(Failure.of(original))
        assert str(raised.value) == str(original)
    assert checked("an answer") == "an answer"


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

"""Errors carry what is at fault as data, so that nothing reads their text."""

import inspect
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparktts_onnx import EnrollOptions, SparkTTSONNX, Voice, VoiceStyle, errors
from sparktts_onnx.errors import MissingDependencyError, OptionError, VoiceError


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("top_p", {"top_p": 0}),
        ("top_p", {"top_p": 7}),
        ("temperature", {"temperature": "hot"}),
        ("max_new_tokens", {"max_new_tokens": 0}),
        ("max_new_tokens", {"max_new_tokens": 1}),
        ("retries", {"retries": -1}),
        ("seed", {"seed": 0.5}),
        ("tempo", {"tempo": 9}),
        ("segment_seconds", {"segment_seconds": 0}),
        ("pitch", {"pitch": "piercing"}),
        ("gender", {"gender": "male", "voice": ...}),
        ("voice", {"voice": "adam"}),
        ("lexicon", {"lexicon": {}}),
        ("normalize", {"normalize": "yes"}),
        ("loudness", {"loudness": 3}),
        ("file_format", {"file_format": "wax"}),
        ("save_dir", {"save_dir": 5}),
        ("save_dir", {"save_dir": ""}),
        ("on_progress", {"on_progress": 5}),
    ],
)
def test_an_option_error_names_its_option(tts: SparkTTSONNX, voice: Voice, field: str, options: dict[str, Any]) -> None:
    given = {key: voice if value is ... else value for key, value in options.items()}
    with pytest.raises(OptionError) as raised:
        tts.inference("Hi there.", **{"seed": 1, **given})
    assert raised.value.field == field


def test_arguments_of_streams_and_batches_are_named_too(tts: SparkTTSONNX) -> None:
    for wrong in ({}, 0, False, ""):
        with pytest.raises(OptionError) as raised:
            tts.stream("Hi.", stream_options=wrong)  # type: ignore[arg-type]
        assert raised.value.field == "stream_options"
    with pytest.raises(OptionError) as raised:
        tts.iter_batch(5)  # type: ignore[arg-type]
    assert raised.value.field == "items"


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("gender", lambda: VoiceStyle.of("robot")),
        ("window", lambda: EnrollOptions(window="some")),
        ("slots", lambda: SparkTTSONNX(".", slots=0)),
        ("model", lambda: SparkTTSONNX(None)),  # type: ignore[arg-type]
    ],
)
def test_other_arguments_are_named_too(field: str, make: Callable[[], object]) -> None:
    with pytest.raises(OptionError) as raised:
        make()
    assert raised.value.field == field


def test_the_text_begins_with_the_path_and_the_message_leaves_it_out(tmp_path: Path) -> None:
    error = VoiceError("it is not a voice file", file=tmp_path / "me.json")
    assert str(error) == f"{tmp_path / 'me.json'}: it is not a voice file"
    assert error.message == "it is not a voice file"
    assert str(VoiceError("plain")) == VoiceError("plain").message == "plain"


def test_an_error_is_pickled_with_its_data() -> None:
    error = pickle.loads(pickle.dumps(OptionError("seed is 'x'", field="seed", file=Path("here"))))
    assert (type(error), error.message, error.field, error.file) == (OptionError, "seed is 'x'", "seed", Path("here"))


def test_a_missing_dependency_says_what_to_install() -> None:
    error = MissingDependencyError("a tempo", needs="PyAV", extra="aac")
    assert "pip install" in str(error)
    assert error.field is None and error.file is None


def test_every_error_is_raised_somewhere() -> None:
    """Who catches an error that nobody raises waits for nothing."""
    package = Path(errors.__file__).parent
    files = [path for path in package.rglob("*.py") if path != package / "errors.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    unused = [kind.__name__ for kind in kinds if not re.search(rf"\b{kind.__name__}\(", source)]
    assert unused == ["SparkTTSError"], "the base is what callers catch"

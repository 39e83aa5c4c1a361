"""A voice is a value, and a small file that names its codec."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from sparktts_onnx import Voice, VoiceStyle
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import OptionError, OutputError, VoiceError
from sparktts_onnx.runtime.voices.voice import VOICE_FORMAT, check_voice

CONTROL_TEXT = "<|end_content|> <|bicodec_semantic_5|> <|im_end|>"


@pytest.fixture
def full(voice: Voice) -> Voice:
    """A voice with every field."""
    return dataclasses.replace(
        voice,
        semantic_ids=(0, 5, 63),
        transcript=f"说的 \u2028 {CONTROL_TEXT}",
        origin="recording 'a.wav'",
        consent="yes",
        style=VoiceStyle("male", "low", "very_high"),
    )


def test_a_file_gives_the_same_voice(full: Voice, voice: Voice, tmp_path: Path, manifest: Manifest) -> None:
    for kept in (full, voice):
        path = kept.save(tmp_path / "new folder" / "v.json")
        assert Voice.load(path) == kept
        assert Voice.load(str(path), manifest.codec) == kept


def test_the_file_is_json_that_names_the_codec(full: Voice, tmp_path: Path) -> None:
    data = json.loads(full.save(tmp_path / "v.json").read_text(encoding="utf-8"))
    assert data["format"] == VOICE_FORMAT
    assert data["codec"] == full.codec
    assert data["global_ids"] == [1, 2, 3, 4]


def test_only_a_created_voice_has_a_style_in_its_file(full: Voice, voice: Voice, tmp_path: Path) -> None:
    created = json.loads(full.save(tmp_path / "v.json").read_text(encoding="utf-8"))
    assert created["style"] == {"gender": "male", "pitch": "low", "speed": "very_high"}
    assert "style" not in json.loads(voice.save(tmp_path / "v.json").read_text(encoding="utf-8"))


def test_a_voice_cannot_be_changed(voice: Voice) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        voice.name = "x"  # type: ignore[misc]
    assert voice.renamed("x").name == "x"
    assert hash(voice) != hash(voice.renamed("x"))


def test_saving_leaves_nothing_else_and_replaces_whole(voice: Voice, full: Voice, tmp_path: Path) -> None:
    full.save(tmp_path / "v.json")
    voice.save(tmp_path / "v.json")
    assert [path.name for path in tmp_path.iterdir()] == ["v.json"]
    assert Voice.load(tmp_path / "v.json") == voice


def test_a_place_that_cannot_be_written(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        voice.save(tmp_path / "file" / "v.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        voice.save(tmp_path / "folder.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codec": "0" * 64}, "belongs to another codec"),
        ({"global_ids": (1, 2, 3)}, "has 3 global ids; this codec has 4"),
        ({"global_ids": (1, 2, 3, 4, 5)}, "has 5 global ids; this codec has 4"),
        ({"global_ids": (1, 2, 3, 8)}, "global id 8; this codec's are 0 to 7"),
        ({"global_ids": (-1, 2, 3, 4)}, "global id -1"),
        ({"semantic_ids": (64,), "transcript": "x"}, "semantic id 64; this codec's are 0 to 63"),
        ({"semantic_ids": (3, -5), "transcript": "x"}, "semantic id -5"),
    ],
)
def test_a_voice_of_another_codec_is_refused(
    voice: Voice, change: dict[str, Any], said: str, manifest: Manifest, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(voice, **change)
    with pytest.raises(VoiceError, match=said):
        check_voice(wrong, manifest.codec)
    path = wrong.save(tmp_path / "v.json")
    with pytest.raises(VoiceError, match=said) as told:
        Voice.load(path, manifest.codec)
    assert told.value.file == path and str(told.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "change",
    [
        {"semantic_ids": (1,)},
        {"transcript": "x"},
        {"global_ids": [1, 2, 3, 4]},
        {"global_ids": ("1",)},
        {"global_ids": (True,)},
        {"global_ids": None},
        {"codec": None},
        {"name": 5},
        {"origin": "\ud800"},
        {"semantic_ids": (1,), "transcript": "\udcff"},
        {"style": "male"},
        {"style": ("male", "low", "low")},
    ],
)
def test_what_cannot_be_a_voice(voice: Voice, change: dict[str, Any]) -> None:
    with pytest.raises(VoiceError):
        dataclasses.replace(voice, **change)


GOOD: dict[str, Any] = {"format": VOICE_FORMAT, "codec": "c", "global_ids": [1]}


@pytest.mark.parametrize(
    "data",
    [
        [],
        None,
        5,
        {},
        {**GOOD, "format": "sparktts-onnx voice 2"},
        {**GOOD, "format": None},
        {**GOOD, "extra": 1},
        {"format": VOICE_FORMAT, "global_ids": [1]},
        {**GOOD, "codec": 5},
        {"format": VOICE_FORMAT, "codec": "c"},
        {**GOOD, "global_ids": "1234"},
        {**GOOD, "global_ids": [1.5]},
        {**GOOD, "global_ids": [True]},
        {**GOOD, "global_ids": [None]},
        {**GOOD, "semantic_ids": [1]},
        {**GOOD, "transcript": "x"},
        {**GOOD, "semantic_ids": {}, "transcript": "x"},
        {**GOOD, "semantic_ids": [1], "transcript": 5},
        {**GOOD, "semantic_ids": [1], "transcript": "\ud800"},
        {**GOOD, "name": ["x"]},
        {**GOOD, "style": "male"},
        {**GOOD, "style": {"gender": "other"}},
        {**GOOD, "style": {"pitch": ["low"]}},
        {**GOOD, "style": {"tempo": "low"}},
    ],
)
def test_a_file_that_is_no_voice(data: Any, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(VoiceError, match=r"v\.json: "):
        Voice.load(path)


@pytest.mark.parametrize("change", [{"format": "x" * 100_000}, {"name": "x" * 100_000, "codec": "y" * 100_000}])
def test_a_message_is_short_whatever_the_file_holds(change: dict[str, str], tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps({**GOOD, **change}), encoding="utf-8")
    with pytest.raises(VoiceError) as caught:
        Voice.load(path, manifest.codec)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\xff", b"{", b"hello", b"[" * 100_000, b'{"a": 1e999}'])
def test_a_file_that_is_no_json_object(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_bytes(content)
    with pytest.raises(VoiceError, match=r"v\.json: not a voice file"):
        Voice.load(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"there is no voice file: give the path of one, such as voices/anna\.json"):
        Voice.load(tmp_path / "none.json")
    with pytest.raises(VoiceError, match="there is no voice file"):
        Voice.load(tmp_path)
    with pytest.raises(OptionError, match="expected a path"):
        Voice.load(5)  # type: ignore[arg-type]
    with pytest.raises(VoiceError, match="cannot be read: File name too long"):
        Voice.load(tmp_path / ("n" * 300))


def test_a_file_that_an_editor_of_windows_has_saved(voice: Voice, tmp_path: Path) -> None:
    path = voice.save(tmp_path / "v.json")
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig", newline="\r\n")
    assert Voice.load(path) == voice


def test_an_endless_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(VoiceError, match="not a voice file"):
        Voice.load(path)

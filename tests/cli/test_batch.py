"""The command that speaks many lines: each one once, a bad one told by its number, a stopped batch gone on with."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import SparkTTSONNX, Voice, VoiceLibrary
from sparktts_onnx.batch.notes import Notes, read_lines
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.cli import main
from sparktts_onnx.errors import OutputError

LINES: tuple[dict[str, Any], ...] = (
    {"text": "One.", "gender": "female", "seed": 1},
    {"id": "second", "text": "The second one is longer.", "gender": "male", "seed": 2},
    {"text": "Three.", "gender": "male", "pitch": "high", "seed": 3},
)


def batch(tmp_path: Path, *more: str) -> list[str]:
    folder = str(tmp_path / "out")
    return ["batch", str(tmp_path / "lines.jsonl"), "--output-dir", folder, "--model-dir", str(nano.BUNDLE), *more]


def write(tmp_path: Path, *lines: object) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (tmp_path / "lines.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")


def notes(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]


def test_every_line_has_its_file_and_sounds_as_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, *LINES)
    assert main(batch(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "out" / "results.jsonl")
    assert "3 spoken, 0 there already, 0 failed" in err
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["000001.wav", "000003.wav", "second.wav"]
    with SparkTTSONNX(nano.BUNDLE) as tts:
        for line, name in zip(LINES, ("000001", "second", "000003"), strict=True):
            alone, _ = tts.inference(**{key: value for key, value in line.items() if key != "id"})
            found, rate = soundfile.read(tmp_path / "out" / f"{name}.wav", dtype="float32")
            assert rate == nano.SAMPLE_RATE
            np.testing.assert_allclose(found, alone, atol=1e-4)


def test_what_was_spoken_is_not_spoken_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, *LINES)
    assert main(batch(tmp_path)) == 0
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.wav")}
    changed = tmp_path / "out" / "second.wav"
    (tmp_path / "out" / "000003.wav").unlink()
    write(tmp_path, LINES[0], {**LINES[1], "text": "The second one was changed."}, LINES[2])
    capsys.readouterr()
    assert main(batch(tmp_path)) == 0
    assert "2 spoken, 1 there already, 0 failed" in capsys.readouterr().err
    assert (tmp_path / "out" / "000003.wav").is_file()
    assert changed.stat().st_mtime_ns > times[changed]
    kept = tmp_path / "out" / "000001.wav"
    assert kept.stat().st_mtime_ns == times[kept]
    assert main(batch(tmp_path)) == 0
    assert "0 spoken, 3 there already, 0 failed" in capsys.readouterr().err


def test_a_line_whose_voice_was_made_anew_is_spoken_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = VoiceLibrary(tmp_path / "kept", read_manifest(nano.BUNDLE).codec)
    ssml = "<speak><voice name='{}'>Hello there.</voice></speak>"
    named = {"ssml": True, "text": ssml.format("ann"), "seed": 1}
    write(tmp_path, {"text": "One.", "voice": "me.json", "seed": 1}, named, {"text": "Two.", "seed": 1})

    def run(made: str) -> None:
        assert main([*batch(tmp_path), "--voices-dir", str(kept.folder)]) == 0
        assert f"{made} failed" in capsys.readouterr().err

    with SparkTTSONNX(nano.BUNDLE) as tts:
        first, second = tts.create_voice("female", seed=5), tts.create_voice("male", seed=6)
    first.save(tmp_path / "me.json")
    kept.add(first, "ann")
    run("3 spoken, 0 there already, 0")
    first.renamed("another name").save(tmp_path / "me.json")
    run("0 spoken, 3 there already, 0")
    second.save(tmp_path / "me.json")
    run("1 spoken, 2 there already, 0")
    kept.remove("ann")
    kept.add(second, "ann")
    run("1 spoken, 2 there already, 0")
    results = tmp_path / "out" / "results.jsonl"
    without = [{key: value for key, value in note.items() if key != "voices"} for note in notes(tmp_path)]
    results.write_text("".join(json.dumps(note) + "\n" for note in without))  # as earlier versions wrote them
    run("0 spoken, 3 there already, 0")


def test_a_note_that_found_no_room_does_not_spoil_the_next(tmp_path: Path) -> None:
    resource: Any = pytest.importorskip("resource")
    notes = Notes(tmp_path / "results.jsonl")
    notes.add({"key": "one", "text": "你好"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (notes.path.stat().st_size + 10, hard))
    try:
        with pytest.raises(OutputError, match=r"results\.jsonl cannot be written: File too large"):
            notes.add({"key": "two", "text": "and longer than ten bytes"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    notes.add({"key": "three"})
    assert list(read_lines(notes.path)) == [{"key": "one", "text": "你好"}, {"key": "three"}]


def test_notes_are_a_file(tmp_path: Path) -> None:
    """A device such as /dev/full, which is read without end, is refused as a pipe is."""
    os.mkfifo(tmp_path / "results.jsonl")
    with pytest.raises(OutputError, match="it is a device or a pipe, not a file"):
        Notes(tmp_path / "results.jsonl")


def test_lines_may_be_ssml(tmp_path: Path, capsys: pytest.CaptureFixture[str], voice: Voice) -> None:
    VoiceLibrary(tmp_path / "kept", read_manifest(nano.BUNDLE).codec).add(voice, "ann")
    text = "<speak><voice name='{}'>Hello there.</voice><break time='2s'/>How are you?</speak>"
    write(tmp_path, *({"text": text.format(name), "ssml": True, "seed": 1} for name in ("ann", "Alloy", "zoe")))
    assert main([*batch(tmp_path), "--voices-dir", str(tmp_path / "kept")]) == 1
    assert "line 3: SSML, line 1, column 8: no voice 'zoe' is kept in" in capsys.readouterr().err
    for note in notes(tmp_path):
        first, second = note["segments"]
        assert second["start_seconds"] - first["end_seconds"] == pytest.approx(2, abs=1e-3)
    wav, _ = soundfile.read(tmp_path / "out" / "000001.wav", dtype="float32")
    assert nano.heard_speaker(wav[: 8 * nano.HOP]) == voice.global_ids


def test_a_line_may_bring_its_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoken = {"text": "Two.", "seed": 1, "gender": "male"}
    words = ({"One": "Two"}, {"One": 1}, ["One"])
    write(tmp_path, spoken, *({**spoken, "text": "One.", "lexicon": lexicon} for lexicon in words))
    assert main(batch(tmp_path)) == 1
    told = capsys.readouterr().err
    assert "line 3: lexicon entry 1: the spoken form is 1" in told
    assert """line 4: lexicon is ['One']; expected {"word": "as spoken"}""" in told
    plain, replaced = (soundfile.read(tmp_path / "out" / f"00000{number}.wav")[0] for number in (1, 2))
    np.testing.assert_array_equal(plain, replaced)


def test_bad_lines_are_told_by_number_and_stop_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = [
        "not JSON",
        {"text": "x", "voices": {}},
        {"text": "x", "gender": "robot"},
        {"text": "x", "voice": "no-such.json"},
    ]
    twice = {"id": "Second", "text": "Again."}
    write(tmp_path, LINES[0], *bad, LINES[1], twice, {"id": "../out", "text": "x"}, {"text": ""})
    assert main(batch(tmp_path)) == 1
    err = capsys.readouterr().err
    assert [number for number in range(1, 10) if f"line {number}: " in err] == [2, 3, 4, 5, 7, 8, 9]
    assert "Traceback" not in err
    assert sorted(note["file"] for note in notes(tmp_path)) == ["000001.wav", "second.wav"]


@pytest.mark.parametrize("content", ["A book.\nIt has many lines.\n", "text,voice\nHello.,me.json\n", '["Hello."]\n'])
def test_a_file_that_lists_nothing_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    write(tmp_path, content)
    assert main(batch(tmp_path)) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: the list {tmp_path / 'lines.jsonl'} holds no JSON objects; expected one a line, ")
    assert told.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["voices", "sed", "format"])
def test_a_key_that_no_line_has_is_told_before_anything_is_spoken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    write(tmp_path, {"text": "One.", key: {}})
    assert main(batch(tmp_path)) == 1
    told = capsys.readouterr().err
    assert f"line 1: unknown key {key!r}; the keys are text, id, check_words, gender, " in told
    assert "voices," not in told and "0 spoken, 0 there already, 1 failed" in told


@pytest.mark.parametrize("name", ["n" * 300, "字" * 100, None, ["a"], True])
def test_an_id_that_cannot_name_a_file_stops_nothing(tmp_path: Path, name: object) -> None:
    write(tmp_path, {"id": name, "text": "Hello.", "seed": 1}, {"id": 7, "text": "Hello.", "seed": 1})
    assert main(batch(tmp_path)) == 1
    assert [note["file"] for note in notes(tmp_path)] == ["7.wav"]


UNNAMEABLE = ("a:b?*", "COM1", "aux.txt", "lpt².x", "x.", "x ", ".x", "a/b", "a\\b", "", "a\tb", "n" * 201)


def test_an_id_that_some_system_takes_for_no_file_is_refused_on_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, *({"id": name, "text": "Hello."} for name in UNNAMEABLE), {"id": "com.1, ok", "text": "Hello."})
    assert main(batch(tmp_path)) == 1
    told = capsys.readouterr().err
    assert told.count("cannot be a file's name on every system") == len(UNNAMEABLE) and "the id 'COM1'" in told
    assert [note["file"] for note in notes(tmp_path)] == ["com.1, ok.wav"]


def test_a_kept_voice_is_found_beside_the_lines(tmp_path: Path) -> None:
    with SparkTTSONNX(nano.BUNDLE) as tts:
        tts.create_voice("female", seed=5).save(tmp_path / "me.json")
    write(tmp_path, {"text": "Hello.", "voice": "me.json", "seed": 1})
    assert main(batch(tmp_path, "--format", "flac")) == 0
    assert soundfile.info(tmp_path / "out" / "000001.flac").format == "FLAC"


def test_a_format_is_the_same_in_capitals(tmp_path: Path) -> None:
    write(tmp_path, {"text": "Hello.", "seed": 1})
    assert main(batch(tmp_path, "--format", "FLAC")) == 0
    assert (tmp_path / "out" / "000001.flac").is_file()


def test_an_unknown_format_is_told_before_anything_is_spoken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, *LINES)
    assert main(batch(tmp_path, "--format", "xyz")) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("error:") == 1 and "unknown audio format 'xyz'" in err
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_read_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(batch(tmp_path)) != 0
    out, err = capsys.readouterr()
    assert out == "" and err.count("error:") == 1 and f"the list {tmp_path / 'lines.jsonl'} cannot be read" in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_batch_that_is_stopped_anywhere_goes_on(tmp_path: Path, blow: signal.Signals) -> None:
    lines = [{"text": f"This is line number {number}, and it is not short.", "seed": number} for number in range(40)]
    write(tmp_path, *lines)
    running = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    running += "import sys; from sparktts_onnx.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", running, *batch(tmp_path)], stderr=subprocess.PIPE)
    results = tmp_path / "out" / "results.jsonl"
    try:  # however slow the machine is: only the test's own limit ends the waiting
        while not (results.exists() and results.read_bytes().count(b"\n") >= 3) and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(blow)
        _, err = process.communicate()
    finally:
        process.kill()
    assert process.returncode != 0 and b"Traceback" not in err
    before = len(notes(tmp_path))
    assert 3 <= before < 40
    shutil.copy(results, tmp_path / "noted.jsonl")
    assert main(batch(tmp_path)) == 0
    told = [note["file"] for note in notes(tmp_path)]
    assert len(told) == len(set(told)) == 40
    # Nobody can tidy up after a kill; what it leaves is hidden, and no other file is half written.
    left = [path.name for path in (tmp_path / "out").iterdir() if path.suffix not in (".wav", ".jsonl")]
    assert (blow == signal.SIGKILL and all(name.startswith(".") for name in left)) or not left


@pytest.mark.parametrize("again", ["CAFÉ", "cafe\u0301"])
def test_ids_of_one_file_on_some_system_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str], again: str) -> None:
    write(tmp_path, {"id": "café", "text": "Hello.", "seed": 1}, {"id": again, "text": "Hello.", "seed": 1})
    assert main(batch(tmp_path)) == 1
    assert f"line 2: the id {again!r} is there twice" in capsys.readouterr().err
    assert [note["file"] for note in notes(tmp_path)] == ["café.wav"]


def test_no_lines_at_once_is_refused_by_the_options_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, LINES[0])
    assert main(batch(tmp_path, "--slots", "0")) == 2
    assert "error: --slots is 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

"""The command that speaks: what it writes, and one message for everything that cannot be done."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import nano
import numpy as np
import pytest
import soundfile

import sparktts_onnx
from cli.spark_tts_onnx import SparkTTSONNX as FromCommand
from sparktts_onnx import Voice, VoiceLibrary, WordInfo
from sparktts_onnx.audio.encoding import encoder
from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.cli import main
from sparktts_onnx.cli.speak import _word_times

STREAM = ["--model-dir", str(nano.BUNDLE), "--seed", "1", "--text", "Hello there.", "--stream", "pcm"]


def arguments(tmp_path: Path, *more: str, model: Path = nano.BUNDLE) -> list[str]:
    return ["--model-dir", str(model), "--output-dir", str(tmp_path / "out"), "--seed", "1", *more]


def test_the_class_is_the_same() -> None:
    assert FromCommand is sparktts_onnx.SparkTTSONNX


def test_the_file_is_the_last_line_of_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path, "--text", "Hello there.")) == 0
    out, err = capsys.readouterr()
    wav, rate = soundfile.read(out.strip().splitlines()[-1])
    assert rate == nano.SAMPLE_RATE and len(wav) > 0
    assert "times real time" in err


def test_dashes_and_underscores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        part.replace("-", "_") if part in ("--model-dir", "--output-dir") else part for part in arguments(tmp_path)
    ]
    given = ["--" + part[2:] if part.startswith("__") else part for part in given]
    assert main([*given, "--text", "Hello there."]) == 0


@pytest.mark.parametrize("text", ["a", "😀", "你好, how are you?"])
def test_odd_texts_give_sound_or_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    code = main(arguments(tmp_path, "--text", text))
    out, err = capsys.readouterr()
    assert (code == 0 and Path(out.strip().splitlines()[-1]).is_file()) or (code != 0 and err.count("error:") == 1)


def test_a_text_file_in_every_format_with_subtitles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("The 1st sentence is here. " * 4, encoding="utf-8")
    seconds = []
    for name in ("wav", "flac", "mp3", "opus"):
        given = arguments(tmp_path, "--text-file", str(tmp_path / "text.txt"), "--format", name, "--srt")
        assert main([*given, "--segment-seconds", "2"]) == 0
        file = Path(capsys.readouterr().out.strip().splitlines()[-1])
        assert file.suffix == f".{name}"
        cues = file.with_suffix(".srt").read_text(encoding="utf-8").strip().split("\n\n")
        assert len(cues) > 1 and all(" --> " in cue and "1st sentence" in cue for cue in cues)
        seconds.append(soundfile.info(file).duration)
    assert seconds == pytest.approx([seconds[0]] * 4, abs=0.1)


def test_a_format_without_its_library_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    code = main(arguments(tmp_path, "--text", "Hello.", "--format", "m4a", model=tmp_path / "none"))
    assert code == 1 and "writing m4a needs PyAV" in capsys.readouterr().err


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert ", ".join(sparktts_onnx.FORMATS) in " ".join(capsys.readouterr().out.split())


def test_raw_samples_on_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(STREAM) == 0
    pcm = encoder("pcm", nano.SAMPLE_RATE)
    with sparktts_onnx.SparkTTSONNX(nano.BUNDLE) as tts, tts.stream("Hello there.", seed=1) as stream:
        expected = b"".join(pcm.encode(chunk) for chunk in stream) + pcm.finish()
    assert expected and capfdbinary.readouterr().out == expected


@pytest.mark.parametrize("more", [["--srt"], ["--format", "wav"], ["--output-dir", "outputs"]])
def test_a_stream_takes_no_options_of_files(capfdbinary: pytest.CaptureFixture[bytes], more: list[str]) -> None:
    assert main([*STREAM, *more]) == 2
    out, err = capfdbinary.readouterr()
    assert out == b"" and err.count(b"error:") == 1 and f"leave out {more[0]}".encode() in err


def test_a_voice_is_kept_and_speaks_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "voice.json"
    assert main(arguments(tmp_path, "--text", "Hello.", "--gender", "female", "--save-voice", str(kept))) == 0
    ids = json.loads(kept.read_text())["global_ids"]
    assert main(arguments(tmp_path, "--text", "Hello.", "--voice", str(kept), "--save-voice", str(kept) + "2")) == 0
    assert json.loads(Path(str(kept) + "2").read_text())["global_ids"] == ids


@pytest.mark.parametrize("place", ["folder", "file/voice.json", "pipe"])
def test_a_voice_file_that_cannot_be_written_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    given = arguments(tmp_path, "--text", "Hello.", "--save-voice", str(tmp_path / place), model=tmp_path / "none")
    assert main(given) == 1
    assert "error: cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--save-voice", "voice.json"], ["--srt"]])
def test_the_file_is_told_where_what_belongs_to_it_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    def full(path: Path, text: str, **options: object) -> None:
        path.write_bytes(text.encode()[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    assert main(arguments(tmp_path, "--text", "Hello.", *more)) == 1
    out, err = capsys.readouterr()
    assert soundfile.info(out.strip()).frames > 0 and "cannot be written" in err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [Path(out.strip())]


def damaged(tmp_path: Path, how: str) -> Path:
    """A copy of the bundle with one fault."""
    copy = Path(shutil.copytree(nano.BUNDLE, tmp_path / how))
    manifest = copy / "manifest.json"
    if how == "missing":
        (copy / "decoder.onnx").unlink()
    elif how == "altered":
        (copy / "decoder.onnx").write_bytes((copy / "decoder.onnx").read_bytes()[:-1] + b"?")
    elif how == "version":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 999}))
    else:
        manifest.unlink()
    return copy


@pytest.mark.parametrize("how", ["missing", "altered", "version", "unfinished"])
def test_a_bundle_that_is_not_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str) -> None:
    one_message(main(arguments(tmp_path, "--text", "Hello.", model=damaged(tmp_path, how))), capsys, tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        ["--text", ""],
        ["--text", "Hello.", "--prompt-path", "no-such.wav"],
        ["--text", "Hello.", "--prompt-path", __file__],
        ["--text", "Hello.", "--voice", "no-such.json"],
        ["--text", "Hello.", "--temperature", "-1"],
        ["--text", "Hello.", "--voice", "me.json", "--gender", "male"],
        ["--text-file", "no-such.txt"],
        ["--ssml", "--text", "Hello."],
        ["--ssml", "--text", "<speak><voice name='zoe'>Hello.</voice></speak>"],
        ["--ssml", "--text", "<speak><break time='abc'/>Hello.</speak>", "--save-voice", "me.json"],
    ],
)
def test_what_cannot_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    one_message(main(arguments(tmp_path, *more)), capsys, tmp_path)


def test_ssml_with_kept_and_built_in_voices_and_subtitles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], voice: Voice
) -> None:
    VoiceLibrary(tmp_path / "kept", read_manifest(nano.BUNDLE).codec).add(voice, "Ann")
    inside = (
        "Hello <sub alias='you all'>y'all</sub>.<voice name='ann'>I am Ann.</voice><voice name='onyx'>I, Onyx.</voice>"
    )
    (tmp_path / "text.xml").write_text(f"<speak>{inside}<mark name='x'/></speak>", encoding="utf-8")
    given = ["--ssml", "--text-file", str(tmp_path / "text.xml"), "--voices-dir", str(tmp_path / "kept"), "--srt"]
    assert main(arguments(tmp_path, *given)) == 0
    out, err = capsys.readouterr()
    cues = Path(out.strip()).with_suffix(".srt").read_text(encoding="utf-8").strip().split("\n\n")
    assert [cue.split("\n")[2] for cue in cues] == ["Hello y'all.", "I am Ann.", "I, Onyx."]
    assert err.count("warning: SSML: <mark> is not known") == 1


def test_no_such_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one_message(main(arguments(tmp_path, "--text", "Hello.", model=tmp_path / "none")), capsys, tmp_path)


@pytest.mark.parametrize("samples", [0, 16000])
def test_an_empty_and_a_silent_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str], samples: int) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(samples, np.float32), 16000)
    given = arguments(tmp_path, "--text", "Hello.", "--prompt-path", str(tmp_path / "silent.wav"))
    one_message(main(given), capsys, tmp_path)


def one_message(code: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A failure that says what is wrong once, and leaves nothing."""
    out, err = capsys.readouterr()
    assert code != 0
    assert out == ""
    assert err.count("error:") == 1 and "Traceback" not in err
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_word_times_of_a_bundle_that_has_none_are_refused_before_it_speaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path, "--text", "Hello.", "--word-times", "json")) == 2
    assert "this bundle cannot tell when words are heard" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.wav"))


def test_word_times_in_each_form() -> None:
    info = SimpleNamespace(words=(WordInfo("“So,”", 0.0, 0.5214, 0), WordInfo("$5?", 0.6, 3723.5, 0)))
    assert json.loads(_word_times(info, "json"))["words"] == [
        {"word": "“So,”", "start": 0.0, "end": 0.521},
        {"word": "$5?", "start": 0.6, "end": 3723.5},
    ]
    assert _word_times(info, "srt").startswith("1\n00:00:00,000 --> 00:00:00,521\n“So,”\n\n2\n")
    assert _word_times(info, "vtt").endswith("00:00:00.600 --> 01:02:03.500\n$5?\n\n")

"""From a recording to a voice: the nano bundle hears the ids that a recording was spoken from."""

import io
import itertools
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile
import soxr

from sparktts_onnx import EnrollOptions, SparkTTSONNX, Voice
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import OptionError, RecordingError

SPEAKER = (1, 2, 3, 4)
IDS = tuple(itertools.islice(nano.walks(), 60))


def recorded(ids: tuple[int, ...] = IDS, speaker: tuple[int, ...] = SPEAKER) -> np.ndarray[Any, Any]:
    """Speech and the last samples that the recording side needs beyond whole hops."""
    return np.concatenate([nano.sound(ids, speaker), np.zeros(nano.BORDER, np.float32)])


def write(path: Path, wav: np.ndarray[Any, Any], rate: int = nano.SAMPLE_RATE, **options: Any) -> Path:
    soundfile.write(path, wav, rate, **options)
    return path


def test_a_recording_gives_its_ids(tts: SparkTTSONNX, manifest: Manifest, tmp_path: Path) -> None:
    path = write(tmp_path / "me.wav", recorded())
    voice = tts.process_prompt(path, "What is said.", name="me")
    assert voice == Voice(
        codec=manifest.codec.fingerprint,
        global_ids=SPEAKER,
        semantic_ids=IDS,
        transcript="What is said.",
        name="me",
        origin="recording 'me.wav'",
    )


@pytest.mark.parametrize("transcript", [None, "", "  \n"])
def test_without_a_transcript_there_are_no_semantic_ids(
    tts: SparkTTSONNX, tmp_path: Path, transcript: str | None
) -> None:
    voice = tts.process_prompt(write(tmp_path / "me.wav", recorded()), transcript)
    assert (voice.global_ids, voice.semantic_ids, voice.transcript) == (SPEAKER, None, None)


def test_any_rate_channel_format_and_volume(tts: SparkTTSONNX, tmp_path: Path) -> None:
    wav = recorded()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, len(wav))
    resampled = soxr.resample(wav, nano.SAMPLE_RATE, 48_000, quality="VHQ")
    files = [
        write(tmp_path / "stereo.wav", np.stack([wav, noise], axis=1)),
        write(tmp_path / "quiet.wav", 0.01 * wav, subtype="FLOAT"),
        write(tmp_path / "loud.wav", 30 * wav, subtype="FLOAT"),
        write(tmp_path / "fast.flac", resampled, 48_000),
        write(tmp_path / "8 bit.wav", wav, subtype="PCM_U8"),
    ]
    for file in files:
        voice = tts.process_prompt(file, "What is said.")
        assert (voice.global_ids, voice.semantic_ids) == (SPEAKER, IDS), file.name


def test_an_open_file(tts: SparkTTSONNX, tmp_path: Path) -> None:
    path = write(tmp_path / "me.wav", recorded())
    with path.open("rb") as file:
        assert tts.process_prompt(file, "x").semantic_ids == IDS
    voice = tts.process_prompt(io.BytesIO(path.read_bytes()))
    assert voice.global_ids == SPEAKER


def test_the_speaker_is_heard_in_the_first_seconds(tts: SparkTTSONNX, tmp_path: Path) -> None:
    later = recorded(IDS * 3, (7, 7, 7, 7))
    first = nano.sound(IDS[: nano.REFERENCE // nano.HOP], SPEAKER)
    voice = tts.process_prompt(write(tmp_path / "me.wav", np.concatenate([first, later])))
    assert voice.global_ids == SPEAKER


@pytest.mark.parametrize("tokens", [6, 7, 19, 20, 21])
def test_a_recording_shorter_than_the_reference_is_enough(tts: SparkTTSONNX, tmp_path: Path, tokens: int) -> None:
    voice = tts.process_prompt(write(tmp_path / "me.wav", nano.sound(IDS[:tokens], SPEAKER)), "x")
    assert voice.global_ids == SPEAKER
    assert voice.semantic_ids == IDS[: tokens - 1]  # the last hop lacks its border


@pytest.mark.parametrize("tokens", [nano.FIXED_FRAMES, nano.FIXED_FRAMES + 1, 2 * nano.FIXED_FRAMES, 95])
def test_graphs_of_fixed_length_hear_the_same(tmp_path: Path, tokens: int) -> None:
    ids = tuple(itertools.islice(nano.walks(), tokens))
    with SparkTTSONNX(nano.FIXED_BUNDLE, threads=1) as tts:
        voice = tts.process_prompt(write(tmp_path / "me.wav", recorded(ids)), "x")
    assert (voice.global_ids, voice.semantic_ids) == (SPEAKER, ids)


@pytest.mark.parametrize("tokens", [6, nano.FIXED_FRAMES - 1])
def test_graphs_of_fixed_length_hear_what_is_shorter(tmp_path: Path, tokens: int) -> None:
    with SparkTTSONNX(nano.FIXED_BUNDLE, threads=1) as tts:
        voice = tts.process_prompt(write(tmp_path / "me.wav", recorded(IDS[:tokens])), "x")
    assert (voice.global_ids, voice.semantic_ids) == (SPEAKER, IDS[:tokens])


def test_graphs_of_fixed_length_speak(voice: Voice) -> None:
    text = "Hello there, how are you?"
    with SparkTTSONNX(nano.FIXED_BUNDLE, threads=1) as tts:
        wav, _ = tts.inference(text, voice=voice, temperature=0)
        streamed = np.concatenate(list(tts.stream(text, voice=voice, temperature=0)))
    np.testing.assert_allclose(wav, nano.sound(nano.spoken(text, voice.global_ids), voice.global_ids), atol=1e-5)
    assert nano.heard(streamed) == nano.heard(wav)


def test_an_enrolled_voice_speaks_on_from_its_recording(tts: SparkTTSONNX, tmp_path: Path) -> None:
    transcript, text = "What was said before", "and now."
    voice = tts.process_prompt(write(tmp_path / "me.wav", recorded(IDS[:30])), transcript)
    wav, info = tts.inference(text, voice=voice, temperature=0)
    prompt = nano.clone_prompt(text, SPEAKER, transcript, IDS[:30])
    expected = nano.semantic_numbers(nano.answer(prompt))
    assert len(expected) == nano.TOKENS_PER_BYTE * len(transcript + text) - 30
    assert nano.heard(wav) == expected
    assert info.tokens == len(expected)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.wav", None, "does not exist"),
        ("empty.wav", b"", "empty file"),
        ("text.wav", b"This is a text, not a sound. " * 50, "not recognized as audio"),
        ("cut.wav", b"RIFF\x00\x00\x00\x00WAVE", "cannot be read as audio"),
    ],
)
def test_what_is_no_recording(tts: SparkTTSONNX, tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError, match=said):
        tts.process_prompt(path)


@pytest.mark.parametrize("length", [0, 100, 16_000])
def test_nothing_to_hear(tts: SparkTTSONNX, tmp_path: Path, length: int) -> None:
    with pytest.raises(RecordingError):
        tts.process_prompt(write(tmp_path / "silent.wav", np.zeros(length, np.float32)))


def test_a_transcript_of_minutes_is_refused_before_it_takes_the_memory(tts: SparkTTSONNX, tmp_path: Path) -> None:
    """wav2vec2's memory grows with the square of a recording's length; without a transcript it is not heard."""
    wav = recorded()
    path = write(tmp_path / "me.wav", np.tile(wav, 121 * nano.SAMPLE_RATE // len(wav) + 1))
    with pytest.raises(RecordingError, match="s of recordings are too long for a transcript, at most 120 s"):
        tts.enroll([path], transcript="What is said.")
    assert tts.enroll([path]).voice.global_ids == SPEAKER


def test_a_failed_prompt_is_not_remembered(tts: SparkTTSONNX, tmp_path: Path) -> None:
    kept = tts.process_prompt(write(tmp_path / "me.wav", recorded()))
    with pytest.raises(RecordingError):
        tts.process_prompt(tmp_path / "none.wav")
    assert tts.inference("Hi.", seed=1)[1].voice == kept


def test_graphs_of_a_fixed_length_hear_no_whole_recording(tmp_path: Path) -> None:
    path = write(tmp_path / "me.wav", recorded())
    with SparkTTSONNX(nano.FIXED_BUNDLE, threads=1) as tts:
        with pytest.raises(OptionError, match="window is 'all', but the graphs"):
            tts.enroll([path], options=EnrollOptions(window="all"))
        assert tts.enroll([path], options=EnrollOptions(window="best")).voice.global_ids


def said(name: str) -> np.ndarray[Any, Any]:
    """Recordings that there is something to say about."""
    random, time = np.random.default_rng(0), np.arange(6 * nano.SAMPLE_RATE) / nano.SAMPLE_RATE
    speech = np.tile(nano.sound(IDS, SPEAKER), 8)[: len(time)] * (np.sin(2 * np.pi * 1.5 * time) > -0.5)
    made: dict[str, np.ndarray[Any, Any]] = {
        "short": speech[: nano.SAMPLE_RATE // 5],
        "noise": 0.1 * random.standard_normal(len(time)),
        "tone": 0.3 * np.sin(2 * np.pi * 220 * time),
        "clipped": np.clip(20 * speech, -1, 1),
        "whole numbers": 32_768 * speech / np.abs(speech).max(),
        "offset": 0.5 * speech + 0.2,
        "second channel": np.stack([0 * speech, speech], axis=1),
    }
    return made[name]


@pytest.mark.parametrize("name", ["short", "noise", "tone", "clipped", "whole numbers", "offset", "second channel"])
def test_a_prompt_is_judged_the_same_wherever_it_is_given(
    tts: SparkTTSONNX, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "me.wav", said(name), subtype="FLOAT")
    enrollment = tts.enroll([path])
    assert enrollment.warnings and all(warning.startswith("recording 'me.wav': ") for warning in enrollment.warnings)
    voice = tts.process_prompt(path)
    assert voice == enrollment.voice
    assert [record.message for record in caplog.records] == list(enrollment.warnings)
    with path.open("rb") as file:
        notes = tts.enroll([file], options=EnrollOptions(window="best")).reports[0].notes
    assert notes == enrollment.reports[0].notes


def test_an_offset_changes_no_voice(tts: SparkTTSONNX, tmp_path: Path) -> None:
    clean = write(tmp_path / "a.wav", 0.5 * recorded(), subtype="FLOAT")
    moved = write(tmp_path / "b.wav", 0.5 * recorded() + 0.2, subtype="FLOAT")
    one, other = (tts.process_prompt(path, "What is said.") for path in (clean, moved))
    assert (one.global_ids, one.semantic_ids) == (other.global_ids, other.semantic_ids) == (SPEAKER, IDS)


SENTENCE = "She had a little basket with two red apples and a piece of cheese, and nobody knew where she was going."


@pytest.mark.parametrize(
    ("transcript", "seconds", "much"),
    [
        (SENTENCE[:61], 1.4, "much"),
        ("Three short words", 7.0, "little"),
        ("嗯。", 6.0, "little"),
        ("今天天气很好,我们一起去公园散步,然后回家吃饭,再看一部电影。", 2.0, "much"),
        (SENTENCE, 6.0, None),
        (SENTENCE, 4.0, None),
        (SENTENCE[:61], 7.0, None),
        ("Yes.", 1.0, None),
    ],
)
def test_a_transcript_that_nobody_can_have_said_is_noted(
    tts: SparkTTSONNX, tmp_path: Path, transcript: str, seconds: float, much: str | None
) -> None:
    wav = np.tile(nano.sound(IDS, SPEAKER), 8)[: round(seconds * nano.SAMPLE_RATE)]
    pause = np.zeros(nano.SAMPLE_RATE // 2, np.float32)  # speech is what is louder than the rest
    path = write(tmp_path / "me.wav", np.concatenate([pause, wav, pause]))
    enrollment = tts.enroll([path], transcript)
    notes = [note for note in enrollment.reports[0].notes if "the transcript has" in note]
    assert (f"too {much} to be what is said" in "".join(notes)) == (much is not None) and len(notes) == bool(much)
    assert tts.enroll([path]).reports[0].notes == enrollment.reports[0].notes[len(notes) :]


def test_long_silence_is_cut_where_a_transcript_is_given_and_nowhere_else(tts: SparkTTSONNX, tmp_path: Path) -> None:
    silence = np.zeros(2 * nano.SAMPLE_RATE, np.float32)
    path = write(tmp_path / "me.wav", np.concatenate([silence, recorded(), silence]))
    whole = tts.enroll([path], "What is said.", options=EnrollOptions(trim=False)).voice
    cut = tts.process_prompt(path, "What is said.")
    kept = round(0.1 * nano.SAMPLE_RATE / nano.HOP)
    assert whole.semantic_ids is not None and cut.semantic_ids is not None
    assert len(whole.semantic_ids) > len(IDS) + 150 and len(cut.semantic_ids) <= len(IDS) + 2 * kept + 2
    assert IDS[2:-2] == cut.semantic_ids[kept + 2 : kept + len(IDS) - 2]
    assert cut.global_ids == whole.global_ids == tts.process_prompt(path).global_ids


@pytest.mark.parametrize("one", ["me.wav", Path("me.wav"), io.BytesIO(b"RIFF")])
def test_one_recording_is_not_taken_for_a_list(tts: SparkTTSONNX, one: Any) -> None:
    with pytest.raises(OptionError, match=r"recordings is .*; expected a list of paths"):
        tts.enroll(one)


def test_a_file_that_ends_early_is_told(tts: SparkTTSONNX, tmp_path: Path, voice: Voice) -> None:
    path = write(tmp_path / "me.wav", np.tile(recorded(), 3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    (note, *_) = tts.enroll([path]).reports[0].notes
    assert note.startswith("the file ends early: it says that it has ")
    with tts.revoice_stream(path, voice) as stream:
        list(stream)
    assert stream.info is not None and stream.info.warnings == (note,)


def test_options_of_another_kind_are_refused(tts: SparkTTSONNX) -> None:
    options: Any = {"window": "all"}
    with pytest.raises(OptionError, match=r"options is .*; expected EnrollOptions"):
        tts.enroll(["me.wav"], options=options)

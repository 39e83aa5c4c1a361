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

from sparktts_onnx import EnrollOptions, OptionError, RecordingError, SparkTTSONNX, Voice
from sparktts_onnx.bundle.manifest import Manifest

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
        ("text.wav", b"This is a text, not a sound. " * 50, "cannot be read as audio"),
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

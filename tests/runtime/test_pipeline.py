"""The whole path, against answers known in advance."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile
from scripted import endless, install, speech, walk

from sparktts_onnx import Lexicon, SparkTTSONNX, Voice, VoiceStyle
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import GenerationError, OutputError, TextError, VoiceError

TEXT = "Hello there, how are you?"
CONTROL_TEXTS = ["<|end_content|>", "<|bicodec_semantic_5|>", "Stop <|im_end|> here."]


def spans_heard(wav: np.ndarray[Any, Any], info: Any) -> list[tuple[int, ...]]:
    """Semantic ids of each segment, read back from the joined speech."""
    rate = nano.SAMPLE_RATE
    return [nano.heard(wav[round(s.start_seconds * rate) : round(s.end_seconds * rate)]) for s in info.segments]


def test_speech_is_what_arithmetic_says(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, info = tts.inference(TEXT, voice=voice, temperature=0)
    expected = nano.spoken(TEXT, voice.global_ids)
    np.testing.assert_allclose(wav, nano.sound(expected, voice.global_ids), atol=1e-5)
    assert wav.dtype == np.float32
    assert np.abs(wav).max() <= 1
    assert (info.tokens, info.stop_reason, info.sample_rate) == (len(expected), "end", nano.SAMPLE_RATE)


def test_the_info_tells_the_story(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, info = tts.inference(TEXT, voice=voice, seed=7)
    assert info.seed == 7
    assert info.voice == voice
    assert info.duration_seconds == pytest.approx(len(wav) / nano.SAMPLE_RATE)
    assert info.seconds.keys() == {"load", "text", "language_model", "vocoder", "total"}
    assert all(seconds > 0 for seconds in info.seconds.values())
    working = info.seconds["total"] - info.seconds["load"]
    assert info.real_time_factor == pytest.approx(info.duration_seconds / working)
    assert info.file is None
    (segment,) = info.segments
    assert (segment.text, segment.start_seconds, segment.retries) == (TEXT, 0, 0)
    assert segment.end_seconds == pytest.approx(info.duration_seconds)
    data = json.loads(json.dumps(info.to_dict()))
    assert data["voice"] == "one"
    assert data["seed"] == 7
    assert data["segments"][0]["text"] == TEXT


def test_the_total_is_what_the_caller_waited_and_loading_is_not_speaking(
    tts: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = tts._engine.speaker

    def slow_load() -> Any:
        time.sleep(0.3)
        return load()

    monkeypatch.setattr(tts._engine, "speaker", slow_load)
    began = time.perf_counter()
    _, info = tts.inference(TEXT, voice=voice, seed=7)
    waited = time.perf_counter() - began
    assert info.seconds["load"] >= 0.3
    assert waited - 0.1 < info.seconds["total"] <= waited
    assert info.real_time_factor > info.duration_seconds / info.seconds["total"]


def test_seeds_are_kept_and_told(tts: SparkTTSONNX, voice: Voice) -> None:
    first, info = tts.inference(TEXT, voice=voice)
    again, _ = tts.inference(TEXT, voice=voice, seed=info.seed)
    other, _ = tts.inference(TEXT, voice=voice, seed=info.seed + 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sampling_options_reach_the_model(tts: SparkTTSONNX, voice: Voice) -> None:
    greedy = nano.spoken(TEXT, voice.global_ids)
    for options in ({"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}):
        assert nano.heard(tts.inference(TEXT, voice=voice, seed=3, **options)[0]) == greedy
    assert nano.heard(tts.inference(TEXT, voice=voice, seed=3)[0]) != greedy


def test_a_created_voice_speaks_and_is_told(tts: SparkTTSONNX, manifest: Manifest, tmp_path: Path) -> None:
    wav, info = tts.inference(TEXT, gender="male", pitch="high", speed=0.25, temperature=0)
    answer = nano.answer(nano.create_prompt(TEXT, 1, 3, 1))
    speaker = nano.global_numbers(answer)
    assert info.voice.global_ids == speaker
    assert info.voice.style == VoiceStyle("male", "high", "low")
    assert info.voice.origin == "created: male, pitch high, speed low"
    np.testing.assert_allclose(wav, nano.sound(nano.semantic_numbers(answer), speaker), atol=1e-5)
    kept = Voice.load(info.voice.save(tmp_path / "v.json"), manifest.codec)
    again, _ = tts.inference(TEXT, voice=kept, temperature=0)
    assert nano.heard_speaker(again) == speaker


def test_a_created_voice_is_kept_for_all_segments(tts: SparkTTSONNX) -> None:
    text = " ".join(f"This is sentence number {word} of a longer text." for word in ("one", "two", "three", "four"))
    wav, info = tts.inference(text, gender="male", temperature=0)
    assert len(info.segments) > 1
    first = nano.answer(nano.create_prompt(info.segments[0].text, 1))
    speaker = nano.global_numbers(first)
    answers = [first] + [nano.answer(nano.create_prompt(s.text, 1), speaker) for s in info.segments[1:]]
    heard = spans_heard(wav, info)
    for segment, answer, ids in zip(info.segments, answers, heard, strict=True):
        expected = nano.semantic_numbers(answer)
        assert segment.tokens == len(expected)
        assert ids == expected[: len(ids)]
        assert len(ids) >= len(expected) - 1
        start = round(segment.start_seconds * nano.SAMPLE_RATE)
        assert nano.heard_speaker(wav[start : start + 10 * nano.HOP]) == speaker
    assert info.voice.global_ids == speaker


def test_created_voices_differ_by_seed_and_repeat(tts: SparkTTSONNX) -> None:
    made = [tts.create_voice("female", "low", seed=seed) for seed in range(6)]
    assert made == [tts.create_voice("female", "low", seed=seed) for seed in range(6)]
    assert len({voice.global_ids for voice in made}) > 1
    assert all(len(voice.global_ids) == nano.GLOBAL_TOKENS for voice in made)


def test_pitch_and_speed_of_a_given_voice_keep_the_speaker(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, info = tts.inference(TEXT, voice=voice, pitch="high", temperature=0)
    answer = nano.answer(nano.create_prompt(TEXT, 0, 3, 2), voice.global_ids)
    assert nano.heard(wav) == nano.semantic_numbers(answer)
    assert nano.heard_speaker(wav) == voice.global_ids
    assert info.voice == voice


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_spoken(
    tts: SparkTTSONNX, voice: Voice, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    told: list[int] = []
    with pytest.raises(OutputError, match="cannot write"):
        tts.inference(
            TEXT, voice=voice, save_dir=tmp_path / "file" / "x", on_progress=lambda done, _: told.append(done)
        )
    assert not told


def test_the_last_prompt_is_remembered(tts: SparkTTSONNX, voice: Voice, other_voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "me.wav"
    soundfile.write(path, nano.sound([5] * 30, (6, 5, 4, 3)), nano.SAMPLE_RATE)
    prompt = tts.process_prompt(path)
    assert tts.inference("Hi.", seed=1)[1].voice == prompt
    assert tts.inference("Hi.", seed=1, voice=voice)[1].voice == voice
    assert tts.inference("Hi.", seed=1)[1].voice == prompt
    assert tts.inference("Hi.", seed=1, pitch="high", speed="low")[1].voice == prompt
    assert tts.inference("Hi.", seed=1, gender="male", pitch="high")[1].voice.style == VoiceStyle("male", "high")
    loaded = tts.load_voice(other_voice.save(tmp_path / "v.json"))
    assert tts.inference("Hi.", seed=1)[1].voice == loaded == other_voice
    assert tts.create_voice(seed=1).style == VoiceStyle()


def test_a_voice_of_another_codec_is_refused(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    stranger = Voice(codec="0" * 64, global_ids=voice.global_ids)
    for call in (
        lambda: tts.inference(TEXT, voice=stranger),
        lambda: tts.stream(TEXT, voice=stranger),
        lambda: tts.inference_batch([{"text": TEXT, "voice": stranger}]),
        lambda: tts.load_voice(stranger.save(tmp_path / "v.json")),
    ):
        with pytest.raises(VoiceError, match="another codec"):
            call()


@pytest.mark.parametrize("text", CONTROL_TEXTS)
def test_control_text_is_spoken_as_text(tts: SparkTTSONNX, voice: Voice, text: str) -> None:
    wav, info = tts.inference(text, voice=voice, temperature=0, normalize=False)
    assert "".join(segment.text for segment in info.segments).replace(" ", "") == text.replace(" ", "")
    if len(info.segments) == 1:
        assert nano.heard(wav) == nano.spoken(info.segments[0].text, voice.global_ids)
    assert info.tokens == sum(nano.TOKENS_PER_BYTE * len(segment.text) for segment in info.segments)


@pytest.mark.parametrize(
    "text",
    ["a", "5", "好", "I", "🙂", "🙂🙂 👨‍👩‍👧", "?", "...", "\u200b", "a\0b", "你好 hello 世界。", "é" * 9],
)
def test_odd_texts_give_audio_or_one_message(tts: SparkTTSONNX, voice: Voice, text: str) -> None:
    for normalize in (True, False):
        try:
            wav, info = tts.inference(text, voice=voice, seed=1, normalize=normalize)
        except TextError as error:
            assert "nothing to speak" in str(error)
        else:
            assert len(wav)
            assert info.tokens == sum(segment.tokens for segment in info.segments)


def test_normalization_and_lexicon(tts: SparkTTSONNX, voice: Voice) -> None:
    def spoken(**options: Any) -> str:
        return " ".join(s.text for s in tts.inference("I owe ACME $5.", voice=voice, seed=1, **options)[1].segments)

    assert spoken() == "I owe ACME five dollars."
    assert spoken(normalize=False) == "I owe ACME $5."
    assert spoken(lexicon=Lexicon({"ACME": "ack me"})) == "I owe ack me five dollars."


def test_tempo_changes_the_length_and_the_times(tts: SparkTTSONNX, voice: Voice) -> None:
    text = "This is a sentence of some length, is it not? And this is another one of some length."
    plain, told = tts.inference(text, voice=voice, seed=1)
    fast, info = tts.inference(text, voice=voice, seed=1, tempo=1.25)
    assert len(fast) == pytest.approx(len(plain) / 1.25, rel=0.01)
    for before, after in zip(told.segments, info.segments, strict=True):
        assert after.start_seconds == pytest.approx(before.start_seconds / 1.25, abs=0.01)
        assert after.end_seconds == pytest.approx(before.end_seconds / 1.25, abs=0.01)


def test_long_text(tts: SparkTTSONNX, voice: Voice) -> None:
    text = " ".join(f"Sentence number {n} says something of its own, and then it ends." for n in range(12))
    seen: list[tuple[int, int]] = []
    wav, info = tts.inference(
        text, voice=voice, temperature=0, normalize=False, on_progress=lambda done, total: seen.append((done, total))
    )
    assert " ".join(segment.text for segment in info.segments) == text
    assert seen == [(n + 1, len(info.segments)) for n in range(len(info.segments))]
    ends = [segment.end_seconds for segment in info.segments]
    starts = [segment.start_seconds for segment in info.segments]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))
    for segment, ids in zip(info.segments, spans_heard(wav, info), strict=True):
        expected = nano.spoken(segment.text, voice.global_ids)
        assert ids == expected[: len(ids)]
        assert len(ids) >= len(expected) - 1
    assert np.abs(wav).max() <= 1


def test_ten_thousand_characters_in_order(voice: Voice) -> None:
    text = " ".join(f"Sentence number {n} says something of its own, and then it ends." for n in range(160))
    assert len(text) > 10_000
    answers = iter(range(10_000))

    def short() -> list[int]:
        return speech(walk(5, next(answers) % nano.WALK))

    with SparkTTSONNX(nano.BUNDLE, threads=1, slots=1) as tts:  # one at a time, so that answers are asked for in order
        install(tts, short)
        wav, info = tts.inference(text, voice=voice, seed=1, normalize=False, retries=0)
    assert " ".join(segment.text for segment in info.segments) == text
    heard = [ids[0] for ids in spans_heard(wav, info)]
    assert heard == [number % nano.WALK for number in range(len(info.segments))]


def test_threads_with_voices_of_their_own_do_not_disturb_each_other(
    tts: SparkTTSONNX, voice: Voice, other_voice: Voice
) -> None:
    jobs = [(f"Text number {n}, said aloud.", (voice, other_voice)[n % 2], n // 2) for n in range(12)]
    alone = [tts.inference(text, voice=who, seed=seed)[0] for text, who, seed in jobs]
    together: dict[int, np.ndarray[Any, Any]] = {}

    def speak(number: int) -> None:
        text, who, seed = jobs[number]
        together[number] = tts.inference(text, voice=who, seed=seed)[0]

    threads = [threading.Thread(target=speak, args=(n,)) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, wav in enumerate(alone):
        np.testing.assert_array_equal(together[number], wav)


def test_files_are_written_whole_and_never_twice_under_a_name(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    files: list[Path] = []

    def speak() -> None:
        wav, info = tts.inference("Hi.", voice=voice, seed=1, save_dir=folder)
        assert info.file is not None
        read, rate = soundfile.read(info.file, dtype="float32")
        assert rate == nano.SAMPLE_RATE
        np.testing.assert_allclose(read, wav, atol=1 / 32767)
        files.append(info.file)

    threads = [threading.Thread(target=speak) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(files)) == 6
    assert sorted(folder.iterdir()) == sorted(files)


@pytest.mark.parametrize("file_format", ["wav", "flac", "mp3", "opus"])
def test_formats(tts: SparkTTSONNX, voice: Voice, tmp_path: Path, file_format: str) -> None:
    wav, info = tts.inference(TEXT, voice=voice, seed=1, save_dir=str(tmp_path), file_format=file_format)
    assert info.file is not None
    assert info.file.suffix == f".{file_format}"
    assert soundfile.info(info.file).duration == pytest.approx(len(wav) / nano.SAMPLE_RATE, abs=0.1)


def test_a_text_goes_into_its_file_as_it_is_spoken(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    text = "One thing that takes a while to say. " * 6
    there: list[list[int]] = []

    def look(done: int, total: int) -> None:
        there.append([path.stat().st_size for path in tmp_path.iterdir()])

    given: dict[str, Any] = {"voice": voice, "seed": 1, "segment_seconds": 2}
    info = tts.inference_to_file(text, tmp_path, on_progress=look, **given)
    assert all(len(sizes) == 1 for sizes in there), "the file is begun before anything is spoken"
    assert there[-1][0] > there[0][0] > 1000, "and grows with the speech"
    assert info.file is not None and list(tmp_path.iterdir()) == [info.file]
    read, _ = soundfile.read(info.file, dtype="float32")
    np.testing.assert_allclose(read, tts.inference(text, **given)[0], atol=2 / 32767)


def test_a_file_whose_text_fails_leaves_nothing(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tts.inference_to_file(TEXT, tmp_path, voice=voice, on_progress=fail)
    assert not list(tmp_path.iterdir())


def test_a_text_that_is_refused_makes_no_folder(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    with pytest.raises(TextError, match="nothing to speak"):
        tts.inference("###", voice=voice, save_dir=tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_work_stops_where_its_sound_is_not_taken(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()), slots=2)

    def fail(done: int, total: int) -> None:
        raise OSError("the disk is full")

    text = "One sentence of many words to say. " * 9
    try:
        tts.inference(text, voice=voice, seed=1, retries=0, max_new_tokens=30, segment_seconds=2, on_progress=fail)
    except OSError as error:
        assert "disk" in str(error)  # here, where the traceback still holds every frame
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("segment")]
        steps = model.steps
        time.sleep(0.2)
        assert model.steps == steps
    else:
        pytest.fail("the error was swallowed")


def test_a_folder_that_cannot_be(tts: SparkTTSONNX, voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError):
        tts.inference("Hi.", voice=voice, seed=1, save_dir=tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_prompt_that_leaves_no_room(tts: SparkTTSONNX, manifest: Manifest, voice: Voice) -> None:
    for length in (nano.MAX_POSITIONS - 20, nano.MAX_POSITIONS, 3 * nano.MAX_POSITIONS):
        full = Voice(manifest.codec.fingerprint, voice.global_ids, semantic_ids=(5,) * length, transcript="said")
        with pytest.raises(TextError, match="language model holds 2048"):
            tts.inference(TEXT, voice=full, seed=1)
    # A created voice is written before its speech, and needs room as well.
    with pytest.raises(TextError, match="language model holds 2048"):
        tts.inference("a" + "[" * 1990, gender="male", segment_seconds=60, normalize=False, seed=1)


def test_closing_stops_the_work_and_a_later_call_starts_anew(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = threading.Semaphore(30)
    errors: list[Exception] = []

    def speak() -> None:
        try:
            tts.inference(TEXT, voice=voice, seed=1)
        except GenerationError as error:
            errors.append(error)

    thread = threading.Thread(target=speak)
    thread.start()
    while model.steps < 30:
        time.sleep(0.005)
    closing = threading.Thread(target=tts.close)
    closing.start()
    time.sleep(0.05)
    model.gate.release()
    closing.join()
    thread.join()
    assert len(errors) == 1
    assert "closed" in str(errors[0])
    assert model.steps <= 32
    wav, _ = tts.inference(TEXT, voice=voice, temperature=0)
    assert nano.heard(wav) == nano.spoken(TEXT, voice.global_ids)


def test_a_model_that_fails_fails_the_call(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.fails_at = 5
    with pytest.raises(GenerationError, match="on fire"):
        tts.inference(TEXT, voice=voice, seed=1)
    with pytest.raises(GenerationError, match="on fire"):
        model.steps = 0
        tts.inference(f"{TEXT} " * 30, voice=voice, seed=1)

"""A stream says what `inference` says, stops when told, and hides no error."""

import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
from scripted import endless, install

from sparktts_onnx import SparkTTSONNX, StreamOptions, Voice
from sparktts_onnx.bundle.manifest import SamplingDefaults
from sparktts_onnx.errors import GenerationError, TextError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.speech.planning import plan_segments
from sparktts_onnx.runtime.speech.report import Clock, Report
from sparktts_onnx.runtime.speech.request import make_utterance
from sparktts_onnx.runtime.speech.segment import Chunk, Event, HeardWord, SegmentBegins, SegmentEnds, Segments
from sparktts_onnx.runtime.speech.streaming import UtteranceSound

TEXT = "Hello there, how are you?"
LONG = " ".join(f"Sentence number {n} says something of its own, and then it ends." for n in range(4))
EXACT = StreamOptions(look_ahead=10)


def threads_of_ours() -> list[str]:
    """Names of the threads that work for a stream."""
    return [thread.name for thread in threading.enumerate() if thread.name in ("segment", "spark-tts-language-model")]


def wait_until(condition: Any) -> None:
    for _ in range(12_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


@pytest.mark.parametrize("text", [TEXT, LONG])
@pytest.mark.parametrize("options", [{"temperature": 0}, {"seed": 5}])
def test_a_stream_is_what_inference_gives(tts: SparkTTSONNX, voice: Voice, text: str, options: dict[str, Any]) -> None:
    wav, told = tts.inference(text, voice=voice, **options)
    with tts.stream(text, voice=voice, stream_options=EXACT, **options) as stream:
        assert stream.sample_rate == nano.SAMPLE_RATE
        assert stream.info is None
        chunks = list(stream)
    assert all(chunk.dtype == np.float32 and len(chunk) for chunk in chunks)
    assert len(chunks) > 2
    np.testing.assert_allclose(np.concatenate(chunks), wav, atol=1e-5)
    info = stream.info
    assert info is not None
    assert [(s.text, s.tokens, s.stop_reason, s.retries) for s in info.segments] == [
        (s.text, s.tokens, s.stop_reason, s.retries) for s in told.segments
    ]
    assert [s.start_seconds for s in info.segments] == pytest.approx([s.start_seconds for s in told.segments])
    assert info.duration_seconds == told.duration_seconds
    assert (info.tokens, info.voice, info.stop_reason) == (told.tokens, told.voice, told.stop_reason)


@pytest.mark.parametrize("tempo", [1.0, 0.5])
def test_a_word_ends_where_a_joint_cuts_its_silence_off(tts: SparkTTSONNX, voice: Voice, tempo: float) -> None:
    """Word times of captions do not overlap: the silence that a segment ends with is not all kept."""
    codec = tts.manifest.codec
    utterance = make_utterance(LONG, {"tempo": tempo, "voice": voice, "segment_seconds": 2}, SamplingDefaults())
    first, second, *_ = (replace(segment, pause_seconds=0.0) for segment in plan_segments(utterance, codec))
    sound = UtteranceSound(Report(utterance, codec, Clock(listened=False), dict, None), None)
    tone = np.full(nano.SAMPLE_RATE // 2, 0.3, np.float32)
    wav = np.concatenate([tone, np.zeros(nano.SAMPLE_RATE // 4, np.float32)])

    def events() -> Generator[Event]:
        for segment in (first, second):
            words = (HeardWord(0, 1, 0.0, 0.75),)
            yield SegmentBegins(segment, voice)
            yield Chunk(wav)
            yield SegmentEnds(segment, 1, "end", 0, {}, words)

    segments = Segments([first, second])
    while segments.next():
        pass
    list(sound.chunks(events(), segments))
    assert sound.info is not None and sound.info.words is not None
    words, places = sound.info.words, sound.info.segments
    assert [word.end_seconds for word in words] == pytest.approx(
        [places[0].end_seconds, places[1].start_seconds + 0.55 / tempo]
    )
    assert words[0].end_seconds <= words[1].start_seconds


def test_a_created_voice_streams_and_is_kept(tts: SparkTTSONNX) -> None:
    wav, told = tts.inference(LONG, gender="male", seed=3)
    with tts.stream(LONG, gender="male", seed=3, stream_options=EXACT) as stream:
        streamed = np.concatenate(list(stream))
    assert stream.info is not None
    assert stream.info.voice == told.voice
    np.testing.assert_allclose(streamed, wav, atol=1e-5)


def test_little_look_ahead_still_says_the_same(tts: SparkTTSONNX, voice: Voice) -> None:
    for look_ahead in (0, 1, 3):
        options = StreamOptions(look_ahead=look_ahead, first_chunk=5)
        chunks = list(tts.stream(TEXT, voice=voice, temperature=0, stream_options=options))
        assert nano.heard(np.concatenate(chunks)) == nano.spoken(TEXT, voice.global_ids)


def test_tempo(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, _ = tts.inference(TEXT, voice=voice, temperature=0, tempo=1.5)
    with tts.stream(TEXT, voice=voice, temperature=0, tempo=1.5, stream_options=EXACT) as stream:
        streamed = np.concatenate(list(stream))
    assert len(streamed) == pytest.approx(len(wav), rel=0.01)
    assert stream.info is not None
    assert stream.info.duration_seconds == len(streamed) / nano.SAMPLE_RATE


def test_the_first_chunk_needs_no_more_than_it_must(tts: SparkTTSONNX, voice: Voice) -> None:
    """15 tokens and 2 of look-ahead, of which the model has by then written no more."""
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = threading.Semaphore(16)  # the first token comes with the prompt
    options = StreamOptions(look_ahead=3, first_chunk=15, first_look_ahead=2)
    with tts.stream(LONG, voice=voice, seed=1, stream_options=options) as stream:
        first = next(stream)
        assert model.steps == 16
        assert len(first) > 10 * nano.HOP  # the joiner holds back what a pause might change
        model.gate.release(1000)


def let_steps_end(gate: threading.Semaphore, work: Cancellation) -> None:
    """Once the work was cancelled, end the step that is under way, and slowly others if there should be any."""
    wait_until(lambda: work.cancelled)
    for _ in range(20):
        gate.release()
        time.sleep(0.1)


@pytest.mark.parametrize("leave", ["close", "with", "del"])
def test_leaving_stops_the_work_at_once_and_frees_it(tts: SparkTTSONNX, voice: Voice, leave: str) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = threading.Semaphore(60)
    stream = tts.stream(LONG, voice=voice, seed=1)
    next(stream)
    wait_until(lambda: model.steps == 60)
    work = stream._cancellation
    threading.Thread(target=let_steps_end, args=(model.gate, work), daemon=True).start()
    if leave == "close":
        stream.close()
    elif leave == "with":
        with stream:
            pass
    else:
        del stream
    wait_until(lambda: not threads_of_ours())
    assert model.steps <= 62
    assert not model._answers  # the slots are free


def test_closing_twice_early_and_late(tts: SparkTTSONNX, voice: Voice) -> None:
    unheard = tts.stream(TEXT, voice=voice, seed=1)
    unheard.close()
    unheard.close()
    assert list(unheard) == []
    assert unheard.info is None
    heard = tts.stream(TEXT, voice=voice, seed=1)
    list(heard)
    heard.close()
    assert heard.info is not None
    with pytest.raises(StopIteration):
        next(heard)


def test_a_listener_that_leaves_does_not_disturb_others(tts: SparkTTSONNX, voice: Voice, other_voice: Voice) -> None:
    alone, _ = tts.inference(TEXT, voice=other_voice, seed=2)
    leaving = tts.stream(LONG, voice=voice, seed=1)
    staying = tts.stream(TEXT, voice=other_voice, seed=2, stream_options=EXACT)
    next(leaving)
    first = next(staying)
    leaving.close()
    np.testing.assert_allclose(np.concatenate([first, *staying]), alone, atol=1e-5)


def test_another_thread_cancels(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = threading.Semaphore(40)
    stream = tts.stream(LONG, voice=voice, seed=1)
    threading.Timer(0.2, stream.cancel).start()
    threading.Thread(target=let_steps_end, args=(model.gate, stream._cancellation), daemon=True).start()
    chunks = list(stream)  # waits for tokens that never come
    assert sum(map(len, chunks)) < 60 * nano.HOP
    assert stream.info is None


def test_an_error_of_the_model_reaches_the_listener(tts: SparkTTSONNX, voice: Voice) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.fails_at = 60
    stream = tts.stream(LONG, voice=voice, seed=1)
    heard = []
    with pytest.raises(GenerationError, match="on fire"):
        heard.extend(stream)
    assert stream.info is None
    wait_until(lambda: not threads_of_ours())


def test_an_error_of_the_vocoder_reaches_the_listener_and_stops_the_model(
    tts: SparkTTSONNX, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tts, lambda: endless(nano.walks()))
    stream = tts.stream(LONG, voice=voice, seed=1)
    next(stream)

    def fail(*arguments: Any) -> None:
        raise MemoryError("no room for sound")

    monkeypatch.setattr(tts._engine.vocoder, "render", fail)
    with pytest.raises(MemoryError, match="no room for sound"):
        list(stream)
    wait_until(lambda: not threads_of_ours())


def test_the_time_of_a_slow_listener_is_not_the_model_s(tts: SparkTTSONNX, voice: Voice) -> None:
    tts.warm_up()
    with tts.stream(TEXT, voice=voice, seed=1) as stream:
        next(stream)
        time.sleep(1)
        list(stream)
    assert stream.info is not None
    assert stream.info.seconds["total"] < 0.9


def test_what_is_wrong_with_a_request_is_said_at_once(tts: SparkTTSONNX) -> None:
    with pytest.raises(TextError, match="the text is empty"):
        tts.stream(" ")


LEAVES = """
import sys
sys.path.insert(0, {tests!r})
import nano
from sparktts_onnx import SparkTTSONNX
tts = SparkTTSONNX(nano.BUNDLE, threads=1)
stream = tts.stream({text!r} * 20, seed=1)
print(len(next(stream)) > 0)
"""


def test_a_program_that_ends_in_the_middle_of_a_stream_ends() -> None:
    tests = Path(nano.__file__).parent
    program = LEAVES.format(tests=str(tests), text=LONG)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=tests.parent
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")

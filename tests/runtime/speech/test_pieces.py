"""Text in pieces is spoken as the whole text, as soon as it can be, and whatever its source does."""

import asyncio
import itertools
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import nano
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import endless, install

from sparktts_onnx import Lexicon, SparkTTSONNX, SpeechStream, StreamOptions, TextFeed, Voice
from sparktts_onnx.bundle.manifest import CodecLayout, Manifest, SamplingDefaults
from sparktts_onnx.errors import GenerationError, NothingToSpeakError, OptionError, TextError
from sparktts_onnx.runtime.speech.planning import plan_pieces, plan_segments
from sparktts_onnx.runtime.speech.request import make_utterance
from sparktts_onnx.runtime.speech.segment import Segment

PARAGRAPHS = [
    "Dr. Smith paid $3.50 at 5 p.m. on May 5, 2024, e.g. for 1,234 nails. 5 people came. See Vol. IV of it. No. 5.",
    "Sure! **Let me** help. *Really* good. 😀 It is so. “Stop. Go on.” he said. 'Yes. No.' she said. Done.",
    "First:\n1. Preheat the oven to 350°F.\n2. Mix it well.\n3. Bake for 30 min, then rest.\n\nEnjoy!",
    "今天是2024年5月5日，天气很好！他说：“你好。今天好吗？”我们走了3.5公里。Version 2.0 来了。第3章完。",
    "# Title\n\n- one thing, and\n- another <b>thing</b>\n\n"
    "- Wide is this line, it ends behind its 45th column.\n- `a.b` is.\n\nSee <table> at https://a.b/c?d=1. It works.",
    "| a. | b. |\n|---|---|\n| Cell one. | Cell two. |\n\nAfter it e\u0301 👩‍👩‍👧 🇨🇳🇺🇸 in the U.S. Army. Mr. Nguyen",
    "Mark this: <!-- hidden. Text. --><script>x. y. z</script> Done, and well.",
    "It cost Rs. 250 then. John XXIII. In 1066 he came.\nzip 90210, PIN 0042.\nlow\n* * *\nHigh\n=====\n<b>a</b>\nEnd.",
    "So \\( x = 5 \\). Then:\n\\[\nx^2 = 25.\n\\]\nIt is so. Next \\(y. z\\) ends.",
    "Open Mon–Fri at 5 p.m. Tuesday. On Sat. He left. Mon. Jan. 2. See it in Salem, Ore. He left on 4 Mar. Then p.5.",
    "First:\n1) Preheat it.\n2) Mix it well. Then rest.\n\nGood day 😊 How are you? Fine :) I am. See ya! :) Bye.",
    "1\n00:00:01,000 --> 00:00:04,074\nHello, and welcome.\n\n2\n00:00:04,500 --> 00:00:07,250\nToday we talk.",
    "WEBVTT\n\n00:01.000 --> 00:04.000\n- Never drink. It is\nso.\n\n00:05.000 --> 00:06.000\n- Ever.",
    "I. Aims\nHere they are.\nII. Methods\nWe did it.\n\nIII. End\n★★★★☆ in Dec.\n| a | ✅ |\n|---|---|\n| b | ❌ |",
    "words without a stop go on and on " * 20,
]
TEXTS = st.lists(st.sampled_from(PARAGRAPHS) | st.text(max_size=8), min_size=1, max_size=3).map(" ".join)


_WORD = re.compile(r"\w+")


def plain(segments: Iterable[Segment]) -> list[tuple[str, str, float, int]]:
    """What decides how segments sound, but for the pause behind the last, which nobody hears."""
    found = [(each.text, " ".join(_WORD.findall(each.written)), each.pause_seconds, each.index) for each in segments]
    return [*found[:-1], *((text, written, 0.0, index) for text, written, _, index in found[-1:])]


def planned(codec: CodecLayout, pieces: Iterable[str | None], **options: Any) -> list[tuple[str, str, float, int]]:
    early = options.pop("early", False)
    utterance = make_utterance("", {"seed": 1, **options}, SamplingDefaults(), in_pieces=True)
    return plain(plan_pieces(utterance, pieces, codec, early=early))


@pytest.mark.parametrize("text", PARAGRAPHS, ids=lambda text: text[:12])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("options", [{}, {"normalize": False, "lexicon": Lexicon({"Nguyen": "win", "he": "she"})}])
def test_letter_by_letter_is_as_the_whole(manifest: Manifest, text: str, early: bool, options: dict[str, Any]) -> None:
    utterance = make_utterance(text, {"seed": 1, **options}, SamplingDefaults())
    whole = plain(plan_segments(utterance, manifest.codec, early=early))
    assert planned(manifest.codec, text, early=early, **options) == whole


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.booleans(), st.data())
@example("1. a" + " b" * 300 + ". 2. c. " + ("d e " * 20 + ". ") * 45, True, None)
def test_where_a_text_is_cut_does_not_matter(
    manifest: Manifest, text: str, early: bool, data: st.DataObject | None
) -> None:
    places = [] if data is None else sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    pieces = [text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])] if data else text
    results = []
    for given_text in ([text], pieces):
        try:
            results.append(planned(manifest.codec, given_text, early=early))
        except NothingToSpeakError:
            results.append([])
    assert results[0] == results[1]


def test_a_segment_is_there_before_the_next_one(manifest: Manifest) -> None:
    utterance = make_utterance("", {"seed": 1}, SamplingDefaults(), in_pieces=True)
    taken: list[str] = []

    def pieces() -> Iterator[str]:
        for word in ("It was a dark and stormy night, and the rain fell in torrents. But it ended. " * 2).split(" "):
            taken.append(word)
            yield word + " "

    for early, known in ((True, "But"), (False, "But")):
        taken.clear()
        next(plan_pieces(utterance, pieces(), manifest.codec, early=early))
        assert taken[-1] == ("and" if early else known)


def test_the_sound_is_that_of_the_whole(tts: SparkTTSONNX, voice: Voice) -> None:
    text = "Hello there, how are you today? I paid $5, and you did not. Shall we say so? " * 3
    for early in ("sentence", "clause"):
        options: dict[str, Any] = {"voice": voice, "seed": 1, "stream_options": StreamOptions(first_segment=early)}
        whole, pieces = tts.stream(text, **options), tts.stream(iter(text), **options)
        np.testing.assert_array_equal(np.concatenate(list(whole)), np.concatenate(list(pieces)))
        assert whole.info is not None and pieces.info is not None
        assert pieces.info.segments == whole.info.segments
        assert pieces.info.words == whole.info.words


def collected(stream: SpeechStream) -> tuple[threading.Thread, list[Any]]:
    """A thread that takes a stream to its end, and what it gets: chunks, then an error."""
    got: list[Any] = []

    def take() -> None:
        try:
            got.extend(stream)
        except Exception as error:  # noqa: BLE001  Not swallowed: the test looks at it.
            got.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    return thread, got


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def test_a_tail_waits_for_flush_or_for_its_time(tts: SparkTTSONNX, voice: Voice) -> None:
    feed = TextFeed()
    speech = tts.stream(feed, voice=voice, seed=1, stream_options=StreamOptions(flush_seconds=30))
    thread, got = collected(speech)
    feed.write("Hello the")
    feed.write("re")
    time.sleep(0.1)
    assert not got
    feed.flush()
    wait_until(lambda: got)
    with feed:
        feed.write(" and 5")
    thread.join(10)
    assert speech.info is not None
    assert [segment.text for segment in speech.info.segments] == ["Hello there", "and five"]
    timed = TextFeed()
    thread, got = collected(tts.stream(timed, voice=voice, stream_options=StreamOptions(flush_seconds=0.05)))
    timed.write("Hello there")
    wait_until(lambda: got)
    timed.close()
    thread.join(10)


def failing(text: str, error: Exception) -> Iterator[str]:
    yield text
    raise error


FAULTS: list[tuple[str, Callable[[], Any], type[Exception], str, bool]] = [
    ("raises", lambda: failing("Hello there", ValueError("the line is dead")), ValueError, "the line is dead", True),
    ("a number", lambda: ["Hello there", 5], TextError, "a piece of the text is of type int", True),
    ("half a character", lambda: ["Hello \ud83d"], TextError, r"ends with '\\ud83d', half a character", True),
    ("a torn character", lambda: ["Hello", " \udc00"], TextError, "decoded wrongly", True),
    ("nothing", list, NothingToSpeakError, "nothing to speak in the text", False),
    ("signs", lambda: ["...", "!"], NothingToSpeakError, "nothing to speak in the text", False),
]


@pytest.mark.parametrize(("source", "error", "message", "heard"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_of_the_text_comes_behind_the_sound_before_it(
    tts: SparkTTSONNX, voice: Voice, source: Callable[[], Any], error: type[Exception], message: str, heard: bool
) -> None:
    chunks: list[Any] = []
    with pytest.raises(error, match=message):
        chunks.extend(tts.stream(source(), voice=voice))
    with pytest.raises(error, match=message):
        for chunk in tts.stream(source(), voice=voice):
            chunks.append(chunk)
    assert bool(chunks) == heard


@pytest.mark.parametrize("text", [5, None, b"bytes"])
def test_what_is_no_text_is_refused_at_once(tts: SparkTTSONNX, text: Any) -> None:
    with pytest.raises(TextError, match="expected a str, or an iterable of them"):
        tts.stream(text)


def test_a_feed_is_spoken_once_and_takes_nothing_behind_its_end(tts: SparkTTSONNX, voice: Voice) -> None:
    feed = TextFeed()
    for half in ("Hi \ud83d", "\ude00"):  # UTF-16, cut inside an emoji
        feed.write(half)
    feed.close()
    feed.flush()
    with pytest.raises(TextError, match="the text has ended"):
        feed.write("more")
    with tts.stream(feed, voice=voice) as stream:
        assert list(stream)
    assert stream.info is not None and stream.info.segments[0].written == "Hi 😀"
    with pytest.raises(OptionError, match="spoken before"):
        list(tts.stream(feed, voice=voice))


@pytest.mark.parametrize("state", ["before", "no text", "half a sentence", "speaking"])
def test_cancelling_ends_at_once_and_closes_the_source(tts: SparkTTSONNX, voice: Voice, state: str) -> None:
    model = install(tts, lambda: endless(nano.walks()))
    model.gate = threading.Semaphore(0)
    closed, more = threading.Event(), threading.Event()

    def source() -> Iterator[str]:
        try:
            yield {"no text": "", "speaking": "A whole sentence is here, and then another one. Yes. "}.get(
                state, "Half"
            )
            more.wait(20)
            yield "more"
        finally:
            closed.set()

    stream = tts.stream(source(), voice=voice, segment_seconds=60, max_new_tokens=100)
    if state == "before":
        stream.close()
        assert list(stream) == []
        return
    thread, got = collected(stream)
    if state == "speaking":
        more.set()
        wait_until(lambda: model.prompts)
    else:
        time.sleep(0.05)
    began = time.monotonic()
    stream.cancel()
    model.gate.release(2)
    thread.join(10)
    assert time.monotonic() - began < 5
    assert got == [] and stream.info is None
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "segment"])
    more.set()
    assert closed.wait(10)


def test_async_code_hears_the_same_and_may_write_too(tts: SparkTTSONNX, voice: Voice) -> None:
    text = "Hello there, how are you today? I paid $5, and you did not. Shall we say so? " * 2

    async def written() -> AsyncIterator[str]:
        for piece in text.split(" "):
            await asyncio.sleep(0)
            yield piece + " "

    async def hear(source: Any) -> Any:
        speech = tts.astream(source, voice=voice, seed=1)
        chunks = [chunk async for chunk in speech]
        assert speech.stream is not None and speech.stream.info is not None
        return np.concatenate(chunks)

    async def hear_all() -> list[Any]:
        return await asyncio.gather(*(hear(source) for source in [text, text.split("q"), written()]))

    expected = np.concatenate(list(tts.stream(text, voice=voice, seed=1)))
    for heard in asyncio.run(hear_all()):
        np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("way", ["task", "aclose", "cancel", "with", "text"])
def test_async_speech_ends_at_once_and_ends_its_text(tts: SparkTTSONNX, voice: Voice, way: str) -> None:
    ended: list[str] = []

    async def written() -> AsyncIterator[str]:
        try:
            yield "A first sentence that is long enough to be spoken at once, and then comes more. Then"
            if way == "text":
                raise ValueError("the line is dead")
            await asyncio.sleep(60)
        finally:
            ended.append(way)

    async def leave() -> None:
        async with tts.astream(written(), voice=voice) as speech:
            await anext(speech)
            if way == "with":
                return
            following = asyncio.ensure_future(_drained(speech))
            await asyncio.sleep(0.05)
            if way == "task":
                following.cancel()
            elif way == "text":
                with pytest.raises(ValueError, match="the line is dead"):
                    await following
                return
            elif way == "aclose":
                await speech.aclose()
            else:
                speech.cancel()
            await asyncio.wait([following])
            assert following.cancelled() == (way == "task")
            assert [chunk async for chunk in speech] == []

    began = time.monotonic()
    asyncio.run(leave())
    assert ended == [way]
    assert time.monotonic() - began < 10
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "segment"])


async def _drained(speech: AsyncIterator[Any]) -> None:
    async for _ in speech:
        pass


def test_async_speech_whose_thread_cannot_start_is_an_error(
    tts: SparkTTSONNX, voice: Voice, no_threads: Callable[[str], None]
) -> None:
    async def hear() -> None:
        speech = tts.astream("Hello there.", voice=voice)
        with pytest.raises(GenerationError, match="no thread could be started"):
            await anext(speech)
        await speech.aclose()
        assert [chunk async for chunk in speech] == []

    no_threads("astream")
    asyncio.run(hear())

"""Workers, engine and batch blocks in this process: no cluster, only a stand-in for Ray's handle."""

import asyncio
import contextlib
import io
import logging
import pickle
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import nano
import numpy as np
import pytest
import ray.exceptions
import soundfile
from ray.serve.exceptions import RequestCancelledError
from stand_in import StandIn

from sparktts_onnx import SparkTTSError, SparkTTSONNX, SpeechInfo, TextFeed, Voice
from sparktts_onnx.batch.lines import Line, read_lines
from sparktts_onnx.batch.results import Target
from sparktts_onnx.errors import GenerationError, NothingToSpeakError, OptionError, TextError
from sparktts_onnx.scale.batch import Worker, with_seed
from sparktts_onnx.scale.cluster import ModelSettings
from sparktts_onnx.scale.remote import ATTEMPTS, RemoteEngine
from sparktts_onnx.scale.speaker import Item, Piece, Speaker

MODEL = ModelSettings(nano.BUNDLE, slots=2)
TEXT = "The first sentence is here. The second one is a little longer than that."


@pytest.fixture(scope="module")
def tts() -> Iterator[SparkTTSONNX]:
    with SparkTTSONNX(nano.BUNDLE, threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    yield Speaker(MODEL)


def test_a_worker_speaks_as_the_library_does(speaker: Speaker, tts: SparkTTSONNX) -> None:
    items = asyncio.run(_all(speaker.speak("stream", TEXT, gender="female", seed=3)))
    whole = np.concatenate(list(tts.stream(TEXT, gender="female", seed=3)))
    assert np.array_equal(np.concatenate([item.chunk for item in items if isinstance(item, Piece)]), whole)
    assert isinstance(items[-1], SpeechInfo)
    assert items[-1].duration_seconds == pytest.approx(len(whole) / nano.SAMPLE_RATE)
    assert pickle.loads(pickle.dumps(items[-1])) == items[-1]


def test_a_worker_revoices_as_the_library_does(speaker: Speaker, tts: SparkTTSONNX, voice: Voice) -> None:
    file = io.BytesIO()
    soundfile.write(file, nano.sound(range(60), (7, 7, 7, 7)), nano.SAMPLE_RATE, format="WAV")
    engine = RemoteEngine(Handle(speaker), tts.manifest)  # type: ignore[arg-type]
    with engine.revoice_stream(io.BytesIO(file.getvalue()), voice) as stream:
        heard = np.concatenate(list(stream))
    assert stream.info is not None and stream.info.voice == voice
    assert np.array_equal(heard, tts.revoice(io.BytesIO(file.getvalue()), voice)[0])


def test_a_worker_tells_errors_as_values(speaker: Speaker) -> None:
    assert asyncio.run(_all(speaker.speak("stream", "...", seed=0))) == [_like(NothingToSpeakError)]
    assert asyncio.run(_all(speaker.speak("stream", "Hello.", seed=-1))) == [_like(OptionError)]
    made = asyncio.run(speaker.make("create_voice", gender="robot"))
    assert made == _like(OptionError)


def test_a_listener_who_leaves_stops_the_work(speaker: Speaker) -> None:
    async def leave() -> None:
        for _ in range(3 * MODEL.slots):  # more often than there are slots: each is freed
            stream = speaker.speak("stream", "word " * 40, gender="male", seed=1)
            assert isinstance(await anext(stream), Piece)
            await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert isinstance(asyncio.run(_all(speaker.speak("stream", "Hello.", seed=1)))[-1], SpeechInfo)


class Handle:
    """Ray's handle for one worker in this process; calls may be made to fail as if the worker had ended."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.endings: list[int] = []
        """For the next calls: items after which the worker ends."""
        self.asked: list[tuple[str, str]] = []
        """What of the library was asked for, and the key, of every call."""

    def options(self, *, method_name: str, stream: bool = False, multiplexed_model_id: str = "") -> "Call":
        return Call(self, method_name, stream, multiplexed_model_id)


class Call:
    def __init__(self, handle: Handle, method: str, stream: bool, key: str) -> None:
        self._handle, self._method, self._stream, self._key = handle, method, stream, key

    def remote(self, wanted: str, *arguments: Any, **options: Any) -> Any:
        self._handle.asked.append((wanted, self._key))
        end = self._handle.endings.pop(0) if self._handle.endings else None
        work = getattr(self._handle.speaker, self._method)(wanted, *arguments, **options)
        return Response(work, end) if self._stream else Result(work, end)


class Result:
    def __init__(self, work: Any, end: int | None) -> None:
        self._work, self._end = work, end

    def result(self) -> Any:
        if self._end is not None:
            self._work.close()
            raise ray.exceptions.ActorDiedError
        return asyncio.run(self._work)


class Response:
    """A stream's items, from a thread with an event loop."""

    def __init__(self, items: AsyncIterator[Item], end: int | None) -> None:
        self._items, self._end, self._given = items, end, 0
        self._news: queue.Queue[Any] = queue.Queue()
        self._cancelled = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run())).start()

    def __iter__(self) -> "Response":
        return self

    def __next__(self) -> Item:
        if self._given == self._end:
            self._cancelled.set()
            raise ray.exceptions.ActorDiedError
        self._given += 1
        item = self._news.get(timeout=60)
        if item is None:
            if self._cancelled.is_set():
                raise RequestCancelledError("a request")
            raise StopIteration
        return item  # type: ignore[no-any-return]

    def cancel(self) -> None:
        self._cancelled.set()

    async def _run(self) -> None:
        async with contextlib.aclosing(self._items) as items:  # type: ignore[type-var]
            async for item in items:
                self._news.put(item)
                if self._cancelled.is_set():
                    break
        self._news.put(None)


@pytest.fixture
def handle(speaker: Speaker) -> Handle:
    return Handle(speaker)


@pytest.fixture
def engine(handle: Handle, tts: SparkTTSONNX) -> RemoteEngine:
    return RemoteEngine(handle, tts.manifest)  # type: ignore[arg-type]


@pytest.mark.parametrize("endings", [[], [0], [1], [2, 0], [1, 2]])
def test_the_engine_speaks_whole_speech_however_workers_end(
    engine: RemoteEngine, handle: Handle, tts: SparkTTSONNX, endings: list[int]
) -> None:
    handle.endings = list(endings)
    with engine.stream(TEXT, gender="female", seed=9) as stream:
        heard = np.concatenate(list(stream))
    assert np.array_equal(heard, np.concatenate(list(tts.stream(TEXT, gender="female", seed=9))))
    assert stream.info is not None
    assert len(handle.asked) == 1 + len(endings)


def test_a_text_in_pieces_is_spoken_once_it_has_ended(engine: RemoteEngine, tts: SparkTTSONNX) -> None:
    feed = TextFeed()
    stream = engine.stream(feed, gender="female", seed=3)
    for piece in (TEXT[:10], TEXT[10:]):
        feed.write(piece)
    threading.Timer(0.05, feed.close).start()
    assert np.array_equal(np.concatenate(list(stream)), np.concatenate(list(tts.stream(TEXT, gender="female", seed=3))))
    assert stream.info is not None and stream.segments == stream.info.segments and stream.words is None
    waits = engine.stream(TextFeed(), gender="female", seed=3)
    threading.Timer(0.05, waits.cancel).start()
    assert list(waits) == []


@pytest.mark.parametrize("endings", [[], [3]])
def test_words_and_segments_come_with_the_sound_that_they_end(
    engine: RemoteEngine, handle: Handle, speaker: Speaker, monkeypatch: pytest.MonkeyPatch, endings: list[int]
) -> None:
    monkeypatch.setattr(speaker, "_tts", StandIn())
    handle.endings = endings
    with engine.stream("Now I say it twice", seed=1) as stream:
        told = [[word.text for word in stream.words or ()] for _ in stream]
    words = ["Now", "I", "say", "it", "twice"]
    assert told == [words[: count + 1] for count in range(5)]
    assert stream.info is not None and stream.words == stream.info.words and stream.segments == stream.info.segments


def test_without_a_seed_a_second_attempt_is_still_the_same(engine: RemoteEngine, handle: Handle) -> None:
    handle.endings = [1]
    with engine.stream(TEXT, gender="female") as stream:
        assert len(list(stream)) > 1
    assert stream.info is not None


def test_the_engine_gives_up_after_some_workers(engine: RemoteEngine, handle: Handle) -> None:
    handle.endings = [0] * ATTEMPTS
    with pytest.raises(GenerationError, match="workers ended"), engine.stream(TEXT, seed=1) as stream:
        list(stream)
    assert stream.info is None


def test_errors_of_the_worker_are_the_engine_s(engine: RemoteEngine) -> None:
    with pytest.raises(TextError), engine.stream("...", seed=1) as stream:
        list(stream)
    with pytest.raises(OptionError):
        engine.create_voice(gender="robot")


def test_a_cancelled_stream_ends(engine: RemoteEngine) -> None:
    with engine.stream("word " * 40, gender="male", seed=1) as stream:
        chunks = iter(stream)
        next(chunks)
        stream.cancel()
        assert len(list(chunks)) < 100
    assert stream.info is None


def test_voices_go_where_they_were_made_and_speech_anywhere(
    engine: RemoteEngine, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, recording, transcript in (("a", b"x", None), ("a", b"x", None), ("b", b"x", "hello"), ("c", b"y", None)):
        with contextlib.suppress(Exception):
            engine.enroll([io.BytesIO(recording)], transcript)
        assert handle.asked[-1][0] == "enroll", name
    keys = [key for _, key in handle.asked]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    handle.asked.clear()
    engine.create_voice(gender="male", seed=1)
    engine.create_voice(gender="male", seed=1)
    engine.create_voice(gender="male")
    with engine.stream("Hello.", seed=1) as stream:
        list(stream)
    (first, second, unseeded, speech) = (key for _, key in handle.asked)
    assert first == second != ""
    assert unseeded == speech == ""


def test_a_made_voice_is_made_again_where_a_worker_ended(engine: RemoteEngine, handle: Handle) -> None:
    whole = engine.create_voice(gender="female", seed=4)
    handle.endings = [0]
    assert engine.create_voice(gender="female", seed=4) == whole


def test_a_worker_keeps_voices_but_no_failures(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Any] = [GenerationError("a text"), Voice("a" * 64, (1, 2, 3, 4)), GenerationError("never asked")]

    def create_voice(**_: Any) -> Voice:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    async def ask() -> list[Any]:
        return [await speaker.make("create_voice", seed=1) for _ in range(3)]

    replica = SimpleNamespace(app_name="app", deployment="speaker", replica_id="1")
    monkeypatch.setattr("ray.serve.multiplex._get_internal_replica_context", lambda: replica)
    monkeypatch.setattr("ray.serve.get_multiplexed_model_id", lambda: "key")
    # Ray tells its controller which voices a worker has, and starts a cluster where there is no controller.
    monkeypatch.setattr("ray.serve.multiplex._get_global_client", Mock())
    monkeypatch.setattr(speaker._tts, "create_voice", create_voice)
    monkeypatch.setattr(logging.getLogger("ray.serve"), "propagate", True)
    failed, made, again = asyncio.run(ask())
    assert failed == _like(GenerationError)
    assert isinstance(made, Voice) and again is made
    assert "GenerationError" in caplog.text and "a text" not in caplog.text


def test_a_block_of_lines_is_spoken_and_told(tmp_path: Path) -> None:
    lines = [Line(n, f"{n:016x}", f"line{n}", {"text": text}) for n, text in enumerate(("Hello.", "...", "Good."), 1)]
    worker = Worker(MODEL, Target(tmp_path, "wav"))
    told = worker({"line": [pickle.dumps(with_seed(line)) for line in lines]})
    outcomes = {outcome.number: outcome for outcome in map(pickle.loads, told["outcome"])}
    assert outcomes[2].note is None and "speak" in outcomes[2].error
    for number in (1, 3):
        note = outcomes[number].note
        assert outcomes[number].error is None
        assert note["seed"] == number
        assert (note["line"], note["file"]) == (number, f"line{number}.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line1.wav", "line3.wav"]


def test_a_given_seed_stays() -> None:
    line = Line(1, "00ff", "a", {"text": "x", "seed": 0})
    assert with_seed(line) is line
    assert with_seed(Line(1, "00ff", "a", {"text": "x", "seed": None})).item["seed"] == 255


def test_parquet_is_read_as_lines_are(tmp_path: Path, tts: SparkTTSONNX) -> None:
    from pyarrow import Table, parquet

    rows = [
        {"text": "Hello.", "seed": 1, "id": None},
        {"text": None, "seed": 2, "id": "b"},
        {"text": "Two.", "id": "c"},
    ]
    parquet.write_table(Table.from_pylist(rows), tmp_path / "lines.parquet")
    lines, bad = read_lines(tmp_path / "lines.parquet", tts.manifest)
    assert [(line.number, line.name, dict(line.item)) for line in lines] == [
        (1, "000001", {"text": "Hello.", "seed": 1}),
        (3, "c", {"text": "Two."}),
    ]
    assert [number for number, _ in bad] == [2]
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(TextError, match="Parquet"):
        read_lines(tmp_path / "bad.parquet", tts.manifest)


async def _all(items: AsyncIterator[Item]) -> list[Item]:
    return [item async for item in items]


class _like:
    """Equals any error of a kind."""

    def __init__(self, kind: Callable[..., Exception]) -> None:
        self._kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparkTTSError) and type(other) is self._kind and bool(other.message)

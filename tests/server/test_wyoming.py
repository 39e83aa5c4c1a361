"""The Wyoming server, with the package's own client: Home Assistant's way to speak, and everything it may do wrong."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable

import pytest
from stand_in import STEP_SAMPLES, StandIn
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

from sparktts_onnx import Voice, VoiceLibrary
from sparktts_onnx.errors import OptionError
from sparktts_onnx.server import ServerSettings
from sparktts_onnx.server.logs import JsonFormatter
from sparktts_onnx.server.service import SpeechService
from sparktts_onnx.server.wyoming import WyomingConversation, server_for

Talk = Callable[[AsyncTcpClient], Awaitable[None]]


def talk(engine: StandIn, settings: ServerSettings, *talks: Talk) -> None:
    """Clients of one server, one after another."""

    async def run() -> None:
        service = SpeechService(engine, settings)
        async with service.running():
            while service.state == "warming up":
                await asyncio.sleep(0.005)
            server = await asyncio.start_server(
                lambda r, w: WyomingConversation(r, w, service=service).run(), "127.0.0.1", 0
            )
            port = server.sockets[0].getsockname()[1]
            try:
                for each in talks:
                    async with AsyncTcpClient("127.0.0.1", port, read_timeout=10) as client:
                        await each(client)
            finally:
                server.close()

    asyncio.run(run())


async def answer(client: AsyncTcpClient, *, until: str = "audio-stop") -> list[Event]:
    """Events up to one of a type, or to the end of the connection."""
    events: list[Event] = []
    while (event := await client.read_event()) is not None:
        events.append(event)
        if event.type == until:
            break
    return events


def sound(events: list[Event]) -> bytes:
    assert AudioStart.is_type(events[0].type) and AudioStart.from_event(events[0]).rate == 16_000
    return b"".join(AudioChunk.from_event(event).audio for event in events if AudioChunk.is_type(event.type))


def test_the_voices_are_told(engine: StandIn, settings: ServerSettings, voice: Voice) -> None:
    VoiceLibrary(settings.voices_dir, engine.manifest.codec).add(voice, "anna")
    (settings.voices_dir / "broken.json").write_text("{")

    async def ask(client: AsyncTcpClient) -> None:
        await client.write_event(Ping(text="x").event())
        assert (await answer(client, until="pong"))[0].data == {"text": "x"}
        await client.write_event(Describe().event())
        (program,) = Info.from_event((await answer(client, until="info"))[0]).tts
        names = [each.name for each in program.voices]
        assert names[0] == "anna" and "alloy" in names and "broken" not in names
        assert program.supports_synthesize_streaming
        assert program.voices[0].languages == ["en", "zh"]

    talk(engine, settings, ask)


def test_text_whole_and_in_pieces(engine: StandIn, settings: ServerSettings) -> None:
    heard: list[bytes] = []

    async def whole(client: AsyncTcpClient) -> None:
        for name in ("nova", None):
            spoken_by = SynthesizeVoice(name=name) if name else None
            await client.write_event(Synthesize("Hello there.", voice=spoken_by).event())
            heard.append(sound(await answer(client)))

    async def pieces(client: AsyncTcpClient) -> None:
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="nova")).event())
        for word in ("Hello ", "there."):
            await client.write_event(SynthesizeChunk(word).event())
        await client.write_event(Synthesize("Hello there.").event())  # for servers that take no pieces
        await client.write_event(SynthesizeStop().event())
        events = await answer(client, until="synthesize-stopped")
        assert [event.type for event in events[-2:]] == ["audio-stop", "synthesize-stopped"]
        heard.append(sound(events))

    talk(engine, settings, whole, pieces)
    assert [len(wave) for wave in heard] == [2 * 5 * STEP_SAMPLES] * 3
    asked = [(text, options["voice"].name) for text, options in engine.asked[-3:]]
    assert [name for _, name in asked] == ["nova", "alloy", "nova"]


WRONG: list[tuple[list[Event], str]] = [
    ([SynthesizeChunk("x").event()], "no text is open"),
    ([SynthesizeStop().event()], "no text is open"),
    ([SynthesizeStart().event(), SynthesizeStart().event()], "a text is open"),
    ([Event("synthesize")], "lacks what it must hold"),
    ([Event("synthesize", {"text": 5})], "input"),
    ([Event("synthesize", {"text": "x", "voice": None})], "lacks what it must hold"),
    ([SynthesizeStart().event(), Event("synthesize-chunk", {"text": ["x"]})], "of type list"),
    ([Synthesize("").event()], "at least 1 character"),
    ([Synthesize("x" * 30_000).event()], "30000 characters"),
    ([SynthesizeStart().event(), SynthesizeChunk("x" * 30_000).event()], "30000 characters"),
    ([Synthesize("x", voice=SynthesizeVoice(name="nobody")).event()], "there is no voice 'nobody'"),
    ([Synthesize("<speak>", text_format="ssml").event()], "line 1"),
    ([SynthesizeStart(text_format="ssml").event()], "SSML is taken as one text"),
    ([Synthesize("x", text_format="rtf").event()], "input_format"),
    ([Synthesize("please break now").event()], "the model failed"),
    ([Synthesize("please crash now").event()], "the server failed"),
]


@pytest.mark.parametrize(("events", "message"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_told_and_ends_the_connection(
    engine: StandIn, settings: ServerSettings, events: list[Event], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrong(client: AsyncTcpClient) -> None:
        for event in events:
            await client.write_event(event)
        told = await answer(client, until="never")
        assert Error.is_type(told[-1].type) and message in Error.from_event(told[-1]).text, told

    async def right(client: AsyncTcpClient) -> None:
        await client.write_event(Event("something-else", {"a": 1}))
        await client.write_event(Synthesize("Hello.").event())
        assert AudioStop.is_type((await answer(client))[-1].type)

    talk(engine, settings, wrong, right)
    told = [JsonFormatter().format(record) for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == ("failed" in message) and "please" not in "".join(told)


@pytest.mark.parametrize(
    "line",
    [
        *(b"no json\n", b"[1]\n", b"{}\n", b"\xff\xfe\n", b"[" * 50_000 + b"\n", b"x" * 100_000),
        *(b'{"type": "describe", "data_length": 99999999999}\n', b'{"type": "describe", "data_length": "x"}\n'),
        b'{"type": "ping", "data": {"text": "private \\ud800"}}\n',
    ],
    ids=lambda line: line[:20],
)
def test_what_is_no_event_ends_the_connection(
    engine: StandIn, settings: ServerSettings, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def noise(client: AsyncTcpClient) -> None:
        assert client._writer is not None
        client._writer.write(line)
        with contextlib.suppress(ConnectionResetError):
            assert all(Error.is_type(event.type) for event in await answer(client, until="never"))

    async def half(client: AsyncTcpClient) -> None:
        assert client._writer is not None
        client._writer.write(json.dumps({"type": "describe", "data_length": 100}).encode() + b"\n{")

    talk(engine, settings, noise, half)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("text", ["this is slowly long", None])
def test_a_client_that_leaves_stops_the_model(engine: StandIn, settings: ServerSettings, text: str | None) -> None:
    async def leave(client: AsyncTcpClient) -> None:
        if text is None:
            await client.write_event(SynthesizeStart().event())
            await client.write_event(SynthesizeChunk("Half a sentence").event())
            await asyncio.sleep(0.1)
        else:
            await client.write_event(Synthesize(text).event())
            await answer(client, until="audio-chunk")

    async def look(client: AsyncTcpClient) -> None:
        for _ in range(1000):
            if not engine.active:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it goes on")

    talk(engine, settings, leave, look)
    assert engine.steps < 100


@pytest.mark.parametrize("begun", [b"", b'{"type": "describe", "data_length": 9}\n{'])
def test_a_connection_that_rests_is_closed(
    engine: StandIn, settings: ServerSettings, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparktts_onnx.server.wyoming.IDLE_SECONDS", 0.3)

    async def busy(client: AsyncTcpClient) -> None:
        await client.write_event(Synthesize("this is slowly long").event())
        assert AudioStart.is_type((await answer(client, until="audio-start"))[0].type)
        for _ in range(10):  # longer than it may rest
            assert AudioChunk.is_type((await answer(client, until="audio-chunk"))[0].type)
            await asyncio.sleep(0.1)

    async def resting(client: AsyncTcpClient) -> None:
        await client.write_event(Ping(text="x").event())
        assert [event.type for event in await answer(client, until="pong")] == ["pong"]
        assert client._writer is not None
        client._writer.write(begun)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(answer(client, until="never"), 5) == []

    talk(engine, settings, busy, resting)


def test_without_a_thread_it_is_told_and_nothing_is_left_over(
    engine: StandIn, settings: ServerSettings, no_threads: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(client: AsyncTcpClient) -> None:
        no_threads("asyncio_")
        await client.write_event(Describe().event())
        (told,) = await answer(client, until="never")
        assert Error.from_event(told).code == "generation_failed"

    talk(engine, settings, ask)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == ["an answer failed"]


def test_addresses(caplog: pytest.LogCaptureFixture) -> None:
    for wrong in ("127.0.0.1:10200", "tcp://127.0.0.1", "http://localhost:1", "tcp://localhost:99999"):
        with pytest.raises(OptionError, match="expected one such as tcp://127"):
            server_for(wrong)
    for own in ("tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "unix:///tmp/x"):
        server_for(own)
    assert caplog.messages == []
    server_for("tcp://0.0.0.0:1")
    assert "has no key" in caplog.text

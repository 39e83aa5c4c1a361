"""OpenAI's own Python client against this server, unchanged but for the address."""

import asyncio
import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import soundfile
from live_server import Live, listening
from openai import AsyncOpenAI, OpenAI
from stand_in import StandIn, until

from sparktts_onnx.server import ServerSettings

KEY = "correct-horse-battery"


@pytest.fixture
def live(engine: StandIn, settings: ServerSettings) -> Iterator[Live]:
    limits = dataclasses.replace(settings, api_key=KEY, slots=1, queue_size=0)
    with listening(engine, limits) as live:
        yield live


@pytest.fixture
def ai(live: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_speech_as_the_documentation_shows_it(ai: OpenAI, tmp_path: Path) -> None:
    file = tmp_path / "speech.mp3"
    create = ai.audio.speech.with_streaming_response.create
    with create(model="gpt-4o-mini-tts", voice="coral", input="Hello.", instructions="Be cheerful.") as answer:
        answer.stream_to_file(file)
    assert soundfile.info(file).format == "MP3"


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_every_format(ai: OpenAI, name: str) -> None:
    answer = ai.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", response_format=name)  # type: ignore[arg-type]
    assert len(answer.content) > 500


def test_sound_comes_in_pieces_while_it_is_made(ai: OpenAI, engine: StandIn) -> None:
    engine.step_seconds = 0.02
    create = ai.audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="alloy", input="long slowly", response_format="pcm") as answer:
        pieces = answer.iter_bytes(1024)  # kept: an iterator that is dropped closes the answer
        assert next(pieces)
        assert engine.active == 1 and engine.steps < 600
    assert until(lambda: engine.active == 0), "closing the answer stops the work"


def test_events(ai: OpenAI) -> None:
    create = ai.audio.speech.with_streaming_response.create
    with create(model="tts-1", voice="alloy", input="Hello.", stream_format="sse") as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    assert "speech.audio.delta" in lines[0] and "speech.audio.done" in lines[-1]


def test_fields_of_our_own_pass_through(ai: OpenAI) -> None:
    def speech(seed: int) -> bytes:
        create = ai.audio.speech.create
        body = {"seed": seed, "temperature": 0.5}
        return create(model="tts-1", voice="alloy", input="Hello.", response_format="pcm", extra_body=body).content

    assert speech(3) == speech(3) != speech(4)


def test_voices_are_made_used_and_deleted(ai: OpenAI, recording: bytes, engine: StandIn) -> None:
    voice = ai.audio.voices.create(name="Anna", consent="I am Anna and agree.", audio_sample=("a.wav", recording))
    assert (voice.object, voice.name, voice.type) == ("audio.voice", "Anna", "audio_sample") and voice.created_at > 0
    answer = ai.audio.speech.create(model="tts-1", voice={"id": voice.id}, input="Hi.", response_format="wav")
    assert soundfile.info(io.BytesIO(answer.content)).frames
    assert engine.asked[-1][1]["voice"].name == "Anna"
    assert ai.audio.voices.delete(voice.id).deleted


def test_models(ai: OpenAI) -> None:
    assert {model.id for model in ai.models.list()} >= {"spark-tts", "tts-1"}
    assert ai.models.retrieve("spark-tts").object == "model"


def test_errors_become_the_exceptions_that_programs_catch(ai: OpenAI, live: Live, engine: StandIn) -> None:
    with pytest.raises(openai.BadRequestError, match="Nobody") as caught:
        ai.audio.speech.create(model="tts-1", voice="Nobody", input="Hi.")
    assert caught.value.param == "voice" and caught.value.code == "invalid_voice"
    with pytest.raises(openai.NotFoundError, match="gpt-9"):
        ai.audio.speech.create(model="gpt-9", voice="alloy", input="Hi.")
    with pytest.raises(openai.AuthenticationError, match="API key"):
        OpenAI(base_url=f"{live.url}/v1", api_key="wrong-wrong", max_retries=0).models.list()
    with pytest.raises(openai.InternalServerError):
        ai.audio.speech.create(model="tts-1", voice="alloy", input="crash")
    engine.step_seconds = 30
    create = ai.audio.speech.with_streaming_response.create
    with live.post_speech("{}"), pytest.raises(openai.RateLimitError) as limited:
        engine.gate.clear()
        blocker = live.connect(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"
            b"Content-Type: application/json\r\nContent-Length: 17\r\n\r\n" + b'{"input": "Wait"}'
        )
        assert until(lambda: live.app.state.service.admission.active == 1)
        try:
            create(model="tts-1", voice="alloy", input="Hi.").__enter__()
        finally:
            blocker.close()
            engine.gate.set()
    assert int(limited.value.response.headers["retry-after"]) >= 1


def test_the_asynchronous_client(live: Live) -> None:
    async def speech() -> int:
        async with AsyncOpenAI(base_url=f"{live.url}/v1", api_key=KEY) as client:
            answer = await client.audio.speech.create(model="tts-1", voice="alloy", input="Hi.")
            return len(answer.content)

    assert asyncio.run(speech()) > 500

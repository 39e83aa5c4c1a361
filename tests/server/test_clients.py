"""Requests as programs that people connect send them: each is answered as that program expects."""

import base64
import io
import wave
from typing import Any

import pytest
import soundfile
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.errors import NothingToSpeakError, TextError
from sparktts_onnx.server import ServerSettings, create_app

SPEECH = "/v1/audio/speech"
JSON = {"Content-Type": "application/json"}
REQUESTS: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    # Home Assistant, the custom integration: it tries the key with a full stop, and takes the speed from a text field.
    "home assistant tries a key": (
        SPEECH,
        {"Authorization": "Bearer sk-none"},
        {"model": "tts-1", "input": ".", "voice": "alloy", "response_format": "mp3"},
    ),
    "home assistant speaks": (
        SPEECH,
        {"User-Agent": "HomeAssistant-OpenAI-TTS"},
        {"model": "tts-1", "input": "The door is open.", "voice": "shimmer", "response_format": "wav", "speed": "1"},
    ),
    # Home Assistant itself: the instructions are str() of a missing option.
    "home assistant core": (
        SPEECH,
        {},
        {
            "model": "gpt-4o-mini-tts",
            "voice": "marin",
            "input": "Good morning.",
            "instructions": "None",
            "speed": 1.0,
            "response_format": "mp3",
        },
    ),
    "open webui": (
        SPEECH,
        {"Authorization": "Bearer ", "X-OpenWebUI-User-Name": "A%20B", "X-OpenWebUI-User-Role": "user"},
        {"input": "Hello there.", "voice": "alloy", "model": "tts-1", "response_format": "wav", "speed": None},
    ),
    "open webui without settings": (SPEECH, {}, {"input": "👍", "voice": "", "model": ""}),
    "open webui whose address lacks the prefix": ("/audio/speech", {}, {"input": "Hello.", "voice": "alloy"}),
    "sillytavern": (
        SPEECH,
        {"Authorization": "Bearer null"},
        {"model": "tts-1", "input": "*She nods.*", "voice": "nova", "response_format": "mp3", "speed": 1.05},
    ),
    "sillytavern with parameters of its own": (
        SPEECH,
        {},
        {
            "model": "tts-1",
            "input": "…",
            "voice": "echo",
            "speed": 1,
            "temperature": "0.7",
            "top_k": "50",
            "lang": "en",
        },
    ),
    "librechat": (SPEECH, {"Authorization": "Bearer x"}, {"input": "Hello.", "model": "tts-1", "voice": "onyx"}),
    "librechat for localai": (SPEECH, {}, {"input": "Hello.", "model": "tts-1", "backend": "piper"}),
    "anythingllm": (
        SPEECH,
        {"Authorization": "Bearer null", "X-Stainless-Lang": "js", "X-Stainless-Retry-Count": "0"},
        {"model": "tts-1", "voice": "alloy", "input": "Hello."},
    ),
    "anythingllm whose address ends in a slash": ("//v1//audio/speech", {}, {"voice": "alloy", "input": "Hello."}),
    "an address that ends in a slash": (f"{SPEECH}/", {}, {"voice": "alloy", "input": "Hello."}),
    "a base address with the prefix, twice": ("/v1/v1/audio/speech", {}, {"voice": "alloy", "input": "Hello."}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_program_gets_a_sound_that_it_can_play(model: SparkTTSONNX, settings: ServerSettings, name: str) -> None:
    path, headers, body = REQUESTS[name]
    with TestClient(create_app(model, settings), base_url="http://localhost", follow_redirects=False) as client:
        answer = client.post(path, json=body, headers={**JSON, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == ("audio/wav" if body.get("response_format") == "wav" else "audio/mpeg")
    assert soundfile.info(io.BytesIO(answer.content)).frames > 0


@pytest.mark.parametrize("text", [".", "…", "?!", "—", "。", "😀", "\u200d", "**", "```", "- - -"])
@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "pcm"])
def test_signs_alone_are_a_short_silence(model: SparkTTSONNX, settings: ServerSettings, text: str, form: str) -> None:
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answer = client.post(SPEECH, json={"input": text, "response_format": form, "seed": 1})
        events = client.post(SPEECH, json={"input": text, "response_format": form, "stream_format": "sse"})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = (
        {"samplerate": 24_000, "channels": 1, "format": "RAW", "subtype": "PCM_16"} if form == "pcm" else {}
    )
    sound, rate = soundfile.read(io.BytesIO(answer.content), **options)
    assert len(sound) / rate == pytest.approx(0.2, abs=0.13) and not sound.any()
    assert '"speech.audio.done"' in events.text and "holds no word" in events.text


def test_the_library_still_refuses_signs_alone(model: SparkTTSONNX) -> None:
    with pytest.raises(NothingToSpeakError):
        model.inference("…")
    with pytest.raises(TextError):
        model.stream("?!")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_text_at_all_is_a_mistake(client: TestClient, text: str) -> None:
    assert client.post(SPEECH, json={"input": text}).json()["error"]["param"] == "input"


@pytest.mark.parametrize(
    "fields",
    [
        {"voice": None, "model": None, "response_format": None, "speed": None, "stream_format": None},
        {"ref_audio": None, "ref_text": None, "style": None, "seed": None, "normalize": None, "sample_rate": None},
        {"voice": "", "model": "", "response_format": "", "ref_text": "", "instructions": "", "speed": ""},
        {"speed": "1.0", "seed": None, "temperature": None},
    ],
)
def test_what_is_empty_is_the_default(client: TestClient, engine: StandIn, fields: dict[str, Any]) -> None:
    plain, full = (client.post(SPEECH, json={"input": "Hello.", **more}) for more in ({}, fields))
    assert full.status_code == 200, full.text
    asked = [options for text, options in engine.asked if text == "Hello."]
    assert asked[0].keys() == asked[1].keys() and asked[0]["voice"] == asked[1]["voice"]
    assert plain.headers["content-type"] == full.headers["content-type"] == "audio/mpeg"


def test_numbers_may_be_spelled_as_text(client: TestClient, engine: StandIn) -> None:
    body = {"speed": "1.5", "seed": "7", "top_k": 50.0, "top_p": "0.9", "sample_rate": "8000", "retries": "0"}
    assert client.post(SPEECH, json={"input": "Hello.", **body}).status_code == 200
    options = engine.asked[-1][1]
    assert (options["tempo"], options["seed"], options["top_k"], options["top_p"]) == (1.5, 7, 50, 0.9)
    assert type(options["top_k"]) is int and options["retries"] == 0


def test_a_recording_may_be_written_in_every_way_that_base64_is(client: TestClient, engine: StandIn) -> None:
    wav = b"RIFF" + bytes(range(256)) * 3
    plain, safe = base64.b64encode(wav).decode(), base64.urlsafe_b64encode(wav).decode()
    assert "+" in plain and "-" in safe
    broken = "\r\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    for text in (plain, safe, broken, safe.rstrip("="), plain.replace("+", "%2B").replace("/", "%2F")):
        for prefix in ("", "data:audio/wav;base64,", "data:audio/webm;codecs=opus;base64,"):
            answer = client.post(SPEECH, json={"input": "Hello.", "ref_audio": prefix + text, "seed": 1})
            assert answer.status_code == 200, answer.text
    assert engine.enrolled == 1, "all of them are the same bytes"


def test_a_voice_may_be_a_recording(client: TestClient, engine: StandIn, recording: bytes) -> None:
    uri = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    bodies: tuple[dict[str, Any], ...] = ({"voice": uri}, {"voice": "alloy", "ref_audio": uri})
    answers = [client.post(SPEECH, json={"input": "Hello.", "seed": 1, **body}) for body in bodies]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert client.post(SPEECH, json={"input": "Hello.", "voice": "data:,x"}).json()["error"]["param"] == "ref_audio"


@pytest.mark.parametrize("path", ["/v1/audio/models", "/audio/models", "/v1/models", "/models", "/v1//models"])
def test_models_are_listed_wherever_programs_look(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert [model["id"] for model in answer.json()["data"]][:2] == ["spark-tts", "tts-1"]
    assert answer.json()["models"] == answer.json()["data"]  # Open WebUI reads this list


@pytest.mark.parametrize("path", ["/audio/voices", "//v1/audio/voices", "/v1/v1/audio/voices"])
def test_voices_are_listed_wherever_programs_look(client: TestClient, path: str) -> None:
    assert {"id": "alloy", "name": "alloy"} in client.get(path).json()["voices"]


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/audio/models", "/v1/audio/voices", "/health", "/", "/openapi.json"]
)
def test_a_head_is_that_of_the_answer_without_its_body(client: TestClient, path: str) -> None:
    head, answer = client.head(path), client.get(path)
    assert head.status_code == answer.status_code == 200 and head.content == b""
    assert head.headers["content-length"] == str(len(answer.content))
    assert client.head("/v1/audio/speech").status_code == 405


@pytest.mark.parametrize("path", ["/speech", "/v2/audio/speech", "/api/tts", "/v1/audio/speech/audio/speech"])
def test_a_wrong_address_is_told_the_right_one(client: TestClient, path: str) -> None:
    answer = client.post(path, json={"input": "Hello."})
    assert answer.status_code == 404 and "POST /v1/audio/speech" in answer.json()["error"]["message"]


def test_a_client_that_skips_44_bytes_hears_the_sound_alone(client: TestClient) -> None:
    body = {"input": "Hello.", "seed": 1, "sample_rate": 16_000}
    wav = client.post(SPEECH, json={**body, "response_format": "wav"}).content
    pcm = client.post(SPEECH, json={**body, "response_format": "pcm"}).content
    assert wav[:4] == b"RIFF" and wav[36:40] == b"data" and wav[44:] == pcm


def test_pythons_wave_module_reads_a_stream(client: TestClient) -> None:
    answer = client.post(SPEECH, json={"input": "Hello.", "response_format": "wav"})
    with wave.open(io.BytesIO(answer.content)) as file:  # as Home Assistant joins the answers to several sentences
        assert len(file.readframes(file.getnframes())) == 2 * 8_000
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)

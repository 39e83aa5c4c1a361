"""`POST /v1/audio/speech`: what can be asked for, what comes back, and what is refused."""

import base64
import dataclasses
import gc
import io
import json
import logging
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from live_server import Live
from stand_in import RATE, StandIn, until
from starlette.testclient import TestClient

from sparktts_onnx import SparkTTSError, SparkTTSONNX
from sparktts_onnx.errors import GenerationError, OptionError, VoiceError
from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.errors import field_at_fault, from_library
from sparktts_onnx.server.logs import JsonFormatter
from sparktts_onnx.server.schemas import SpeechRequest
from sparktts_onnx.server.service import SpeechService
from sparktts_onnx.server.speech import make_order

SECONDS = 0.5
"""What the stand-in makes of a short text."""


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/audio/speech", json={"input": "Hello.", "voice": "alloy", "seed": 1, **body})


def refused(client: TestClient, status: int, **body: Any) -> dict[str, Any]:
    answer = ask(client, **body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return dict(error)


@pytest.mark.parametrize(
    ("name", "kind", "container"),
    [
        ("mp3", "audio/mpeg", "MP3"),
        ("opus", "audio/ogg; codecs=opus", "OGG"),
        ("flac", "audio/flac", "FLAC"),
        ("wav", "audio/wav", "WAV"),
    ],
)
def test_every_file_format_is_a_file_of_that_format(client: TestClient, name: str, kind: str, container: str) -> None:
    answer = ask(client, response_format=name)
    assert answer.status_code == 200 and answer.headers["content-type"] == kind
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        assert file.format == container and file.samplerate == RATE
        assert len(file.read()) / RATE == pytest.approx(SECONDS, abs=0.15)


def test_aac_is_an_adts_stream(client: TestClient) -> None:
    answer = ask(client, response_format="aac")
    assert answer.headers["content-type"] == "audio/aac"
    data = answer.content
    if data[:3] == b"ID3":  # the mark that it is synthetic
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        data = data[10 + size :]
    assert data[0] == 0xFF and data[1] & 0xF0 == 0xF0


def test_mp3_is_what_comes_without_a_format(client: TestClient) -> None:
    assert ask(client).headers["content-type"] == "audio/mpeg"


def test_pcm_has_24_kilohertz_and_says_so(client: TestClient) -> None:
    answer = ask(client, response_format="pcm")
    assert answer.headers["content-type"] == "audio/pcm; rate=24000"
    assert answer.headers["x-sample-rate"] == "24000"
    assert len(answer.content) / 2 / 24_000 == pytest.approx(SECONDS, abs=0.01)


def test_another_rate_can_be_asked_for(client: TestClient) -> None:
    answer = ask(client, response_format="pcm", sample_rate=8_000)
    assert len(answer.content) / 2 / 8_000 == pytest.approx(SECONDS, abs=0.01)
    assert ask(client, response_format="pcm", sample_rate=RATE).headers["x-sample-rate"] == str(RATE)


def test_events_carry_the_same_sound_and_end_with_the_story(client: TestClient) -> None:
    plain = ask(client, response_format="pcm").content
    answer = ask(client, response_format="pcm", stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    deltas = [event for event in events if event["type"] == "speech.audio.delta"]
    assert b"".join(base64.b64decode(event["audio"]) for event in deltas) == plain
    done = events[-1]
    assert done["type"] == "speech.audio.done"
    assert done["usage"] == {"input_tokens": 6, "output_tokens": 25, "total_tokens": 31}
    assert done["info"]["seed"] == 1 and done["info"]["segments"][0]["text"] == "Hello."


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav"])
def test_events_carry_every_format(client: TestClient, name: str) -> None:
    plain = ask(client, response_format=name).content
    answer = ask(client, response_format=name, stream_format="sse")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    data = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert data[:4] == plain[:4] and len(data) == len(plain) and events[-1]["type"] == "speech.audio.done"


def test_events_tell_when_each_word_is_heard(serve: Callable[..., Live], settings: ServerSettings) -> None:
    engine = StandIn()
    live = serve(engine, settings)
    body = {"input": "Now I say it twice", "response_format": "pcm", "stream_format": "sse", "seed": 1}
    answer = httpx.post(f"{live.url}/v1/audio/speech", json={**body, "timestamp_granularities": ["word"]})
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    kinds = [event["type"].rpartition(".")[2] for event in events]
    told = [word for event in events if event["type"].endswith("words") for word in event["words"]]
    assert (
        told
        == events[-1]["words"]
        == [
            {"word": word, "start": round(i / 10, 3), "end": round((i + 1) / 10, 3)}
            for i, word in enumerate(("Now", "I", "say", "it", "twice"))
        ]
    )
    assert kinds.index("words") < kinds.index("delta")
    later = {**body, "input": "long slowly", "timestamp_granularities": ["word"]}
    with httpx.stream("POST", f"{live.url}/v1/audio/speech", json=later) as answer:
        assert "event: speech.audio.words" in answer.iter_lines() and engine.active == 1, "as they are known"
    plain = httpx.post(f"{live.url}/v1/audio/speech", json=body).text
    assert "audio.words" not in plain and '"words"' not in plain


def test_a_bundle_that_cannot_tell_words_says_so(settings: ServerSettings) -> None:
    with TestClient(create_app(StandIn(word_times=False), settings), base_url="http://localhost") as client:
        answer = ask(client, stream_format="sse", timestamp_granularities=["word"])
    done = json.loads(answer.text.splitlines()[-2][6:])
    assert done["words"] is None and "cannot tell when words are heard" in done["words_problem"]


@pytest.mark.parametrize(
    "body", [{"timestamp_granularities": ["word"]}, {"stream_format": "sse", "timestamp_granularities": ["segment"]}]
)
def test_times_of_words_come_with_events_only(client: TestClient, body: dict[str, Any]) -> None:
    error = ask(client, **body)
    assert error.status_code == 400 and error.json()["error"]["param"] == "timestamp_granularities"


def test_a_failure_in_the_middle_of_events_is_an_event(client: TestClient) -> None:
    answer = ask(client, input="break it", stream_format="sse", response_format="pcm")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert events[0]["type"] == "speech.audio.delta"
    assert events[-1]["type"] == "error" and events[-1]["error"]["code"] == "generation_failed"


def test_the_same_seed_gives_the_same_speech(client: TestClient) -> None:
    first = ask(client, response_format="pcm", seed=5)
    assert first.headers["x-seed"] == "5"
    assert ask(client, response_format="pcm", seed=5).content == first.content
    assert ask(client, response_format="pcm", seed=6).content != first.content


def test_a_seed_that_was_drawn_is_told(client: TestClient) -> None:
    drawn = client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "alloy", "response_format": "pcm"})
    again = ask(client, input="Hi.", response_format="pcm", seed=int(drawn.headers["x-seed"]))
    assert again.content == drawn.content


def test_a_voice_is_named_by_string_or_object_in_any_case(client: TestClient, engine: StandIn) -> None:
    answers = [ask(client, response_format="pcm", voice=voice) for voice in ("nova", {"id": "nova"}, "Nova")]
    assert len({answer.content for answer in answers}) == 1
    assert ask(client, response_format="pcm", voice="onyx").content != answers[0].content
    assert {options["voice"].name for text, options in engine.asked if text == "Hello."} == {"nova", "onyx"}


def test_without_a_voice_the_default_one_speaks(client: TestClient) -> None:
    body = {"input": "Hello.", "seed": 1, "response_format": "pcm"}
    assert client.post("/v1/audio/speech", json=body).content == ask(client, response_format="pcm").content


def test_a_style_alone_creates_a_voice(client: TestClient, engine: StandIn) -> None:
    client.post("/v1/audio/speech", json={"input": "Hi.", "style": {"gender": "male", "pitch": "low"}})
    options = engine.asked[-1][1]
    assert options["gender"] == "male" and options["pitch"] == "low" and "voice" not in options


def test_a_style_changes_how_a_voice_speaks_but_not_its_gender(client: TestClient, engine: StandIn) -> None:
    assert ask(client, style={"pitch": "high"}).status_code == 200
    assert engine.asked[-1][1]["pitch"] == "high" and engine.asked[-1][1]["voice"].name == "alloy"
    assert refused(client, 400, style={"gender": "male"})["param"] == "style.gender"


def test_options_reach_the_library(client: TestClient, engine: StandIn) -> None:
    ask(client, temperature=0.5, top_k=7, top_p=0.9, max_new_tokens=99, normalize=False, retries=0, segment_seconds=4)
    options = engine.asked[-1][1]
    del options["voice"]
    assert options == {
        "seed": 1,
        "temperature": 0.5,
        "top_k": 7,
        "top_p": 0.9,
        "max_new_tokens": 99,
        "normalize": False,
        "retries": 0,
        "segment_seconds": 4.0,
    }


def test_speed_is_a_tempo(client: TestClient, engine: StandIn) -> None:
    ask(client, speed=1.5)
    assert engine.asked[-1][1]["tempo"] == 1.5


def test_instructions_and_unknown_fields_do_no_harm(client: TestClient, engine: StandIn) -> None:
    answer = ask(client, instructions="Whisper!", language="en", response_format="pcm")
    assert answer.content == ask(client, response_format="pcm").content
    assert "instructions" not in engine.asked[-1][1] and "language" not in engine.asked[-1][1]


@pytest.mark.parametrize("name", ["spark-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15"])
def test_clients_may_call_the_model_by_names_they_know(client: TestClient, name: str) -> None:
    assert ask(client, model=name).status_code == 200


def test_a_recording_in_the_request_speaks(client: TestClient, engine: StandIn, recording: bytes) -> None:
    uri = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    first = ask(client, ref_audio=uri, ref_text="What is said.", response_format="pcm")
    assert first.status_code == 200
    voice = engine.asked[-1][1]["voice"]
    assert voice.transcript == "What is said." and voice.name is None
    assert ask(client, ref_audio=uri, ref_text="What is said.", response_format="pcm").content == first.content
    assert engine.enrolled == 1, "the same recording is enrolled once"
    assert client.get("/v1/audio/voices").json()["data"][0]["built_in"], "it is not kept"


def test_a_request_that_waits_keeps_its_recording_and_not_its_body(client: TestClient, recording: bytes) -> None:
    service: SpeechService = client.app.state.service  # type: ignore[attr-defined]
    body = SpeechRequest(input="Hi.", ref_audio=base64.b64encode(recording).decode(), ref_text="What is said.")
    kept, order = weakref.ref(body), make_order(body, service)
    del body
    gc.collect()
    assert kept() is None and order.voice()["voice"].transcript == "What is said."


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/a.wav",
        "file:///etc/passwd",
        "/etc/passwd",
        "data:audio/wav,plain",
        "data:audio/wav;base64,%%%",
        "data:audio/wav;base64,aGVsbG8=",
        "",
    ],
)
def test_what_is_no_recording_is_refused_and_nothing_is_fetched(client: TestClient, uri: str) -> None:
    assert refused(client, 400, ref_audio=uri)["code"] == "invalid_recording"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", ""),
        ("input", "  \n"),
        ("input", 5),
        ("input", None),
        ("input", ["a"]),
        ("voice", 7),
        ("voice", {"name": "alloy"}),
        ("response_format", "ogg"),
        ("speed", 0.2),
        ("speed", 4.1),
        ("speed", "fast"),
        ("speed", True),
        ("stream_format", "websocket"),
        ("seed", -1),
        ("seed", 1.5),
        ("seed", "1.5"),
        ("seed", "one"),
        ("seed", True),
        ("temperature", "nan"),
        ("temperature", -1),
        ("top_p", 0),
        ("top_k", -1),
        ("sample_rate", 1),
        ("style", {"gender": "robot"}),
        ("style", "male"),
    ],
)
def test_wrong_values_are_refused_by_name(client: TestClient, engine: StandIn, field: str, value: Any) -> None:
    error = refused(client, 400, **{field: value})
    assert error["type"] == "invalid_request_error"
    assert str(error["param"]).split(".")[0] == field
    assert all(text != "Hello." for text, _ in engine.asked)


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("voice", 5, "voice"),
        ("voice", "x" * 201, "voice"),
        ("voice", "\ud800", "voice"),
        ("voice", {}, "voice.id"),
        ("voice", {"id": 5}, "voice.id"),
        ("style", [], "style"),
        ("style", {"pitch": 1}, "style.pitch"),
        ("ref_text", "x" * 2001, "ref_text"),
    ],
)
def test_the_param_is_a_field_of_the_request(client: TestClient, field: str, value: Any, param: str) -> None:
    body = json.dumps({"input": "Hello.", field: value})
    answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["param"] == param
    assert error["message"].startswith(f"{param}: ")
    assert "constrained" not in error["message"] and "dictionary" not in error["message"]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (None, "has no content type"),
        ("text/plain", "'text/plain'"),
        ("application/x-www-form-urlencoded", "'application/x-www-form-urlencoded'"),
        ("application/json5", "'application/json5'"),
    ],
)
def test_another_content_type_than_json_is_told(client: TestClient, kind: str | None, found: str) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post("/v1/audio/speech", content=b'{"input": "Hello."}', headers=headers)
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["code"] == "invalid_content_type"
    assert found in error["message"] and "expected application/json" in error["message"]


@pytest.mark.parametrize(
    ("body", "encoding", "found"),
    [(b"\x1f\x8b\x08", "gzip", "encoded as 'gzip'"), (b'{"input": "caf\xe9"}', "identity", "it is not UTF-8")],
)
def test_a_body_in_another_encoding_is_told_so(client: TestClient, body: bytes, encoding: str, found: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = client.post("/v1/audio/speech", content=body, headers=headers)
    assert answer.status_code == 400 and found in answer.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_every_spelling_of_json_is_read(client: TestClient, kind: str) -> None:
    body = b'{"input": "Hello."}'
    assert client.post("/v1/audio/speech", content=body, headers={"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"input": "Hello."', "is not JSON: Expecting"),
        ("", "should be a JSON object: it is empty"),
        ("[1]", "should be a JSON object: it is something else"),
        ('{"input": "Hello.", "seed": ' + "9" * 5000 + "}", "cannot be read"),
        ("[" * 40_000, "cannot be read"),
        ('{"input": "Hello.", "other": [' + "[]," * 100_000 + "0]}", "more than 70000 values"),
    ],
)
def test_what_is_wrong_with_a_body_is_told(client: TestClient, body: str, said: str) -> None:
    answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and said in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", ["{", "", "[]", "null", '"text"', "[" * 5000, '{"input": NaN}', "\xff"])
def test_what_is_no_request_is_refused(client: TestClient, body: str) -> None:
    data = body.encode("latin-1")
    answer = client.post("/v1/audio/speech", content=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_an_infinite_number_is_no_temperature(client: TestClient) -> None:
    body = '{"input": "Hi.", "temperature": Infinity}'
    answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "temperature"


def test_an_unknown_voice_or_model_is_named(client: TestClient) -> None:
    error = refused(client, 400, voice="Nobody")
    assert error["param"] == "voice" and "Nobody" in error["message"]
    error = refused(client, 404, model="gpt-9")
    assert error["code"] == "model_not_found" and "spark-tts" in error["message"]


def test_a_misspelled_voice_is_guessed_also_among_the_built_in_ones(client: TestClient) -> None:
    assert "did you mean alloy?" in refused(client, 400, voice="aloy")["message"]
    assert "GET /v1/audio/voices" in refused(client, 400, voice="../../etc/passwd")["message"]


def test_a_long_text_is_refused_before_any_work(engine: StandIn, settings: ServerSettings) -> None:
    app = create_app(engine, dataclasses.replace(settings, max_text_characters=10))
    with TestClient(app, base_url="http://localhost") as client:
        assert refused(client, 400, input="x" * 11)["code"] == "text_too_long"
        assert ask(client, input="x" * 10).status_code == 200


def test_a_failure_before_the_first_sound_is_a_server_error(client: TestClient) -> None:
    answer = ask(client, input="crash")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "division" not in answer.text and "Traceback" not in answer.text


def test_a_failing_model_is_told_to_the_log_and_not_to_the_client(
    client: TestClient, engine: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(text: str, **options: Any) -> Any:
        raise GenerationError("the graph /srv/models/decoder.onnx failed")

    monkeypatch.setattr(engine, "stream", broken)
    caplog.set_level(logging.INFO)
    error = refused(client, 500)
    assert error["code"] == "generation_failed" and "/srv" not in error["message"]
    told = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert told["error"] == "GenerationError" and "broken" in told["at"][-1]
    assert told["reason"] == "the graph /srv/models/decoder.onnx failed"


@pytest.mark.parametrize("changes", [{}, {"stream_format": "sse"}, {"voice": None, "style": {"gender": "male"}}])
def test_too_few_tokens_to_say_anything_are_the_requests_fault(
    model: SparkTTSONNX, settings: ServerSettings, changes: dict[str, Any]
) -> None:
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        error = refused(client, 400, max_new_tokens=1, **changes)
    assert error["param"] == "max_new_tokens" and error["type"] == "invalid_request_error"
    assert "max_new_tokens is 1" in error["message"] and "leave it out" in error["message"]


def test_extreme_values_are_spoken(model: SparkTTSONNX, settings: ServerSettings) -> None:
    extremes: tuple[dict[str, Any], ...] = (
        {"max_new_tokens": 1 << 70},
        {"segment_seconds": 2},
        {"segment_seconds": 60},
        {"temperature": 0},
        {"temperature": 1e-300},
        {"temperature": 100},
        {"top_k": 0},
        {"top_k": 1},
        {"top_k": 1 << 70},
        {"top_p": 1e-300},
        {"speed": 0.25},
        {"speed": 4},
        {"retries": 0},
        {"retries": 20},
        {"seed": (1 << 53) - 1},
        {"sample_rate": 8_001, "response_format": "opus"},
        {"style": {}, "voice": None},
    )
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answers = [ask(client, **{"response_format": "wav", **extreme}) for extreme in extremes]
    assert [answer.status_code for answer in answers] == [200] * len(extremes)


def test_what_the_library_refuses_names_its_field(
    model: SparkTTSONNX, settings: ServerSettings, recording: bytes
) -> None:
    uri = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"input": "word " * 3000, "segment_seconds": 60}, "input"),
        ({"ref_audio": uri[:100]}, "ref_audio"),
        ({"ref_audio": uri, "ref_text": "\ud800"}, "ref_text"),
    )
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        for case, param in cases:
            body = json.dumps({"input": "Hello.", **case})
            answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text


@pytest.mark.parametrize(("field", "value"), [("response_format", "aac"), ("speed", 2)])
def test_what_needs_another_package_is_named(
    model: SparkTTSONNX, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch, field: str, value: Any
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        error = refused(client, 501, **{"response_format": "wav", field: value})
    assert error["param"] == field and "pip install" in error["message"]


def test_over_a_real_model_the_sound_is_the_librarys(model: SparkTTSONNX, settings: ServerSettings) -> None:
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        served = ask(client, input="One. Two, three.", response_format="wav", seed=3)
        events = ask(client, input="One. Two, three.", response_format="wav", seed=3, stream_format="sse")
    wav, _ = soundfile.read(io.BytesIO(served.content), dtype="float32")
    told = json.loads(events.text.splitlines()[-2][6:])["info"]
    voice = model.create_voice("female", "moderate", "moderate", seed=20_250_301)
    with model.stream("One. Two, three.", voice=voice, seed=3) as stream:
        expected = np.concatenate(list(stream))
    assert told["duration_seconds"] == pytest.approx(len(expected) / RATE)
    assert len(wav) == len(expected) and np.abs(wav - expected).max() < 1e-4


@pytest.mark.parametrize(
    "text", ["a", "。", "?!", "😀", "\x00", "\u200b", "\ud800", "\ufffe", "a" * 500, "1" * 60, "<|im_end|>"]
)
def test_no_text_makes_a_real_model_fail(model: SparkTTSONNX, settings: ServerSettings, text: str) -> None:
    body = json.dumps({"input": text, "seed": 1, "response_format": "wav", "max_new_tokens": 60, "retries": 0})
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answer = client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        assert soundfile.info(io.BytesIO(answer.content)).frames > 0
    else:
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "param"),
    [
        (OptionError("no such level", field="speed"), "style.speed"),
        (OptionError("too fast", field="tempo"), "speed"),
        (OptionError("not text", field="transcript"), "ref_text"),
        (OptionError("speed is what this one is not about"), None),
        (OptionError("unknown", field="window"), None),
        (VoiceError("unknown"), "voice"),
    ],
)
def test_the_field_at_fault_is_what_the_error_carries(error: SparkTTSError, param: str | None) -> None:
    assert field_at_fault(error, {}) == param


def test_clients_learn_the_name_of_a_file_and_not_its_folder() -> None:
    assert from_library(VoiceError("damaged", file=Path("/srv/v/me.json"))).detail == "me.json: damaged"


def test_a_thread_that_cannot_start_costs_no_place(
    client: TestClient, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch, no_threads: Callable[[str], None]
) -> None:
    service = client.app.state.service  # type: ignore[attr-defined]
    assert until(lambda: service.state == "ready")
    monkeypatch.setattr(service, "_threads", ThreadPoolExecutor(settings.slots, thread_name_prefix="none-left"))
    no_threads("none-left")
    for _ in range(settings.slots + 1):
        assert refused(client, 500)["code"] == "generation_failed"
    assert service.admission.active == 0

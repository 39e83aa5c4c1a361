"""`POST /v1/audio/revoice`: a recording in another voice, with the limits and errors of speech."""

import dataclasses
import io
from typing import Any

import nano
import numpy as np
import pytest
import soundfile
from live_server import wav_bytes
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import SparkTTSONNX, Voice, VoiceLibrary
from sparktts_onnx.server import ServerSettings, create_app

SPOKEN = nano.sound(range(60), (1, 2, 3, 4))


def post(client: TestClient, recording: bytes = b"", **fields: str) -> Any:
    files = {"file": ("in.wav", recording, "audio/wav")} if recording else None
    return client.post("/v1/audio/revoice", data={"response_format": "wav", **fields}, files=files)


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus", "pcm"])
def test_the_words_stay_and_the_voice_is_the_one_asked_for(
    model: SparkTTSONNX, settings: ServerSettings, other_voice: Voice, form: str
) -> None:
    VoiceLibrary(settings.voices_dir, model.manifest.codec).add(other_voice, "other")
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answer = post(client, wav_bytes(SPOKEN), voice="Other", response_format=form, sample_rate="16000")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-sample-rate"] in ("16000", "48000") and "x-seed" not in answer.headers
    if form in ("wav", "flac"):
        wav, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        assert nano.heard_speaker(wav) == other_voice.global_ids
        assert nano.heard(wav) == tuple(range(59))  # the last hop lacks its border


def test_events_end_with_a_summary(client: TestClient, recording: bytes) -> None:
    text = post(client, recording, stream_format="sse").text
    assert "event: speech.audio.delta" in text and '"input_tokens": 0' in text.split("speech.audio.done")[-1]


def test_without_a_name_the_default_voice_speaks(client: TestClient, engine: StandIn, recording: bytes) -> None:
    assert post(client, recording).status_code == 200
    assert engine.asked[-1][1]["voice"].name == "alloy"


@pytest.mark.parametrize(
    ("recorded", "fields", "status", "param"),
    [
        (b"", {}, 400, "file"),
        (b"This is no sound at all. " * 20, {}, 400, "file"),
        (b"RIFF", {"voice": "nobody"}, 400, "voice"),
        (b"RIFF", {"voice": "../x"}, 400, "voice"),
        (b"RIFF", {"model": "none"}, 404, "model"),
        (b"RIFF", {"response_format": "m4a"}, 400, "response_format"),
        (b"RIFF", {"sample_rate": "1"}, 400, "sample_rate"),
        (bytes(100_000), {}, 413, None),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_field_at_fault(
    engine: StandIn, settings: ServerSettings, recorded: bytes, fields: dict[str, str], status: int, param: str | None
) -> None:
    limited = dataclasses.replace(settings, max_body_bytes=50_000)
    with TestClient(create_app(engine, limited), base_url="http://localhost") as client:
        answer = post(client, recorded, **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text


@pytest.mark.parametrize("name", ["in.wav", ""])
def test_an_empty_recording_is_called_that(client: TestClient, name: str) -> None:
    part = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answers = [client.post("/v1/audio/revoice", content=part, headers=kind), post(client, file="")]
    for answer in answers:
        error = answer.json()["error"]
        assert answer.status_code == 400 and error["param"] == "file" and error["message"] == "file: the file is empty"


def test_it_needs_the_key(engine: StandIn, settings: ServerSettings, recording: bytes) -> None:
    keyed = dataclasses.replace(settings, api_key="a-long-secret")
    with TestClient(create_app(engine, keyed), base_url="http://localhost") as client:
        assert post(client, recording).status_code == 401


def test_a_silent_recording_is_the_clients_mistake(model: SparkTTSONNX, settings: ServerSettings) -> None:
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answer = post(client, wav_bytes(np.zeros(16_000)))
    assert answer.status_code == 400 and "silent" in answer.json()["error"]["message"]

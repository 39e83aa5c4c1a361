"""Who may come in: keys, addresses, foreign pages, sizes; and what the logs must never hold."""

import base64
import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_server import Live
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx.errors import OptionError
from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.logs import JsonFormatter

KEY = "correct-horse-battery"
SECRET = "Zebulon whispers the vault code"


@pytest.fixture
def locked(engine: StandIn, settings: ServerSettings) -> Any:
    app = create_app(engine, dataclasses.replace(settings, host="0.0.0.0", api_key=KEY))
    with TestClient(app, base_url="http://tts.example.org") as client:
        yield client


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "tts.example.org"])
def test_listening_for_others_needs_a_key(tmp_path: Path, host: str) -> None:
    with pytest.raises(OptionError, match="API key"):
        ServerSettings(voices_dir=tmp_path, host=host)
    assert ServerSettings(voices_dir=tmp_path, host=host, api_key=KEY).api_key == KEY


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    assert ServerSettings(voices_dir=tmp_path, host=host).loopback


@pytest.mark.parametrize("key", ["short", "schlüssel-mit-umlaut"])
def test_keys_that_protect_nothing_or_cannot_be_sent_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(OptionError, match="8 characters"):
        ServerSettings(voices_dir=tmp_path, api_key=key)


@pytest.mark.parametrize(
    "option", ["slots", "queue_size", "port", "max_body_bytes", "request_seconds", "stop_seconds", "stall_seconds"]
)
def test_settings_out_of_range_are_named(tmp_path: Path, option: str) -> None:
    with pytest.raises(OptionError, match=option):
        ServerSettings(voices_dir=tmp_path, **{option: -1})


def test_with_the_key_everything_is_open(locked: TestClient) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    assert locked.get("/v1/models", headers=headers).status_code == 200
    assert locked.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/audio/voices", "/metrics", "/openapi.json", "/nothing"])
@pytest.mark.parametrize("sent", [None, "Bearer wrong-key-wrong", f"Basic {KEY}", KEY, "Bearer ", f"Bearer {KEY}x"])
def test_without_the_key_nothing_is(locked: TestClient, path: str, sent: str | None) -> None:
    answer = locked.get(path, headers={} if sent is None else {"Authorization": sent})
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_health_and_page_need_no_key(locked: TestClient) -> None:
    assert [locked.get(path).status_code for path in ("/health", "/", "/page/icon.svg")] == [200] * 3
    assert locked.get("/ready").status_code in (200, 503)


def test_paths_are_not_tricked_past_the_key(locked: TestClient) -> None:
    for path in ("/page/../v1/models", "/page/%2e%2e/v1/models", "//v1/models", "/page/..%2f..%2fapp.py"):
        assert locked.get(path).status_code in (401, 404)


def test_without_a_key_other_host_names_and_foreign_pages_are_refused(client: TestClient) -> None:
    assert client.get("/v1/models", headers={"Host": "evil.example"}).json()["error"]["code"] == "unknown_host"
    assert client.get("/v1/models", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/v1/models", headers={"Host": "[::1]:8000"}).status_code == 200
    form = {"name": "x", "gender": "male"}
    answer = client.post("/v1/audio/voices", data=form, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "foreign_origin"
    assert client.get("/v1/models", headers={"Origin": "http://localhost"}).status_code == 200
    assert client.get("/v1/models", headers={"Origin": "null"}).status_code == 403


def test_allowed_pages_and_names_come_in(engine: StandIn, settings: ServerSettings) -> None:
    site = "https://app.example.org"
    allowed = dataclasses.replace(settings, allowed_origins=(site,), allowed_hosts=("tts.example.org",))
    with TestClient(create_app(engine, allowed), base_url="http://tts.example.org") as client:
        answer = client.get("/v1/models", headers={"Origin": site})
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == site
        preflight = {"Origin": site, "Access-Control-Request-Method": "POST"}
        assert client.options("/v1/audio/speech", headers=preflight).status_code == 200
        assert client.get("/v1/models", headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("site", ["app.example.org", "https://app.example.org/page", "https://", "", "*", "null"])
def test_what_no_browser_calls_a_site_is_refused(settings: ServerSettings, site: str) -> None:
    with pytest.raises(OptionError, match=r"allowed_origins has .*expected a site such as https://app\.example\.org"):
        dataclasses.replace(settings, allowed_origins=(site,))


def test_a_site_is_the_same_with_a_slash_and_in_any_case(engine: StandIn, settings: ServerSettings) -> None:
    allowed = dataclasses.replace(settings, allowed_origins=("https://App.example.org:8443/",))
    site = "https://app.example.org:8443"
    with TestClient(create_app(engine, allowed), base_url="http://localhost") as client:
        answer = client.get("/v1/models", headers={"Origin": site})
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == site


def test_every_site_may_come_with_a_key(engine: StandIn, settings: ServerSettings) -> None:
    allowed = dataclasses.replace(settings, allowed_origins=("*",), api_key="12345678")
    headers = {"Origin": "https://any.example", "Authorization": "Bearer 12345678"}
    with TestClient(create_app(engine, allowed), base_url="http://localhost") as client:
        answer = client.get("/v1/models", headers=headers)
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"


def test_a_model_has_a_name(settings: ServerSettings) -> None:
    with pytest.raises(OptionError, match="model_name is empty"):
        dataclasses.replace(settings, model_name=" ")


def test_a_browser_may_send_the_headers_of_openais_library(engine: StandIn, settings: ServerSettings) -> None:
    site = "https://app.example.org"
    asked = {"Origin": site, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization, content-type, x-stainless-lang, x-stainless-retry-count"
    app = create_app(engine, dataclasses.replace(settings, allowed_origins=(site,)))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.options("/v1/audio/speech", headers=asked).status_code == 200
        assert client.options("/v1/audio/speech", headers={**asked, "Origin": "https://x.org"}).status_code == 400


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//localhost", "localhost", ""])
def test_an_origin_that_is_none_is_foreign(client: TestClient, origin: str) -> None:
    answer = client.get("/v1/models", headers={"Origin": origin})
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "foreign_origin"


def test_allowed_names_match_in_any_case(engine: StandIn, settings: ServerSettings) -> None:
    allowed = dataclasses.replace(settings, host="LocalHost", allowed_hosts=("MyBox.local", "FE80::1"))
    assert allowed.loopback
    with TestClient(create_app(engine, allowed), base_url="http://localhost") as client:
        for host in ("MyBox.local", "mybox.LOCAL:8000", "[fe80::1]:8000"):
            assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("name", ["mybox.local:8000", "http://mybox.local", "[fe80::1]", "mybox.local/", ""])
def test_allowed_names_are_names_alone(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match="without scheme or port"):
        ServerSettings(voices_dir=tmp_path, allowed_hosts=(name,))


def test_a_large_body_is_refused_by_its_announced_length(engine: StandIn, settings: ServerSettings) -> None:
    app = create_app(engine, dataclasses.replace(settings, max_body_bytes=1000))
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/v1/audio/speech", json={"input": "x" * 2000})
        assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large"
        files = {"audio_sample": ("a.wav", b"RIFF" + bytes(2000), "audio/wav")}
        answer = client.post("/v1/audio/voices", data={"name": "x", "consent": "yes, me"}, files=files)
        assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/voices"])
def test_a_large_body_of_unknown_length_is_stopped_on_its_way(
    serve: Callable[..., Live], engine: StandIn, settings: ServerSettings, path: str
) -> None:
    live = serve(engine, dataclasses.replace(settings, max_body_bytes=1000))
    kind = "application/json" if path.endswith("speech") else "multipart/form-data; boundary=b"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    start = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
    with live.connect(head.encode() + f"{len(start):x}\r\n".encode() + start + b"\r\n") as peer:
        for _ in range(20):
            peer.sendall(b"64\r\n" + b"x" * 100 + b"\r\n")
        assert b" 413 " in peer.recv(1000).splitlines()[0]


def test_a_body_that_stops_coming_is_not_waited_for(
    serve: Callable[..., Live], engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, stall_seconds=0.3))
    head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with live.connect(f"{head}Content-Length: 100\r\n\r\n{{".encode()) as peer:
        assert b" 408 " in peer.recv(1000).splitlines()[0]


def test_every_answer_has_a_request_id(client: TestClient) -> None:
    assert client.get("/v1/models", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    given = client.get("/v1/models", headers={"X-Request-ID": 'a"b{}'}).headers["x-request-id"]
    assert len(given) == 32 and given.isalnum()
    assert client.get("/nothing").headers["x-request-id"]


def test_errors_come_in_the_envelope_wherever_they_arise(client: TestClient) -> None:
    for answer in (client.get("/nothing"), client.put("/v1/models"), client.get("/v1/models/none")):
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert client.get("/nothing").status_code == 404 and client.put("/v1/models").status_code == 405


def test_all_methods_of_an_address_are_told(client: TestClient) -> None:
    for path, allowed in (
        ("/v1/audio/voices", "GET, HEAD, POST"),
        ("/v1/audio/voices/Anna", "GET, HEAD, PATCH, DELETE"),
        ("/v1/audio/speech", "POST"),
        ("/health", "GET, HEAD"),
        ("/page/app.js", "GET, HEAD"),
    ):
        answer = client.put(path)
        assert answer.status_code == 405 and answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_supervisors_may_ask_for_the_head_alone(client: TestClient, path: str) -> None:
    assert client.head(path).status_code in (200, 503)


def test_logs_tell_the_story_but_never_text_voice_or_sound(
    client: TestClient, recording: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    uri = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    client.post("/v1/audio/speech", json={"input": SECRET, "voice": "alloy", "response_format": "wav"})
    client.post("/v1/audio/speech", json={"input": f"crash {SECRET}", "voice": "alloy"})
    client.post("/v1/audio/speech", json={"input": SECRET, "voice": f"{SECRET}"})
    client.post("/v1/audio/speech", json={"input": SECRET, "ref_audio": uri, "ref_text": SECRET})
    files = {"audio_sample": (f"{SECRET}.wav", recording, "audio/wav")}
    client.post("/v1/audio/voices", data={"name": SECRET, "consent": SECRET, "transcript": SECRET}, files=files)
    client.post("/v1/audio/speech", content=SECRET, headers={"Content-Type": "application/json"})
    lines = [JsonFormatter().format(r) for r in caplog.records if r.name.startswith(("sparktts_onnx", "uvicorn"))]
    assert not [line for line in lines if "Zebulon" in line or uri[30:80] in line]
    told = [json.loads(line) for line in lines]
    requests = [line for line in told if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 500, 400, 200, 200, 400]
    assert requests[0]["characters"] == len(SECRET) and requests[0]["audio_seconds"] == 0.5
    assert len({line["request_id"] for line in requests}) == 6
    failures = [line for line in told if "error" in line]
    assert [line["error"] for line in failures] == ["ZeroDivisionError"]
    assert "stand_in.py" in str(failures[0]["at"]) and failures[0]["request_id"] == requests[1]["request_id"]

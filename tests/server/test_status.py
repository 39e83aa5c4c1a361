"""Health, readiness, metrics, and the description of the interface."""

import dataclasses
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stand_in import StandIn, until
from starlette.testclient import TestClient

from sparktts_onnx.errors import GenerationError, OptionError
from sparktts_onnx.server import ServerSettings, create_app


def metrics(client: TestClient) -> dict[str, float]:
    """Every sample by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_it_is_ready_only_after_a_sentence_was_spoken(engine: StandIn, settings: ServerSettings) -> None:
    engine.gate.clear()
    with TestClient(create_app(engine, settings), base_url="http://localhost") as client:
        assert client.get("/health").json() == {"status": "ok"}
        answer = client.get("/ready")
        assert answer.status_code == 503 and answer.json() == {"status": "warming up"}
        engine.gate.set()
        assert until(lambda: client.get("/ready").status_code == 200)
        text, options = engine.asked[0]
        assert text == "This is a test." and options["voice"].name == "alloy", "who speaks by default is made up by now"


def test_a_model_that_cannot_speak_is_not_ready(
    engine: StandIn, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str, **options: Any) -> Any:
        raise GenerationError("no graphs here")

    monkeypatch.setattr(engine, "stream", broken)
    with TestClient(create_app(engine, settings), base_url="http://localhost") as client:
        assert until(lambda: client.get("/ready").json()["status"] == "failed to warm up")
        assert client.get("/ready").status_code == 503
        answer = client.post("/v1/audio/speech", json={"input": "Hi."})
        assert answer.status_code == 500 and answer.json()["error"]["code"] == "generation_failed"


def test_a_default_voice_that_is_not_there_is_found_out_at_once(engine: StandIn, settings: ServerSettings) -> None:
    with pytest.raises(OptionError, match="there is no voice 'Nobody': built in are alloy, "):
        create_app(engine, dataclasses.replace(settings, default_voice="Nobody"))
    settings.voices_dir.mkdir()
    (settings.voices_dir / "Me.json").write_text("{")
    with pytest.raises(OptionError, match=r"Me\.json: not a voice file"):
        create_app(engine, dataclasses.replace(settings, default_voice="me"))


def test_metrics_count_what_happened(client: TestClient) -> None:
    assert until(lambda: client.get("/ready").status_code == 200)
    before = metrics(client)
    for body in ({"input": "Hi."}, {"input": "Hi."}, {"input": ""}, {"input": "crash"}):
        client.post("/v1/audio/speech", json=body)
    after = metrics(client)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grown("spark_tts_requests_total[/v1/audio/speech][200]") == 2
    assert grown("spark_tts_requests_total[/v1/audio/speech][400]") == 1
    assert grown("spark_tts_requests_total[/v1/audio/speech][500]") == 1
    assert grown("spark_tts_tokens_total") == 50
    assert grown("spark_tts_audio_seconds_total") == pytest.approx(1.0)
    assert grown("spark_tts_time_to_first_audio_seconds_count") == 2
    assert grown("spark_tts_real_time_factor_count") == 2
    assert after["spark_tts_queue_depth"] == 0 and after["spark_tts_active_streams"] == 0
    assert after["process_resident_memory_bytes"] > 0


def test_addresses_that_do_not_exist_make_no_new_series(client: TestClient) -> None:
    for number in range(5):
        client.get(f"/nothing/{number}")
    assert metrics(client)["spark_tts_requests_total[other][404]"] == 5


def test_two_apps_in_one_process_share_nothing(settings: ServerSettings) -> None:
    one, two = (create_app(StandIn(), dataclasses.replace(settings, model_name=name)) for name in ("one", "two"))
    with TestClient(one, base_url="http://localhost") as first, TestClient(two, base_url="http://localhost") as second:
        first.post("/v1/audio/speech", json={"input": "Hi."})
        assert "spark_tts_requests_total[/v1/audio/speech][200]" not in metrics(second)
        assert first.get("/v1/models").json()["data"][0]["id"] == "one"
        assert second.get("/v1/models").json()["data"][0]["id"] == "two"


def test_the_description_names_every_error_in_the_envelope(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    form = schema["components"]["schemas"]["SpeechRequest"]["properties"]["temperature"]["anyOf"][0]
    assert form == {"type": "number", "minimum": 0, "maximum": 100}
    operation = schema["paths"]["/v1/audio/speech"]["post"]
    assert "422" not in operation["responses"] and "audio/mpeg" in operation["responses"]["200"]["content"]
    for status in ("400", "401", "413", "429", "504"):
        reference = operation["responses"][status]["content"]["application/json"]["schema"]["$ref"]
        assert reference.endswith("/ErrorEnvelope")
    assert client.get("/docs").status_code == 404, "FastAPI's own page would load scripts from elsewhere"

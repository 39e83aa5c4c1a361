"""`/v1/audio/voices`: kept on disk, with consent, under names that stay in their folder."""

import dataclasses
import errno
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import Voice
from sparktts_onnx.server import ServerSettings, create_app

CONSENT = "I am Anna and agree that this voice is kept."


def clone(client: TestClient, recording: bytes, **fields: str) -> Any:
    data = {"name": "Anna", "consent": CONSENT, **fields}
    return client.post("/v1/audio/voices", data=data, files={"audio_sample": ("a.wav", recording, "audio/wav")})


def names(client: TestClient) -> list[str]:
    listed = client.get("/v1/audio/voices").json()["data"]
    return [voice["id"] for voice in listed if not voice["built_in"]]


def test_the_list_has_the_shapes_that_clients_know(client: TestClient) -> None:
    listed = client.get("/v1/audio/voices").json()
    assert listed["object"] == "list"
    assert {"id": "alloy", "name": "alloy"} in listed["voices"]
    assert {voice["object"] for voice in listed["data"]} == {"audio.voice"}


def test_a_cloned_voice_is_kept_with_its_consent_and_speaks(
    client: TestClient, engine: StandIn, settings: ServerSettings, recording: bytes
) -> None:
    answer = clone(client, recording, transcript="What is said.")
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["id"] == made["name"] == "Anna" and made["type"] == "audio_sample" and made["transcript"]
    assert made["notes"] == ["only 1.0 s of speech"]
    kept = Voice.load(settings.voices_dir / "Anna.json")
    assert kept.consent is not None and kept.consent.endswith(CONSENT) and kept.consent == made["consent"]
    assert client.get("/v1/audio/voices/anna").json()["id"] == "Anna"
    assert client.post("/v1/audio/speech", json={"input": "Hi.", "voice": {"id": "Anna"}}).status_code == 200
    assert engine.asked[-1][1]["voice"].global_ids == kept.global_ids


def test_voices_outlive_the_server(engine: StandIn, settings: ServerSettings, recording: bytes) -> None:
    with TestClient(create_app(engine, settings), base_url="http://localhost") as client:
        clone(client, recording)
    with TestClient(create_app(StandIn(), settings), base_url="http://localhost") as client:
        assert names(client) == ["Anna"]


@pytest.mark.parametrize("consent", ["", "  ", "no", "False", "0", "none"])
def test_nobody_is_cloned_without_consent(client: TestClient, engine: StandIn, recording: bytes, consent: str) -> None:
    answer = clone(client, recording, consent=consent)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "consent_required"
    assert engine.enrolled == 0 and names(client) == []


def test_a_voice_can_be_created_by_description(client: TestClient, settings: ServerSettings) -> None:
    form = {"name": "Robot", "gender": "male", "pitch": "low", "speed": "high", "seed": "3"}
    made = client.post("/v1/audio/voices", data=form).json()
    assert made["type"] == "prompt" and made["prompt"] == "male, pitch low"
    assert names(client) == ["Robot"]
    assert Voice.load(settings.voices_dir / "Robot.json").consent is None


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"gender": "male"}, "name"),
        ({"name": "X"}, "audio_sample"),
        ({"name": "X", "gender": "robot"}, "gender"),
        ({"name": "X", "gender": "male", "seed": "-1"}, "seed"),
        ({"name": "../X", "gender": "male"}, "name"),
        ({"name": ".X", "gender": "male"}, "name"),
        ({"name": "a/b", "gender": "male"}, "name"),
        ({"name": "x" * 100, "gender": "male"}, "name"),
    ],
)
def test_wrong_forms_are_refused_by_field(
    client: TestClient, settings: ServerSettings, form: dict[str, str], param: str
) -> None:
    answer = client.post("/v1/audio/voices", data=form)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param, answer.text
    assert not settings.voices_dir.exists() or not list(settings.voices_dir.iterdir())


def test_a_recording_and_a_description_exclude_each_other(client: TestClient, recording: bytes) -> None:
    answer = clone(client, recording, gender="male")
    assert answer.status_code == 400 and "found both" in answer.json()["error"]["message"]


def test_corrupt_audio_is_refused_and_nothing_is_kept(client: TestClient) -> None:
    answer = clone(client, b"not audio at all")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_recording"
    assert answer.json()["error"]["param"] == "audio_sample"
    assert names(client) == []


def test_a_taken_name_is_a_conflict(client: TestClient, engine: StandIn, recording: bytes) -> None:
    clone(client, recording)
    answer = clone(client, recording, name="anna")
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "name_taken"


def test_voices_are_renamed(client: TestClient, recording: bytes) -> None:
    clone(client, recording)
    clone(client, recording, name="Berta")
    answer = client.patch("/v1/audio/voices/Anna", json={"name": "Clara"})
    assert answer.status_code == 200 and answer.json()["id"] == "Clara"
    assert CONSENT in answer.json()["consent"]
    assert client.patch("/v1/audio/voices/Clara", json={"name": "Berta"}).status_code == 409
    assert client.patch("/v1/audio/voices/Clara", json={"name": "../out"}).status_code == 400
    assert client.patch("/v1/audio/voices/Nobody", json={"name": "X"}).status_code == 404
    assert names(client) == ["Berta", "Clara"]


def test_voices_are_deleted_once(client: TestClient, recording: bytes) -> None:
    clone(client, recording)
    answer = client.delete("/v1/audio/voices/Anna")
    assert answer.json() == {"id": "Anna", "object": "audio.voice.deleted", "deleted": True}
    assert names(client) == []
    assert client.delete("/v1/audio/voices/Anna").status_code == 404
    assert client.get("/v1/audio/voices/Anna").status_code == 404


def test_built_in_voices_stay_but_their_names_may_be_taken(client: TestClient, recording: bytes) -> None:
    assert client.delete("/v1/audio/voices/alloy").json()["error"]["code"] == "built_in_voice"
    assert client.patch("/v1/audio/voices/alloy", json={"name": "X"}).status_code == 400
    assert clone(client, recording, name="Alloy").status_code == 200
    assert client.get("/v1/audio/voices/alloy").json()["type"] == "audio_sample"
    assert client.delete("/v1/audio/voices/alloy").status_code == 200
    assert client.get("/v1/audio/voices/alloy").json()["built_in"]


@pytest.mark.parametrize("name", ["..%2F..%2Foutside", "%2Fetc%2Fpasswd", "..", "%2e%2e%2foutside", "outside%00"])
def test_no_name_leads_out_of_the_folder(client: TestClient, engine: StandIn, tmp_path: Path, name: str) -> None:
    outside = engine.voice("x", None).save(tmp_path / "outside.json")
    for method in ("GET", "DELETE", "PATCH"):
        answer = client.request(method, f"/v1/audio/voices/{name}", json={"name": "X"} if method == "PATCH" else None)
        assert answer.status_code in (404, 405)
    assert outside.exists()


def test_a_damaged_file_is_named_and_disturbs_nobody(
    client: TestClient, settings: ServerSettings, recording: bytes
) -> None:
    clone(client, recording)
    (settings.voices_dir / "Broken.json").write_text("{")
    listed = client.get("/v1/audio/voices").json()
    assert "not a voice file" in next(v for v in listed["data"] if v["id"] == "Broken")["problem"]
    assert "Broken" not in {voice["id"] for voice in listed["voices"]}
    assert client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "Broken"}).status_code == 400
    assert client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "Anna"}).status_code == 200
    assert client.delete("/v1/audio/voices/Broken").status_code == 200


def test_renaming_a_damaged_file_is_no_conflict_of_names(client: TestClient, settings: ServerSettings) -> None:
    settings.voices_dir.mkdir()
    (settings.voices_dir / "Broken.json").write_text("{")
    answer = client.patch("/v1/audio/voices/Broken", json={"name": "Whole"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_voice"
    assert names(client) == ["Broken"]


def test_one_voice_is_found_however_its_name_is_composed_and_no_other_file_is_read(
    client: TestClient, engine: StandIn, settings: ServerSettings, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    decomposed = unicodedata.normalize("NFD", "André")
    engine.voice("x", None).save(settings.voices_dir / f"{decomposed}.json")
    engine.voice("y", None).save(settings.voices_dir / "Aaron.json")
    assert clone(client, recording, name="André").json()["error"]["code"] == "name_taken"
    read: list[Path] = []
    load = Voice.load
    monkeypatch.setattr(Voice, "load", lambda path, codec=None: (read.append(path), load(path, codec))[1])
    assert client.get("/v1/audio/voices/ANDRÉ").json()["id"] == decomposed
    assert [path.stem for path in read] == [decomposed]


def test_there_is_a_limit_to_the_voices_kept(engine: StandIn, settings: ServerSettings, recording: bytes) -> None:
    app = create_app(engine, dataclasses.replace(settings, max_voices=1))
    with TestClient(app, base_url="http://localhost") as client:
        assert clone(client, recording).status_code == 200
        assert clone(client, recording, name="Berta").json()["error"]["code"] == "too_many_voices"


def test_a_full_disk_loses_nothing_and_is_told(
    client: TestClient, settings: ServerSettings, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone(client, recording)

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    answer = clone(client, recording, name="Berta")
    assert answer.status_code == 507 and "No space left" in answer.json()["error"]["message"]
    assert client.patch("/v1/audio/voices/Anna", json={"name": "Clara"}).status_code == 507
    monkeypatch.undo()
    assert [path.name for path in settings.voices_dir.iterdir()] == ["Anna.json"]
    assert json.loads((settings.voices_dir / "Anna.json").read_text())["name"] == "Anna"
    assert clone(client, recording, name="Berta").status_code == 200

"""`/v1/audio/voices`: kept on disk, with consent, under names that stay in their folder."""

import dataclasses
import errno
import json
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import Voice, VoiceLibrary, VoiceStyle
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
    assert made["type"] == "prompt" and made["prompt"] == "male, pitch low, speed high"
    assert names(client) == ["Robot"]
    kept = Voice.load(settings.voices_dir / "Robot.json")
    assert kept.consent is None and kept.style == VoiceStyle("male", "low", "high")


def test_a_recording_is_no_description_whatever_its_file_is_called(
    client: TestClient, engine: StandIn, settings: ServerSettings
) -> None:
    recorded = dataclasses.replace(engine.voice("x", None), name="Me", origin="recording 'created: female.wav'")
    VoiceLibrary(settings.voices_dir, engine.manifest.codec).add(recorded, "Me")
    assert client.get("/v1/audio/voices/Me").json()["type"] == "audio_sample"


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
    bad, unknown = ({"name": "../out"}, "Clara"), ({"name": "X"}, "Nobody")
    for (body, voice), status, param in ((bad, 400, "name"), (unknown, 404, "voice_id")):
        answer = client.patch(f"/v1/audio/voices/{voice}", json=body)
        assert answer.status_code == status and answer.json()["error"]["param"] == param
    assert names(client) == ["Berta", "Clara"]


def test_voices_are_deleted_once(client: TestClient, recording: bytes) -> None:
    clone(client, recording)
    answer = client.delete("/v1/audio/voices/Anna")
    assert answer.json() == {"id": "Anna", "object": "audio.voice.deleted", "deleted": True}
    assert names(client) == []
    assert client.delete("/v1/audio/voices/Anna").status_code == 404
    assert client.get("/v1/audio/voices/Anna").status_code == 404


def test_of_deletions_at_once_one_succeeds(client: TestClient, recording: bytes) -> None:
    for _ in range(5):
        clone(client, recording)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: client.delete("/v1/audio/voices/Anna"), range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


def test_a_voice_that_goes_while_it_is_renamed_is_not_found(
    client: TestClient, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone(client, recording)
    rename = VoiceLibrary.rename

    def too_late(library: VoiceLibrary, name: str, new_name: str) -> Voice:
        library.remove(name)
        return rename(library, name, new_name)

    monkeypatch.setattr(VoiceLibrary, "rename", too_late)
    answer = client.patch("/v1/audio/voices/Anna", json={"name": "Clara"})
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "voice_not_found"


@pytest.mark.parametrize("name", ["日本語", "Ärger", "أنا", "हिन्दी", "x" * 64])
def test_names_may_be_of_any_script(client: TestClient, name: str) -> None:
    assert client.post("/v1/audio/voices", data={"name": name, "gender": "male"}).json()["id"] == name
    assert client.get(f"/v1/audio/voices/{name}").json()["id"] == name
    assert client.post("/v1/audio/speech", json={"input": "Hi.", "voice": name}).status_code == 200
    assert client.delete(f"/v1/audio/voices/{name}").json()["id"] == name


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "<b>", "a\u202eb", "a;b", "a\x00b", "😀"])
def test_names_that_could_do_harm_elsewhere_are_refused(client: TestClient, recording: bytes, name: str) -> None:
    answer = clone(client, recording, name=name)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "name"
    assert "x-evil" not in answer.headers


def test_the_name_of_the_recordings_file_is_nobodys_business(client: TestClient, settings: ServerSettings) -> None:
    evil = (
        b'--b\r\nContent-Disposition: form-data; name="audio_sample"; filename="../../evil%0d%0aX: 1.wav"\r\n\r\nRIFF'
    )
    fields = "".join(
        f'\r\n--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in (("name", "Anna"), ("consent", CONSENT))
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/audio/voices", content=evil + fields.encode() + b"\r\n--b--\r\n", headers=kind)
    assert answer.status_code == 200 and "evil" not in answer.text and "evil" not in str(answer.headers)
    assert [path.name for path in settings.voices_dir.iterdir()] == ["Anna.json"]


def test_a_recording_that_is_no_file_is_told(client: TestClient) -> None:
    form = {"name": "Anna", "consent": CONSENT, "audio_sample": "RIFF"}
    error = client.post("/v1/audio/voices", data=form).json()["error"]
    assert error["param"] == "audio_sample" and "expected a file" in error["message"]
    assert "UploadFile" not in error["message"]


def test_an_empty_recording_is_called_that_and_none_is_none(client: TestClient) -> None:
    answer = clone(client, b"")
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "audio_sample"
    assert answer.json()["error"]["message"] == "audio_sample: the file is empty"
    fields = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnna\r\n'
    fields += '--b\r\nContent-Disposition: form-data; name="gender"\r\n\r\nmale\r\n'
    fields += '--b\r\nContent-Disposition: form-data; name="audio_sample"; filename=""\r\n\r\n\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post("/v1/audio/voices", content=fields, headers=kind).json()["type"] == "prompt"


@pytest.mark.parametrize(("kind", "found"), [("application/json", "'application/json'"), (None, "no content type")])
def test_another_content_type_than_a_form_is_told(client: TestClient, kind: str | None, found: str) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    error = client.post("/v1/audio/voices", content=b'{"name": "Anna"}', headers=headers).json()["error"]
    assert error["code"] == "invalid_content_type"
    assert found in error["message"] and "expected multipart/form-data" in error["message"]
    headers = {"Content-Type": "text/plain"}
    error = client.patch("/v1/audio/voices/Anna", content=b'{"name": "X"}', headers=headers).json()["error"]
    assert "'text/plain'" in error["message"] and "expected application/json" in error["message"]


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


@pytest.mark.parametrize("damaged", [b"{", b"\xff\xfe", b"[]", b"{}", b'{"format": "sparktts-onnx voice 1", "x": 1}'])
def test_no_answer_tells_where_voices_are_on_the_disk(
    client: TestClient, settings: ServerSettings, damaged: bytes
) -> None:
    settings.voices_dir.mkdir()
    (settings.voices_dir / "Broken.json").write_bytes(damaged)
    answers = [
        client.get("/v1/audio/voices"),
        client.get("/v1/audio/voices/Broken"),
        client.patch("/v1/audio/voices/Broken", json={"name": "Whole"}),
        client.post("/v1/audio/speech", json={"input": "Hi.", "voice": "Broken"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 400]
    assert [answer.json()["error"]["param"] for answer in answers[2:]] == ["voice_id", "voice"]
    assert all("Broken" in answer.text for answer in answers)
    assert not [answer.text for answer in answers if str(settings.voices_dir.parent) in answer.text]


def test_a_disk_that_fails_is_told_without_its_folders(client: TestClient, settings: ServerSettings) -> None:
    settings.voices_dir.write_text("a file where the folder should be")
    form = {"name": "X", "gender": "male"}
    speech = {"input": "Hi.", "voice": "Anna"}
    answers = [client.get("/v1/audio/voices"), client.post("/v1/audio/voices", data=form)]
    for answer in (*answers, client.post("/v1/audio/speech", json=speech)):
        assert answer.status_code == 500 and answer.json()["error"]["code"] == "storage_failed"
        assert "voices: the voice folder cannot be read: Not a directory" in answer.text
        assert str(settings.voices_dir.parent) not in answer.text


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
        error = clone(client, recording, name="Berta").json()["error"]
        assert error["code"] == "too_many_voices" and error["message"].endswith(": delete one first")


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

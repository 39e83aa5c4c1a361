"""SSML and a lexicon in requests: what reaches the model, what is heard, and what is refused before any work."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import nano
import pytest
import soundfile
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import Lexicon, SparkTTSONNX, Voice, VoiceLibrary
from sparktts_onnx.cli import main
from sparktts_onnx.server import ServerSettings, create_app


def ask(client: TestClient, inside: str, **body: Any) -> Any:
    order = {"input": f"<speak>{inside}</speak>", "input_format": "ssml", "seed": 1, "response_format": "wav"}
    return client.post("/v1/audio/speech", json=order | body)


def test_kept_and_built_in_voices_speak_in_one_text(
    model: SparkTTSONNX, settings: ServerSettings, voice: Voice
) -> None:
    VoiceLibrary(settings.voices_dir, model.manifest.codec).add(voice, "Ann")
    inside = (
        "Hello there.<voice name='ann'>I am Ann.</voice><break time='1s'/><voice name='Onyx'>And I am Onyx.</voice>"
    )
    with TestClient(create_app(model, settings), base_url="http://localhost") as client:
        answer = ask(client, inside, temperature=0)
        events = ask(client, inside, temperature=0, stream_format="sse").text
    info = json.loads([line for line in events.splitlines() if line.startswith("data: ")][-1][6:])["info"]
    wav, rate = soundfile.read(io.BytesIO(answer.content), dtype="float32")
    starts = [round(segment["start_seconds"] * rate) for segment in info["segments"]]
    heard = [nano.heard_speaker(wav[start : start + 8 * nano.HOP]) for start in starts]
    made = [
        model.create_voice(gender, level, "moderate", seed=20_250_301)
        for gender, level in (("female", "moderate"), ("male", "very_low"))
    ]
    assert heard == [made[0].global_ids, voice.global_ids, made[1].global_ids]
    assert info["segments"][2]["start_seconds"] - info["segments"][1]["end_seconds"] == pytest.approx(1, abs=1e-3)


def test_requests_and_the_server_have_a_lexicon(engine: StandIn, settings: ServerSettings) -> None:
    own = Lexicon({"gif": "jif", "W3C": "World Wide Web Consortium"})
    app = create_app(engine, dataclasses.replace(settings, lexicon=own))
    with TestClient(app, base_url="http://localhost") as client:
        assert ask(client, "x").status_code == 200
        assert ask(client, "x", lexicon={"gif": "ghif", "AB": "ay bee"}).status_code == 200
    spoken = [options["lexicon"].apply("A GIF by W3C, AB.") for text, options in engine.asked if "speak" in text]
    assert spoken == ["A jif by World Wide Web Consortium, AB.", "A ghif by World Wide Web Consortium, ay bee."]


def test_plain_text_stays_plain(client: TestClient, engine: StandIn) -> None:
    assert ask(client, "x", input_format="text").status_code == 200
    assert not {"ssml", "voices", "lexicon"} & engine.asked[-1][1].keys()
    assert ask(client, "<voice name='nova'>x</voice>", input_format="ssml").status_code == 200
    assert engine.asked[-1][1]["ssml"] is True and engine.asked[-1][1]["voices"].keys() == {"nova"}


@pytest.mark.parametrize(
    ("inside", "body", "param", "message"),
    [
        ("<p>", {}, "input", "SSML, line 1, column 13: mismatched tag"),
        ("<break time='abc'/>", {}, "input", "SSML, line 1, column 8: time is 'abc'"),
        (
            "\n<voice name='novo'>a</voice>",
            {},
            "input",
            "SSML, line 2, column 1: there is no voice 'novo': did you mean nova",
        ),
        ("<p>" * 5_000, {}, "input", "SSML, line 1, column 155: more than 50 elements"),
        ("\ud800", {}, "input", "input: "),
        ("a", {"input": "<!DOCTYPE s [<!ENTITY a 'b'>]><speak>&a;</speak>"}, "input", "SSML, line 1, column 13: a DTD"),
        ("a", {"input_format": "xml"}, "input_format", "input_format: "),
        ("a", {"lexicon": {"": "b"}}, "lexicon", "lexicon entry 1: the word is ''"),
        ("a", {"lexicon": {"a": 5}}, "lexicon.a", "lexicon.a: "),
        ("a", {"lexicon": {str(n): "b" for n in range(1001)}}, "lexicon", "lexicon: "),
    ],
)
def test_what_is_wrong_is_refused_before_any_work(
    client: TestClient, engine: StandIn, inside: str, body: dict[str, Any], param: str, message: str
) -> None:
    order = json.dumps({"input": f"<speak>{inside}</speak>", "input_format": "ssml", **body})
    answer = client.post("/v1/audio/speech", content=order, headers={"Content-Type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert error["message"].startswith(message)
    assert not [text for text, _ in engine.asked if "speak" in text]


def test_a_lexicon_that_cannot_be_read_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.csv").write_text("one,two,three\n", encoding="utf-8")
    assert main(["serve", "--model", str(nano.BUNDLE), "--lexicon", str(tmp_path / "words.csv")]) == 1
    assert "line 1: 3 columns found; expected two: word,spoken" in capsys.readouterr().err

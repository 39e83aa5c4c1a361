"""The page at /local: the files of the JavaScript host, the bundle and the voices, and nothing else."""

import json
from pathlib import Path

import nano
import pytest
from stand_in import StandIn
from starlette.testclient import TestClient

from sparktts_onnx import Voice
from sparktts_onnx.errors import OptionError
from sparktts_onnx.server import ServerSettings, create_app
from sparktts_onnx.server.pages import add_local


def local(engine: StandIn, settings: ServerSettings, web: Path, bundle: Path) -> TestClient:
    app = create_app(engine, settings)
    add_local(app, web, bundle)
    return TestClient(app, base_url="http://localhost")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """The parts of the folder that matter."""
    files = (
        *("demo/index.html", "src/index.js", "sw.js", "package.json"),
        *("node_modules/onnxruntime-web/dist/ort.mjs", "node_modules/onnxruntime-web/package.json"),
        "node_modules/@huggingface/tokenizers/dist/tokenizers.min.mjs",
    )
    for name in files:
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path / "web"


def test_the_page_its_modules_the_bundle_and_the_voices(
    engine: StandIn, settings: ServerSettings, web: Path, voice: Voice
) -> None:
    voice.save(settings.voices_dir / "one.json")
    (settings.voices_dir / "damaged.json").write_text("{", encoding="utf-8")
    with local(engine, settings, web, nano.BUNDLE) as client:
        page = client.get("/local", follow_redirects=True)
        assert page.text == "demo/index.html" and page.url.path == "/local/demo/"
        assert page.headers["cross-origin-embedder-policy"] == "require-corp"
        assert client.get("/local/sw.js").headers["content-type"].startswith("text/javascript")
        for path in ("src/index.js", "node_modules/onnxruntime-web/dist/ort.mjs"):
            answer = client.get(f"/local/{path}")
            assert answer.text == path and "javascript" in answer.headers["content-type"]
        model = client.get("/local/demo/model/manifest.json").json()
        assert model["source"] == "nano"
        assert [kept["name"] for kept in client.get("/local/demo/model/voices.json").json()] == ["one"]
        for path in ("package.json", "node_modules/onnxruntime-web/package.json", "demo/../package.json", ""):
            assert client.get(f"/local/{path}").status_code == 404, path
        assert client.get("/").status_code == 200


def test_what_cannot_be_served_is_said(engine: StandIn, settings: ServerSettings, web: Path, tmp_path: Path) -> None:
    app = create_app(engine, settings)
    with pytest.raises(OptionError, match=r"has no demo; expected the folder web/"):
        add_local(app, tmp_path, nano.BUNDLE)
    (web / "node_modules/@huggingface/tokenizers/dist/tokenizers.min.mjs").unlink()
    (web / "node_modules/@huggingface/tokenizers/dist").rmdir()
    with pytest.raises(OptionError, match="after `npm ci` there"):
        add_local(app, web, nano.BUNDLE)
    locked = create_app(engine, ServerSettings(voices_dir=tmp_path, api_key="a long enough key"))
    with pytest.raises(OptionError, match="without an API key"):
        add_local(locked, web, nano.BUNDLE)


def test_the_manifest_of_the_bundle_inside_a_checkpoint(
    engine: StandIn, settings: ServerSettings, web: Path, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint" / "voices").mkdir(parents=True)
    (tmp_path / "checkpoint" / "onnx").symlink_to(nano.BUNDLE)
    (tmp_path / "checkpoint" / "voices" / "adam.json").write_text(json.dumps({"name": "adam"}), encoding="utf-8")
    with local(engine, settings, web, tmp_path / "checkpoint" / "onnx") as client:
        assert client.get("/local/demo/model/manifest.json").json()["source"] == "nano"
        assert client.get("/local/demo/model/voices.json").json() == [{"name": "adam"}]

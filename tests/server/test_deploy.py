"""What is deployed names options that exist, and the documented limits are the real ones."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from stand_in import StandIn

from sparktts_onnx.cli.commands import make_parser
from sparktts_onnx.server import ServerSettings
from sparktts_onnx.server.app import create_app

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def container_command() -> list[str]:
    text = (ROOT / "deploy" / "Containerfile").read_text()
    entry, command = (json.loads(re.findall(rf"^{word} (\[.*\])$", text, re.M)[0]) for word in ("ENTRYPOINT", "CMD"))
    return [*entry, *command]


def compose_command() -> list[str]:
    return [*container_command()[:-2], *COMPOSE["services"]["speech"]["command"]]


def unit_command() -> list[str]:
    text = (ROOT / "deploy" / "spark-tts.service").read_text()
    return shlex.split(re.findall(r"^ExecStart=(.*)$", text, re.M)[0])


@pytest.mark.parametrize("command", [container_command(), compose_command(), unit_command()])
def test_deployed_commands_are_understood(command: list[str]) -> None:
    assert command[0].endswith("spark-tts-onnx") and command[1] == "serve"
    options = make_parser("serve").parse_args(command[2:])
    assert options.model and options.voices_dir.is_absolute()


def test_the_container_and_its_compose_file_fit_together() -> None:
    stages = script("check_container").stages((ROOT / "deploy" / "Containerfile").read_text())
    for service, target in (("speech", "cpu"), ("speech-cuda", "cuda")):
        given, steps = COMPOSE["services"][service], stages[target]
        last = dict(steps)
        assert (given["build"]["target"], last["USER"]) == (target, "10001")
        assert [volume.split(":")[1] for volume in given["volumes"]] == json.loads(last["VOLUME"])
        assert {volume.split(":")[0] for volume in given["volumes"]} == set(COMPOSE["volumes"])
        assert given["healthcheck"]["test"] == ["CMD", *json.loads(last["HEALTHCHECK"].partition("CMD ")[2])]
        assert all(subprocess.run(["sh", "-n", "-c", rest], check=True) for word, rest in steps if word == "RUN")


def script(name: str) -> Any:
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_supervisor_waits_longer_than_the_server_needs_to_stop(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "spark-tts.service").read_text()
    patience = int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.M)[0])
    assert patience > ServerSettings(voices_dir=tmp_path).stop_seconds


def test_the_proxy_passes_sound_on_at_once(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    assert text.count("proxy_buffering off;") == text.count("proxy_pass ") == 3
    settings = ServerSettings(voices_dir=tmp_path)
    assert f"client_max_body_size {settings.max_body_bytes >> 20}m;" in text
    assert f"proxy_read_timeout {settings.request_seconds:.0f}s;" in text


def test_the_documentation_names_every_field_and_metric(tmp_path: Path) -> None:
    app = create_app(StandIn(), ServerSettings(voices_dir=tmp_path))
    text = (ROOT / "docs" / "server.md").read_text()
    for body in ("SpeechRequest", "RevoiceRequest"):
        request = app.openapi()["components"]["schemas"][body]["properties"]
        assert [name for name in request if f"`{name}`" not in text] == []
    metrics = {family.name for family in app.state.service.metrics.registry.collect()}
    ours = {name for name in metrics if name.startswith("spark_tts")}
    assert [name for name in ours if name not in text] == []


def test_workflows_are_what_githubs_schema_allows(tmp_path: Path) -> None:
    lint = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows and subprocess.run([*lint, *workflows], check=False).returncode == 0
    broken = tmp_path / "broken.yml"
    broken.write_text(workflows[0].read_text().replace("runs-on: ", "runs-at: "))
    assert subprocess.run([*lint, broken], check=False, capture_output=True).returncode == 1

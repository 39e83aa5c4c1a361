"""LiveKit's and Pipecat's own OpenAI plugins against this server: what they send works, and they play what comes.

Run by scripts/test_assistants.sh, which makes the environment that the plugins need; ASSISTANTS is its Python.
"""

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_server import Live
from stand_in import STEP_SAMPLES, StandIn

from sparktts_onnx.server import ServerSettings

CLIENT = Path(__file__).with_name("assistant_client.py")
KEY = "correct-horse"
SECONDS = 5 * STEP_SAMPLES / 16_000
"""What the stand-in makes of a short text."""


@pytest.fixture
def live(serve: Callable[..., Live], engine: StandIn, settings: ServerSettings) -> Live:
    return serve(engine, dataclasses.replace(settings, api_key=KEY))


def played(plugin: str, live: Live, **options: Any) -> dict[str, Any]:
    """What a plugin made of an answer, in a process of its own environment."""
    given = {"base_url": f"{live.url}/v1", "api_key": KEY, **options}
    command = [os.environ["ASSISTANTS"], str(CLIENT), plugin, json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1"])
@pytest.mark.parametrize("form", ["mp3", "pcm", "wav", "opus"])
def test_livekit_plays_what_it_asked_for(live: Live, engine: StandIn, model: str, form: str) -> None:
    result = played("livekit", live, text="Hello there.", model=model, response_format=form)
    assert engine.spoken[-1] == "Hello there." and not result["error"]
    assert result["seconds"] == pytest.approx(SECONDS, abs=0.1) and result["sample_rate"] == 24_000


def test_livekit_hears_of_a_failure(live: Live) -> None:
    assert "APIStatusError" in played("livekit", live, text="Hello.", voice="nobody")["error"]
    assert "401" in played("livekit", live, text="Hello.", api_key="wrong-wrong")["error"]


@pytest.mark.parametrize("speed", [None, 2.0])
def test_pipecat_plays_what_it_asked_for(live: Live, engine: StandIn, speed: float | None) -> None:
    result = played("pipecat", live, text="Hello there.", voice="nova", speed=speed)
    assert engine.spoken[-1] == "Hello there." and not result["error"]
    assert engine.asked[-1][1]["voice"].name == "nova" and engine.asked[-1][1].get("tempo") == speed
    assert result["seconds"] == pytest.approx(SECONDS, abs=0.1) and result["sample_rate"] == 24_000


def test_pipecat_hears_of_a_failure(live: Live) -> None:
    assert "speed" in played("pipecat", live, text="Hello.", voice="nova", speed=9.0)["error"]

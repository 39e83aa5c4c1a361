"""The load test finds what it is there to find: wrong answers, refusals and failures."""

import dataclasses
from collections.abc import Callable
from typing import Any

from live_server import Live
from stand_in import StandIn

from benchmarks.load import alone, run
from benchmarks.report import load
from sparktts_onnx.server import ServerSettings

Serve = Callable[[Any, ServerSettings], Live]


def test_right_answers_are_counted_and_wrong_ones_are_found(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, settings)
    expected = alone(live.port)
    level = run(live.port, expected, 4, 3.0)  # clients take most of a second to begin on a busy machine
    assert level["answers"] > 8 and level["wrong"] == 0 and level["failures"] == [] and level["memory_bytes"] > 0
    assert 0 < level["first_median"] <= level["first_95"] and level["audio_seconds"] > 0
    swapped = [expected[1], expected[0], *expected[2:]]
    mixed = run(live.port, swapped, 4, 3.0)
    assert 0 < mixed["wrong"] < mixed["answers"]
    assert f"| 4 | {mixed['answers']} | {mixed['wrong']} |" in load([mixed])


def test_refusals_are_tried_again_and_failures_are_told(
    serve: Serve, engine: StandIn, settings: ServerSettings
) -> None:
    live = serve(engine, dataclasses.replace(settings, slots=1, queue_size=0))
    expected = alone(live.port)
    level = run(live.port, expected, 4, 1.5)
    assert level["refused"] > 0 and level["answers"] > 0 and level["wrong"] == 0 and level["failures"] == []
    engine.chunk = lambda *_: 1 / 0  # type: ignore[method-assign]
    broken = run(live.port, expected, 1, 2.0)
    assert broken["answers"] == 0 and "status 500" in broken["failures"][0]

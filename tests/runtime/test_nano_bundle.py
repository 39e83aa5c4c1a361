"""The nano bundle answers as `nano.py` says: what the other tests build on."""

import itertools

import nano
import numpy as np
import pytest

from sparktts_onnx.bundle.contract import COMPONENTS
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language.language_model import LanguageModel

SPEAKER = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def sessions(manifest: Manifest) -> Sessions:
    return Sessions(nano.BUNDLE, manifest, device="cpu", threads=1)


def test_is_a_few_kilobytes() -> None:
    for folder in (nano.BUNDLE, nano.FIXED_BUNDLE):
        assert sum(file.stat().st_size for file in folder.iterdir()) < 40_000


def test_graphs_keep_the_contract(manifest: Manifest) -> None:
    for name, spec in COMPONENTS.items():
        entry = manifest.graphs[name]
        for declared, expected in ((entry.inputs, spec.inputs), (entry.outputs, spec.outputs)):
            assert [(t.name, t.dtype, len(t.axes)) for t in declared] == [
                (t.name, t.dtype, len(t.axes)) for t in expected
            ]


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_sound_is_predicted(sessions: Sessions, size: int) -> None:
    ids = [*itertools.islice(nano.walks(5), size - 1), nano.SILENT]
    z_q = sessions.run("quantizer_detokenize", {"semantic_tokens": np.array([ids, ids[::-1]])})[0]
    tokens = np.array([[SPEAKER], [SPEAKER]])
    d_vector = sessions.run("speaker_detokenize", {"global_tokens": tokens})[0]
    x = sessions.run("prenet", {"z_q": z_q, "d_vector": d_vector})[0]
    wav = sessions.run("decoder", {"x": x, "d_vector": d_vector})[0]
    for row, spoken in enumerate((ids, ids[::-1])):
        np.testing.assert_allclose(wav[row, 0], nano.sound(spoken, SPEAKER), atol=1e-5)
        assert nano.heard(wav[row, 0]) == tuple(spoken)
    assert np.abs(wav).max() < 1
    if size > 1:
        assert nano.heard_speaker(wav[0, 0]) == SPEAKER


@pytest.mark.parametrize(
    "prompt",
    [
        nano.clone_prompt("Hello.", SPEAKER),
        nano.clone_prompt("x" * 300, SPEAKER),
        nano.clone_prompt(" and more", SPEAKER, "Said before.", [5, 6, 7]),
        nano.create_prompt("Hi there", 1, 4, 0),
    ],
    ids=["clone", "long", "continue", "create"],
)
def test_next_ids_are_predicted(sessions: Sessions, manifest: Manifest, prompt: list[int]) -> None:
    model = LanguageModel(sessions["language_model"], manifest.language_model, slots=2)
    expected = nano.answer(prompt)
    logits, written = model.prefill(0, prompt), []
    for token in expected:
        written.append(int(logits.argmax()) + nano.HEAD_FIRST)
        logits = model.step([0], [token])[0]
    assert written == expected


def test_an_answer_has_every_phase() -> None:
    answer = nano.answer(nano.create_prompt("Hi.", 1, 3, 4))
    ids = nano.TOKEN_IDS
    assert answer[:2] == [nano.PITCH_VALUES.first + (1 + 3 + 4) % 4, ids.start_global]
    assert len(nano.global_numbers(answer)) == nano.GLOBAL_TOKENS
    assert answer[6:8] == [ids.end_global, ids.start_semantic]
    assert len(nano.semantic_numbers(answer)) == nano.TOKENS_PER_BYTE * len("Hi.")
    assert answer[-1] == ids.end_semantic

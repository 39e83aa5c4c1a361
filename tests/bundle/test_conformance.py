"""The Python host answers the conformance vectors, which other hosts answer too; a planted fault is found.

The vectors are made by `tests/tools/make_conformance_vectors.py` and mean what docs/bundle.md says.
"""

import base64
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.audio import reading
from sparktts_onnx.audio.joining import Joiner
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.codec import vocoder
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language import language_model, sampling, scheduler
from sparktts_onnx.runtime.language.grammar import CreationGrammar, SpeechGrammar
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.sampling import SamplingOptions
from sparktts_onnx.runtime.language.scheduler import Request, Scheduler
from sparktts_onnx.runtime.voices.enrollment import Enroller
from sparktts_onnx.runtime.voices.style import GENDERS, LEVELS, VoiceStyle
from sparktts_onnx.text.duration import expected_tokens, token_bounds
from sparktts_onnx.text.segments import split

FILE = Path(__file__).parents[1] / "data" / "conformance.json"
TOOL = Path(__file__).parents[1] / "tools" / "make_conformance_vectors.py"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sessions(manifest: Manifest) -> Sessions:
    return Sessions(nano.BUNDLE, manifest, device="cpu", threads=1)


def floats(data: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(data), "<f4")


def grammar(manifest: Manifest, kind: str, speaker: Any = None) -> SpeechGrammar | CreationGrammar:
    if kind == "create":
        chosen = None if speaker is None else tuple(speaker)
        return CreationGrammar(manifest.token_ids, manifest.codec, speaker=chosen)
    return SpeechGrammar(manifest.token_ids, manifest.codec, continues=kind == "continue")


def seed_of(entropy: Any) -> int:
    return int(np.random.SeedSequence([int(number) for number in entropy]).generate_state(1, np.uint64)[0])


def prompt(manifest: Manifest, case: dict[str, Any]) -> tuple[int, ...]:
    prompter = Prompter(nano.BUNDLE / "tokenizer.json", manifest.token_ids)
    if case.get("levels"):
        gender, pitch, speed = case["levels"]
        return prompter.create(case["text"], VoiceStyle(GENDERS[gender], LEVELS[pitch], LEVELS[speed]))
    semantic = case.get("semantic_ids")
    voice = Voice(
        codec=manifest.codec.fingerprint,
        global_ids=tuple(case["global_ids"]),
        semantic_ids=None if semantic is None else tuple(semantic),
        transcript=case.get("transcript"),
    )
    return prompter.clone(case["text"], voice)


def test_the_file_is_what_its_tool_makes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(TOOL), "--target", str(tmp_path / "made.json")], check=True, cwd=TOOL.parents[2]
    )
    assert json.loads((tmp_path / "made.json").read_text(encoding="utf-8")) == VECTORS


def test_prompts(manifest: Manifest) -> None:
    for case in VECTORS["prompts"]:
        assert list(prompt(manifest, case)) == case["ids"], case["text"]


def test_legal_ids_by_phase(manifest: Manifest) -> None:
    for case in VECTORS["legal"]:
        answer = grammar(manifest, case["kind"], case["speaker"])
        for token in case["written"]:
            answer.accept(token)
        assert [list(span) for span in answer.legal()] == case["legal"], case


def test_random_numbers() -> None:
    for case in VECTORS["random"]:
        seed = seed_of(case["entropy"])
        assert seed == int(case["seed"])
        assert np.random.default_rng(seed).random(4).tolist() == case["drawn"]


def check_sampling() -> None:
    for case in VECTORS["sampling"]:
        options = SamplingOptions(case["temperature"], case["top_k"], case["top_p"])
        rng = np.random.default_rng(case["seed"])
        found = [sampling.sample(floats(case["logits"]), options, rng) for _ in case["chosen"]]
        assert found == case["chosen"], case


def check_answers(manifest: Manifest, sessions: Sessions) -> None:
    model = Scheduler(LanguageModel(sessions["language_model"], manifest.language_model, slots=1))
    for case in VECTORS["answers"]:
        style = {"levels": [1, 0, 4]} if case["kind"] == "create" else {"global_ids": [1, 2, 3, 4]}
        options = SamplingOptions(case["temperature"], case["top_k"], case["top_p"], case["max_new_tokens"])
        asked = prompt(manifest, case | style)
        request = Request(asked, grammar(manifest, case["kind"]), options, seed_of(case["seed"]))
        assert list(model.generate(request)) == case["tokens"], case["text"]
    model.close()


def check_windows(manifest: Manifest, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[Any]] = []
    run = sessions.run

    def noted(name: str, inputs: Any) -> Any:
        if name == "prenet":
            calls.append([name, inputs["z_q"].shape[2]])
        elif name == "decoder":
            frames, (start, rest) = inputs["x"].shape[2], inputs["surplus"]
            calls.append([name, frames, int(start), frames - int(rest)])
        return run(name, inputs)

    monkeypatch.setattr(sessions, "run", noted)
    for case in VECTORS["windows"]:
        calls.clear()
        Vocoder(sessions, manifest.codec).decode([7] * case["tokens"], (1, 2, 3, 4))
        assert calls == case["calls"], case["tokens"]


def test_sampling() -> None:
    check_sampling()


def test_answers(manifest: Manifest, sessions: Sessions) -> None:
    check_answers(manifest, sessions)


def test_windows(manifest: Manifest, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    check_windows(manifest, sessions, monkeypatch)


def test_sound(manifest: Manifest, sessions: Sessions) -> None:
    case = VECTORS["wave"]
    wav = Vocoder(sessions, manifest.codec).decode(case["semantic_ids"], case["global_ids"])
    np.testing.assert_allclose(wav, floats(case["wav"]), rtol=0, atol=1e-5)


def test_the_rule_of_volume() -> None:
    for case in VECTORS["volume"]:
        found = reading.normalized_volume(np.array(case["wav"]))
        np.testing.assert_allclose(found, case["expected"], rtol=1e-12)


def test_a_recording(manifest: Manifest, sessions: Sessions) -> None:
    case, enroller = VECTORS["recording"], Enroller(sessions, manifest.codec)
    assert list(enroller.global_ids(floats(case["wav"]))) == case["global_ids"]
    assert list(enroller.semantic_ids(floats(case["wav"]))) == case["semantic_ids"]


def test_segments_and_lengths() -> None:
    for case in VECTORS["segments"]:
        assert [[s.text, s.pause_seconds] for s in split(case["text"], case["budget"])] == case["segments"]
    for case in VECTORS["lengths"]:
        bounds = token_bounds(case["text"])
        assert [expected_tokens(case["text"]), bounds.shortest, bounds.longest] == [case["expected"], *case["bounds"]]


def test_joining() -> None:
    for case in VECTORS["joining"]:
        joiner, joined = Joiner(1000), []
        for segment in case["segments"]:
            joined += [joiner.feed(floats(chunk)) for chunk in segment["chunks"]]
            joined.append(joiner.end_segment(segment["pause"]))
        joined.append(joiner.finish())
        np.testing.assert_allclose(np.concatenate(joined), floats(case["joined"]), rtol=0, atol=1e-7)
        assert [[span.start, span.end] for span in joiner.spans] == case["spans"]


def without_ties(logits: Any, k: int) -> Any:
    return np.sort(np.argsort(-logits, kind="stable")[:k]) if 0 < k < len(logits) else np.arange(len(logits))


def top_p_without_the_last(sums: Any, top_p: float) -> int:
    return max(1, int(np.searchsorted(sums, top_p * sums[-1], side="left")))


@pytest.mark.parametrize(
    ("module", "name", "fault"),
    [
        (sampling, "_top_k", without_ties),
        (sampling, "_top_p_count", top_p_without_the_last),
        (sampling, "_top_p_count", lambda sums, top_p: len(sums)),
    ],
)
def test_a_fault_in_sampling_is_found(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fault: Callable[..., Any]
) -> None:
    monkeypatch.setattr(module, name, fault)
    with pytest.raises(AssertionError):
        check_sampling()


def test_a_piece_of_a_prompt_that_is_lost_is_found(
    manifest: Manifest, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    extend = language_model.LanguageModel.extend
    monkeypatch.setattr(
        language_model.LanguageModel, "extend", lambda self, slot, ids: extend(self, slot, ids[-128:][:127])
    )
    with pytest.raises(AssertionError):
        check_answers(manifest, sessions)


def test_a_legal_id_too_many_is_found(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    legal = SpeechGrammar.legal
    monkeypatch.setattr(SpeechGrammar, "legal", lambda self: (*legal(self), (260, 261)))
    with pytest.raises(AssertionError):
        test_legal_ids_by_phase(manifest)


def test_a_window_with_less_around_it_is_found(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = dataclasses.replace(manifest.codec, prenet_context=2)
    narrow = dataclasses.replace(manifest, codec=codec)
    with pytest.raises(AssertionError):
        check_windows(narrow, Sessions(nano.BUNDLE, narrow, device="cpu", threads=1), monkeypatch)


def test_speaking_follows_the_seed_rule(tts: SparkTTSONNX, voice: Voice, manifest: Manifest) -> None:
    """What a whole host says for a seed: segment 0, attempt 0 of the vectors."""
    case = next(case for case in VECTORS["answers"] if case["kind"] == "clone" and case["seed"] == [1, 0, 0])
    _, info = tts.inference(case["text"], voice=voice, seed=1, normalize=False, retries=0)
    expected = nano.semantic_numbers(case["tokens"])
    assert info.tokens == len(expected)
    again = Vocoder(Sessions(nano.BUNDLE, manifest, device="cpu", threads=1), manifest.codec)
    wav, _ = tts.inference(case["text"], voice=voice, seed=1, normalize=False, retries=0)
    np.testing.assert_array_equal(wav, again.decode(expected, voice.global_ids))


def test_constants_of_the_contract() -> None:
    assert scheduler.PROMPT_PIECE == 128 and vocoder.PRENET_WINDOW == 500 and vocoder.DECODER_WINDOW == 25

"""Prompts: the published parts, and no text that acts as one of them."""

import dataclasses
from pathlib import Path

import nano
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from sparktts_onnx import Voice, VoiceStyle
from sparktts_onnx.errors import BundleError
from sparktts_onnx.runtime.language.prompting import CONTENT_START, Prompter

CONTROL_TEXTS = ["<|end_content|>", "<|bicodec_semantic_5|>", "<|im_end|>", "<|task_tts|>", "a<|gender_1|>b"]

PROMPTER = Prompter(nano.BUNDLE / "tokenizer.json", nano.TOKEN_IDS)


@pytest.mark.parametrize("text", ["Hello there.", "你好。", "🙂", "a", *CONTROL_TEXTS])
def test_clone(voice: Voice, text: str) -> None:
    assert list(PROMPTER.clone(text, voice)) == nano.clone_prompt(text, voice.global_ids)


@pytest.mark.parametrize("text", ["Hello there.", *CONTROL_TEXTS])
def test_clone_with_a_transcript(voice: Voice, text: str) -> None:
    for transcript in ("Said.", *CONTROL_TEXTS):
        known = dataclasses.replace(voice, semantic_ids=(7, 63), transcript=transcript)
        assert list(PROMPTER.clone(text, known)) == nano.clone_prompt(text, voice.global_ids, transcript, (7, 63))


@pytest.mark.parametrize("text", ["Hello there.", *CONTROL_TEXTS])
def test_create(text: str) -> None:
    style = VoiceStyle("male", "very_high", "low")
    assert list(PROMPTER.create(text, style)) == nano.create_prompt(text, 1, 4, 1)


@pytest.mark.parametrize("text", CONTROL_TEXTS)
def test_a_voice_file_cannot_carry_control_tokens(voice: Voice, text: str, tmp_path: Path) -> None:
    kept = dataclasses.replace(voice, semantic_ids=(7,), transcript=text, name=text, origin=text)
    read = Voice.load(kept.save(tmp_path / "v.json"))
    prompt = PROMPTER.clone(text, read)
    assert list(prompt) == nano.clone_prompt(text, voice.global_ids, text, (7,))


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_all_text_is_text(text: str) -> None:
    """Whatever the text, no id of it is one that has a role."""
    assert PROMPTER.text_ids(text) == list(text.encode())


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(BundleError, match=r"tokenizer\.json is not a tokenizer"):
        Prompter(path, nano.TOKEN_IDS).load()


@pytest.mark.parametrize("text", ["Hello there.", "你好。", " a🙂b ", "x"])
@pytest.mark.parametrize("transcript", ["", "Said.", "说"])
def test_the_text_is_found_in_its_prompt(voice: Voice, text: str, transcript: str) -> None:
    known = dataclasses.replace(voice, semantic_ids=(7,), transcript=transcript) if transcript else voice
    found = PROMPTER.locate(text, transcript)
    prompt = PROMPTER.clone(text, known)
    assert bytes(prompt[i] for i in found.positions) == text.encode(), "a byte a token"
    assert [text[start:stop] for start, stop in found.spans] == [c for c in text for _ in c.encode()]
    if not transcript:
        created = PROMPTER.create(text, VoiceStyle("male", "high", "low"))
        assert bytes(created[i] for i in found.positions) == text.encode()


def test_a_token_across_the_end_of_the_transcript_belongs_to_the_text(tmp_path: Path) -> None:
    merging = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "c": 2, "bc": 3}, merges=[("b", "c")]))
    merging.save(str(tmp_path / "tokenizer.json"))
    found = Prompter(tmp_path / "tokenizer.json", nano.TOKEN_IDS).locate("ca", "ab")
    assert found.positions == range(CONTENT_START + 1, CONTENT_START + 3)
    assert found.spans == ((0, 1), (1, 2))

"""Which ids are legal in which phase of an answer."""

import dataclasses

import nano
import pytest

from sparktts_onnx.bundle.manifest import IdRange, Manifest
from sparktts_onnx.runtime.language.grammar import MAX_ATTRIBUTES, CreationGrammar, Spans, SpeechGrammar

IDS = nano.TOKEN_IDS
SEMANTIC = set(range(IDS.semantic_tokens.first, IDS.semantic_tokens.stop))
GLOBAL = set(range(IDS.global_tokens.first, IDS.global_tokens.stop))
ENDS = {IDS.end_semantic, IDS.end_of_text}
ATTRIBUTES = {i for span in IDS.attributes for i in range(span.first, span.stop)}


def ids_of(spans: Spans) -> set[int]:
    """Legal ids; every span is whole and none overlaps another."""
    listed = [i for start, stop in spans for i in range(start, stop)]
    assert all(start < stop for start, stop in spans)
    assert len(listed) == len(set(listed))
    return set(listed)


def test_speech_begins_ends_and_never_holds_anything_else(manifest: Manifest) -> None:
    grammar = SpeechGrammar(IDS, manifest.codec)
    assert ids_of(grammar.legal()) == {*SEMANTIC, IDS.start_semantic}
    assert not grammar.accept(IDS.start_semantic)
    assert ids_of(grammar.legal()) == SEMANTIC  # no end without a single id
    assert not grammar.accept(IDS.semantic_tokens.first + 5)
    assert ids_of(grammar.legal()) == SEMANTIC | ENDS
    assert not grammar.accept(IDS.semantic_tokens.first)
    assert grammar.semantic_ids == [5, 0]
    assert not grammar.ended
    assert grammar.accept(IDS.end_semantic)
    assert grammar.ended


@pytest.mark.parametrize("end", sorted(ENDS))
def test_either_end_ends(manifest: Manifest, end: int) -> None:
    grammar = SpeechGrammar(IDS, manifest.codec)
    grammar.accept(IDS.semantic_tokens.first)
    assert grammar.accept(end)
    assert grammar.ended
    assert grammar.semantic_ids == [0]


def test_speech_that_goes_on_has_no_start(manifest: Manifest) -> None:
    assert ids_of(SpeechGrammar(IDS, manifest.codec, continues=True).legal()) == SEMANTIC


def test_codes_that_the_codec_has_not_are_never_legal(manifest: Manifest) -> None:
    small = dataclasses.replace(manifest.codec, semantic_codes=10, global_codes=3)
    first = IDS.semantic_tokens.first
    assert ids_of(SpeechGrammar(IDS, small, continues=True).legal()) == set(range(first, first + 10))
    creation = CreationGrammar(IDS, small)
    creation.accept(IDS.start_global)
    assert ids_of(creation.legal()) == set(range(IDS.global_tokens.first, IDS.global_tokens.first + 3))
    fewer = dataclasses.replace(IDS, semantic_tokens=IdRange(first, 7))
    assert len(ids_of(SpeechGrammar(fewer, manifest.codec, continues=True).legal())) == 7


def test_a_creation_goes_through_its_phases(manifest: Manifest) -> None:
    grammar = CreationGrammar(IDS, manifest.codec)
    before = {*ATTRIBUTES, IDS.start_global, *GLOBAL}
    assert ids_of(grammar.legal()) == before
    grammar.accept(nano.PITCH_VALUES.first)
    assert ids_of(grammar.legal()) == before
    grammar.accept(IDS.start_global)
    for number in (3, 1, 4, 1):
        assert ids_of(grammar.legal()) == GLOBAL
        grammar.accept(IDS.global_tokens.first + number)
    assert grammar.global_ids == [3, 1, 4, 1]
    assert ids_of(grammar.legal()) == {*SEMANTIC, IDS.start_semantic, IDS.end_global}
    grammar.accept(IDS.end_global)
    assert ids_of(grammar.legal()) == {*SEMANTIC, IDS.start_semantic}  # once is enough
    grammar.accept(IDS.start_semantic)
    assert ids_of(grammar.legal()) == SEMANTIC
    grammar.accept(IDS.semantic_tokens.first + 9)
    assert ids_of(grammar.legal()) == SEMANTIC | ENDS
    assert grammar.accept(IDS.end_of_text)
    assert grammar.ended


def test_attributes_are_limited(manifest: Manifest) -> None:
    grammar = CreationGrammar(IDS, manifest.codec)
    for _ in range(MAX_ATTRIBUTES):
        assert ids_of(grammar.legal()) > {IDS.start_global}
        grammar.accept(nano.PITCH_VALUES.first)
    assert ids_of(grammar.legal()) == {IDS.start_global}


def test_a_given_speaker_is_the_only_legal_one(manifest: Manifest) -> None:
    grammar = CreationGrammar(IDS, manifest.codec, speaker=(7, 0, 7, 2))
    for number in (7, 0, 7, 2):
        legal = ids_of(grammar.legal())
        assert legal & GLOBAL == {IDS.global_tokens.first + number}
        grammar.accept(IDS.global_tokens.first + number)
    assert grammar.global_ids == [7, 0, 7, 2]
    assert not ids_of(grammar.legal()) & GLOBAL

"""Chunks of a stream against the one-shot decode."""

import itertools

import nano
import numpy as np
import pytest

from sparktts_onnx import StreamOptions
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream
from sparktts_onnx.runtime.graphs.sessions import Sessions

SPEAKER = (3, 1, 4, 1)
IDS = list(itertools.islice(nano.walks(), 150))
WHOLE = nano.sound(IDS, SPEAKER)
CONTEXT = nano.PRENET_CONTEXT + nano.DECODER_CONTEXT


@pytest.fixture(scope="module")
def vocoder(manifest: Manifest) -> Vocoder:
    return Vocoder(Sessions(nano.BUNDLE, manifest, threads=1), manifest.codec)


def streamed(vocoder: Vocoder, options: StreamOptions, ids: list[int] = IDS) -> list[np.ndarray]:
    stream = VocoderStream(vocoder, vocoder.d_vector(SPEAKER), options)
    chunks = [chunk for token in ids if (chunk := stream.push(token)) is not None]
    return [*chunks, rest] if len(rest := stream.finish()) else chunks


@pytest.mark.parametrize("look_ahead", [CONTEXT, CONTEXT + 1, 66])
@pytest.mark.parametrize("first_chunk", [1, 7, 15])
def test_with_the_full_context_the_stream_is_exact(vocoder: Vocoder, look_ahead: int, first_chunk: int) -> None:
    chunks = streamed(vocoder, StreamOptions(look_ahead=look_ahead, first_chunk=first_chunk, first_look_ahead=0))
    assert len(chunks) > 2
    np.testing.assert_allclose(np.concatenate(chunks), WHOLE, atol=1e-5)


def test_less_look_ahead_costs_exactness_only_where_chunks_meet(vocoder: Vocoder) -> None:
    errors = []
    for look_ahead in range(CONTEXT + 1):
        options = StreamOptions(look_ahead, first_chunk=10, largest_chunk=10, first_look_ahead=look_ahead)
        error = np.abs(np.concatenate(streamed(vocoder, options)) - WHOLE).reshape(-1, nano.HOP).max(1)
        errors.append(float(error.sum()))
        wrong = {int(t) % 10 for t in np.flatnonzero(error > 1e-5)}
        around = {(10 - i) % 10 for i in range(CONTEXT - look_ahead + 1)} if look_ahead < CONTEXT else set()
        assert wrong <= around, f"with look-ahead {look_ahead}"
    assert errors[0] > 0.01
    assert all(before > after for before, after in itertools.pairwise(errors))


def test_chunks_grow_and_the_first_comes_early(vocoder: Vocoder) -> None:
    options = StreamOptions(look_ahead=3, first_chunk=5, largest_chunk=16, first_look_ahead=2)
    stream = VocoderStream(vocoder, vocoder.d_vector(SPEAKER), options)
    given = {count: len(chunk) // nano.HOP for count, i in enumerate(IDS, 1) if (chunk := stream.push(i)) is not None}
    assert list(given.items())[:5] == [(7, 5), (16, 8), (28, 12), (44, 16), (60, 16)]
    assert options.tokens_before_sound(CONTEXT) == 7
    assert sum(given.values()) + len(stream.finish()) // nano.HOP == len(IDS)


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 7, 8, 15, 16, 17])
@pytest.mark.parametrize("look_ahead", [0, 2, 10])
def test_no_sample_is_lost_whatever_the_length(vocoder: Vocoder, length: int, look_ahead: int) -> None:
    chunks = streamed(vocoder, StreamOptions(look_ahead, 5, 5), IDS[:length])
    wav = np.concatenate([np.zeros(0, np.float32), *chunks])
    assert wav.shape == (length * nano.HOP,)
    assert nano.heard(wav) == tuple(IDS[:length])
    assert all(len(chunk) for chunk in chunks)

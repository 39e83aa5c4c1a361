"""Checkpoints of sizes that nobody published convert and agree with their modules."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sparktts_onnx.bundle.manifest import read_manifest
from sparktts_onnx.export.checkpoint.checkpoint import open_checkpoint
from sparktts_onnx.export.codec.geometry import generator_context, prenet_context
from sparktts_onnx.export.codec.references import Wav2Vec2Features
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.modules.config import FeatureDecoderConfig, GeneratorConfig
from sparktts_onnx.export.modules.feature_codec import FeatureDecoder, SamplingBlock
from sparktts_onnx.export.modules.generator import WaveGenerator
from sparktts_onnx.export.modules.quantizer import FiniteScalarQuantizer
from sparktts_onnx.export.options import ConversionOptions
from synthetic.checkpoint import SyntheticWeights, write_checkpoint
from synthetic.sizes import Sizes, tiny_sizes


def odd_sizes() -> Sizes:
    """Every config differs from the published one in more than width."""
    sizes = tiny_sizes()
    codec = {name: dict(section) for name, section in sizes.codec.items()}
    codec["mel_params"] |= {"n_fft": 512, "win_length": 400, "hop_length": 160, "num_mels": 80, "mel_fmax": 7600}
    codec["encoder"] |= {"sample_ratios": [2, 1], "vocos_num_layers": 3, "out_channels": 20}
    codec["quantizer"] |= {"input_dim": 20, "codebook_size": 100, "codebook_dim": 5, "use_l2_normlize": False}
    codec["decoder"] |= {"rates": [5, 4, 4, 4], "kernel_sizes": [11, 8, 8, 8], "channels": 64, "input_channel": 28}
    codec["speaker_encoder"] |= {"input_dim": 80, "out_dim": 28, "token_num": 9, "fsq_levels": [8, 5, 5, 3]}
    codec["prenet"] |= {"input_channels": 20, "out_channels": 28, "condition_dim": 28, "sample_ratios": [1, 2]}
    codec["postnet"] |= {"input_channels": 28, "out_channels": 12, "use_tanh_at_final": True, "sample_ratios": [1]}
    language_model = {
        **sizes.language_model,
        **{"hidden_size": 72, "num_attention_heads": 3, "num_key_value_heads": 1, "tie_word_embeddings": False},
    }
    wav2vec2 = {
        **sizes.wav2vec2,
        **{"conv_dim": [8, 16, 24, 32, 32, 32, 32], "conv_bias": False, "num_hidden_layers": 18},
        **{"feat_extract_norm": "group", "do_stable_layer_norm": False},
    }
    return dataclasses.replace(
        sizes,
        audio={**sizes.audio, "ref_segment_duration": 3.5},
        codec=codec,
        language_model=language_model,
        wav2vec2=wav2vec2,
        text_ids=1000,
    )


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "Odd"
    write_checkpoint(odd_sizes(), folder, weights=SyntheticWeights("odd"))
    return folder


def test_odd_sizes_convert_and_verify(odd_folder: Path, tmp_path: Path) -> None:
    convert(ConversionOptions(odd_folder, tmp_path / "onnx"))
    codec = read_manifest(tmp_path / "onnx").codec
    assert codec.hop_length == 640 and codec.frames_per_token == 2
    assert codec.reference_samples == 56000 and codec.global_tokens == 9
    assert codec.semantic_codes == 100 and codec.global_codes == 600


def test_the_features_are_those_of_transformers(odd_folder: Path, tiny_folder: Path) -> None:
    wav = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    for folder in (odd_folder, tiny_folder):
        model = open_checkpoint(folder).load_wav2vec2()
        centered = (wav - wav.mean()) / torch.sqrt(wav.var(unbiased=False) + 1e-7)
        with torch.no_grad():
            states = model(centered, output_hidden_states=True).hidden_states
            found = Wav2Vec2Features(model, normalize=True)(wav)
        expected = (states[11] + states[14] + states[16]) / 3
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ratio", [2, 3, 4])
@pytest.mark.parametrize("frames", [8, 9, 11])
def test_sampling_blocks_keep_the_promised_length(ratio: int, frames: int) -> None:
    x = torch.randn(2, frames, 6)
    assert SamplingBlock(6, upsample=ratio)(x).shape == (2, 6, frames * ratio)
    assert SamplingBlock(6, downsample=ratio)(x).shape == (2, 6, frames // ratio)
    torch.testing.assert_close(SamplingBlock(6)(x), 3 * x.transpose(1, 2))


@pytest.mark.parametrize("levels", [(4, 4, 4), (8, 5, 5, 5), (3, 7, 2)])
def test_every_scalar_code_survives_the_way_back(levels: tuple[int, ...]) -> None:
    quantizer = FiniteScalarQuantizer(len(levels), levels)
    with torch.no_grad():
        for linear in (quantizer.project_in, quantizer.project_out):
            linear.weight.copy_(torch.eye(len(levels)))
            linear.bias.zero_()
        ids = torch.arange(math.prod(levels)).unsqueeze(0)
        codes = quantizer.detokenize(ids)
    assert codes.min() >= -1 and codes.max() <= 1
    assert len(torch.unique(codes[0], dim=0)) == math.prod(levels)


def reach(found: torch.Tensor, like: torch.Tensor, middle: int, frames: int) -> int:
    """How many inputs to each side of the middle a gradient reaches."""
    touched = np.flatnonzero(like.grad.abs().sum((0, 1)).numpy())  # type: ignore[union-attr]
    return int(max(middle - touched.min(), touched.max() - middle))


@pytest.mark.parametrize(("rates", "kernels"), [((8, 5, 4, 2), (16, 11, 8, 4)), ((5, 4, 4, 4), (11, 8, 8, 8))])
def test_the_generators_context_is_what_a_gradient_reaches(rates: tuple[int, ...], kernels: tuple[int, ...]) -> None:
    config = GeneratorConfig(input_channel=4, channels=16, rates=rates, kernel_sizes=kernels)
    hop, frames, middle = math.prod(rates), 61, 30
    x = torch.randn(1, 4, frames, requires_grad=True)
    wave = WaveGenerator(config)(x)
    wave[0, 0, middle * hop : (middle + 1) * hop].sum().backward()
    assert reach(wave, x, middle, frames) == generator_context(config)


@pytest.mark.parametrize("ratios", [(1, 1), (2, 1), (1, 3)])
def test_the_prenets_context_covers_what_a_gradient_reaches(ratios: tuple[int, ...]) -> None:
    config = FeatureDecoderConfig(4, 4, 8, 3, 4, condition_dim=4, sample_ratios=ratios)
    per_token, frames, middle = math.prod(ratios), 121, 60
    x = torch.randn(1, 4, frames, requires_grad=True)
    out = FeatureDecoder(config)(x, torch.randn(1, 4))
    out[0, :, middle * per_token : (middle + 1) * per_token].square().sum().backward()
    found, stated = reach(out, x, middle, frames), prenet_context(config)
    assert found <= stated <= found + 1


def test_a_recording_shorter_than_a_window_has_a_voice(tiny_folder: Path) -> None:
    codec = open_checkpoint(tiny_folder).load_codec()
    for samples in (1, 2, 100, 319, 320, 700):
        with torch.no_grad():
            ids, x_vector = codec.speaker_encoder.tokenize(codec.mel_transformer(torch.rand(1, samples)))
        assert ids.shape == (1, 1, 32) and torch.isfinite(x_vector).all()
